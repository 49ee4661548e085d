import numpy as np
import pytest

from wbc.split.near_duplicates.neighbors import Neighbors


@pytest.fixture(scope="module")
def points():
    """4,000 points, every other one with a near copy: as images with copies are."""
    random = np.random.default_rng(1)
    singles = random.normal(size=(2000, 48)) / np.sqrt(np.arange(1, 49))
    copies = singles + 0.01 * random.normal(size=singles.shape)
    return np.stack([singles, copies], axis=1).reshape(-1, 48).astype(np.float32)


def test_few_points_are_answered_exactly(points):
    distances, numbers = Neighbors(points).nearest(3, [10, 11])
    assert numbers[:, 0].tolist() == [10, 11]
    assert numbers[:, 1].tolist() == [11, 10]
    expected = np.sort(np.linalg.norm(points[10] - points, axis=1))[:3]
    assert distances[0] == pytest.approx(expected, abs=1e-3)


def test_many_are_answered_nearly_as_well(points):
    exact, graph = Neighbors(points), Neighbors(points, exact=1000)
    (distances, numbers), (found_distances, found) = (index.nearest(11) for index in (exact, graph))
    alike = np.mean([len(np.intersect1d(*rows)) / 11 for rows in zip(numbers, found, strict=True)])
    assert alike > 0.99
    assert (numbers[:, 1] == found[:, 1]).mean() > 0.995
    same = numbers == found
    assert found_distances[same] == pytest.approx(distances[same], abs=1e-3)
    assert (np.diff(found_distances, axis=1) >= 0).all()


def test_the_same_answer_twice(points):
    first, second = (Neighbors(points, exact=1000).nearest(11) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("exact", [10, 0])
def test_asked_for_more_than_there_are(exact):
    distances, numbers = Neighbors(np.eye(4, dtype=np.float32), exact).nearest(10, [2])
    assert sorted(numbers[0]) == [0, 1, 2, 3]
    assert distances[0] == pytest.approx([0, 2**0.5, 2**0.5, 2**0.5])
