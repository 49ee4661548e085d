import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from wbc.fetch.drawn.dataset import SyntheticParams, draw_dataset
from wbc.split.near_duplicates import comparisons
from wbc.split.near_duplicates.search import find_near_duplicates


def draw(folder, cells, copies, seed=3):
    """Save drawn cells as PNG; returns their paths and their cells' numbers."""
    params = SyntheticParams(seed=seed, cells_per_class=cells, copies_per_cell=copies, image_size=80)
    files, sources = [], []
    for drawing in draw_dataset(params):
        files.append(folder / f"{drawing.label}_{drawing.number:04d}.png")
        drawing.image.save(files[-1])
        sources.append(f"{drawing.label} {drawing.source}")
    return files, np.unique(sources, return_inverse=True)[1]


def pairs(numbers):
    """Whether two images have one number, for each pair of images."""
    return np.equal.outer(numbers, numbers)[np.triu_indices(len(numbers), 1)]


def test_turned_mirrored_and_sheared_copies_are_one_group(tmp_path):
    files, sources = draw(tmp_path, cells=4, copies=6)
    recognized = find_near_duplicates(files)
    same, found = pairs(sources), pairs(recognized.photo_id)
    assert found[same].mean() > 0.85
    assert same[found].mean() > 0.99
    # What is named as doubtful is apart, and not a split's own doing: no two photographs of one group.
    group_of = dict(zip(recognized.photo_id.tolist(), recognized.group.tolist(), strict=True))
    assert all(group_of[one] != group_of[other] for one, other in recognized.doubtful.tolist())


def test_nothing_is_compared_twice_and_the_answer_is_the_same(tmp_path, monkeypatch):
    files, _ = draw(tmp_path, cells=3, copies=5)
    alone = find_near_duplicates(files)
    first = find_near_duplicates(files[:-1], tmp_path / "cache")
    compared = []
    compare = comparisons.compare
    monkeypatch.setattr(comparisons, "compare", lambda *pair: compared.append(pair) or compare(*pair))
    one_more = find_near_duplicates(files, tmp_path / "cache")
    assert 0 < len(compared) < 60  # of the new image with its neighbors, and what that moved
    compared.clear()
    again = find_near_duplicates(files, tmp_path / "cache")
    assert not compared
    for kept in (one_more, again):
        assert all(np.array_equal(*columns) for columns in zip(alone, kept, strict=True))
    assert len(first.photo_id) == len(files) - 1


def test_different_cells_stay_apart(tmp_path):
    files, sources = draw(tmp_path, cells=8, copies=1)
    found = find_near_duplicates(files)
    assert len(set(found.photo_id)) == len(set(found.group)) == len(files) == len(set(sources))
    assert len(found.doubtful) == 0  # where few images have copies, a likeness is none


def test_a_cell_photographed_again_in_another_light_is_in_the_group_but_no_copy(tmp_path):
    """Where nearly all images are of different cells, a likeness in another light is no copy of the file."""
    files, _ = draw(tmp_path, cells=5, copies=1)
    again = ImageEnhance.Brightness(Image.open(files[0]).convert("RGB")).enhance(0.8).rotate(5, fillcolor=(150,) * 3)
    again.save(tmp_path / "again.png")
    found = find_near_duplicates([*files, tmp_path / "again.png"])
    assert found.group[-1] == found.group[0]
    assert found.photo_id[-1] != found.photo_id[0]
    assert len(set(found.group)) == len(files)


def test_recompressed_and_resized_copies_are_one_group(tmp_path):
    files, _ = draw(tmp_path, cells=2, copies=1)
    copies = []
    for number, file in enumerate(files):
        content = io.BytesIO()
        Image.open(file).convert("RGB").resize((120, 120)).save(content, "JPEG", quality=60)
        copies.append(tmp_path / f"copy{number}.jpg")
        copies[-1].write_bytes(content.getvalue())
    group = find_near_duplicates([*files, *copies]).photo_id
    assert group.tolist() == [*range(len(files))] * 2


def test_identical_pixels_are_one_group_whatever_the_file(tmp_path):
    random = np.random.default_rng(0)
    one, two = (Image.fromarray(random.integers(256, size=(20, 20, 3), dtype=np.uint8)) for _ in range(2))
    one.save(tmp_path / "a.png")
    two.save(tmp_path / "b.png")
    one.save(tmp_path / "c.bmp")  # another format, the same pixels
    found = find_near_duplicates([tmp_path / name for name in ("a.png", "b.png", "c.bmp")])
    assert found.pixels.tolist() == found.photo_id.tolist() == found.group.tolist() == [0, 1, 0]


def test_the_same_files_give_the_same_groups(tmp_path):
    files, _ = draw(tmp_path, cells=2, copies=3)
    one, other = find_near_duplicates(files), find_near_duplicates(files)
    assert all((mine == theirs).all() for mine, theirs in zip(one, other, strict=True))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_images_without_any_detail(tmp_path, count):
    files = []
    for number in range(count):
        files.append(tmp_path / f"{number}.png")
        Image.new("RGB", (8, 8), (200 - number, 200, 200)).save(files[-1])
    assert len(set(find_near_duplicates(files).photo_id)) == count
