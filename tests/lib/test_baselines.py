import numpy as np

from stages.lib.baselines import colour_histogram, logistic_regression, majority


def test_histogram_counts_colours_and_knows_no_place():
    random = np.random.default_rng(0)
    pixels = random.integers(256, size=(20, 30, 3), dtype=np.uint8)
    histogram = colour_histogram(pixels)
    assert histogram.shape == (64,)
    assert histogram.sum() == 1
    shuffled = random.permutation(pixels.reshape(-1, 3)).reshape(20, 30, 3)
    assert (colour_histogram(shuffled) == histogram).all()
    assert colour_histogram(np.full((4, 4, 3), (255, 0, 64), np.uint8))[3 * 16 + 0 * 4 + 1] == 1


def test_majority_is_the_most_frequent_of_training():
    assert majority(np.array([2, 1, 2, 0]), 3).tolist() == [2, 2, 2]


def test_logistic_regression_learns_what_is_linear():
    random = np.random.default_rng(0)
    labels = random.integers(3, size=300)
    numbers = random.normal(size=(300, 5)) + 4 * np.eye(5)[labels]
    assert (logistic_regression(numbers[:200], labels[:200], numbers[200:]) == labels[200:]).mean() > 0.9
