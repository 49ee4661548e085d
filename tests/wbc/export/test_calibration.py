import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from wbc.export.calibration import (
    expected_calibration_error,
    fit_temperature,
    reliability,
    tempered,
)
from wbc.export.calibration import log_loss as own_log_loss
from wbc.export.ood import distance_threshold, reference
from wbc.export.prediction_sets import prediction_sets, set_threshold


@pytest.fixture
def honest():
    """(labels, probabilities) of a classifier whose probabilities are right."""
    random = np.random.default_rng(0)
    probabilities = softmax(random.normal(0, 2, (5000, 4)), axis=1)
    labels = np.array([random.choice(4, p=row) for row in probabilities])
    return labels, probabilities


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_by_which_probabilities_were_spoilt_is_found(honest, temperature):
    labels, probabilities = honest
    spoilt = tempered(probabilities, 1 / temperature)
    assert fit_temperature(labels, spoilt, np.ones(5000)) == pytest.approx(temperature, rel=0.06)


def test_tempering_moves_no_prediction_and_keeps_the_sum(honest):
    _, probabilities = honest
    for temperature in (0.3, 1.0, 5.0):
        made = tempered(probabilities, temperature)
        assert (made.argmax(axis=1) == probabilities.argmax(axis=1)).all()
        assert made.sum(axis=1) == pytest.approx(1)
    assert tempered(probabilities, 1.0) == pytest.approx(probabilities)


def test_log_loss_is_scikit_learns(honest):
    labels, probabilities = honest
    weights = np.random.default_rng(1).uniform(0.5, 2, 5000)
    assert own_log_loss(labels, probabilities, weights) == pytest.approx(
        log_loss(labels, probabilities, sample_weight=weights)
    )


def test_honest_probabilities_have_next_to_no_calibration_error_and_overconfident_ones_do(honest):
    labels, probabilities = honest
    errors = [
        expected_calibration_error(reliability(labels, made, np.ones(5000)))
        for made in (probabilities, tempered(probabilities, 0.3))
    ]
    assert errors[0] < 0.02 < 0.15 < errors[1]


def test_sets_hold_the_true_class_of_new_groups_as_often_as_asked():
    """Groups of copies share their luck: 200 trials of 60 known groups and one new one."""
    random = np.random.default_rng(0)
    inside = []
    for _ in range(400):
        difficulty = random.uniform(0, 3, 61)
        groups = np.repeat(np.arange(61), 6)
        logits = random.normal(0, 1, (366, 3))
        labels = np.repeat(random.integers(3, size=61), 6)
        logits[np.arange(366), labels] += difficulty[groups]
        probabilities = softmax(logits, axis=1)
        threshold = set_threshold(labels[:-6], probabilities[:-6], groups[:-6], 0.9)
        inside.append(prediction_sets(probabilities[-6:], threshold)[np.arange(6), labels[-6:]].mean())
    assert 0.88 < np.mean(inside) < 0.95


def test_too_few_groups_for_the_coverage_put_every_class_into_every_set():
    probabilities = np.full((3, 2), 0.5)
    assert set_threshold(np.zeros(3, int), probabilities, np.arange(3), 0.9) == 0.0
    assert prediction_sets(probabilities, 0.0).all()


def test_a_classifier_that_is_sure_and_right_leaves_no_image_without_a_class():
    random = np.random.default_rng(0)
    labels = random.integers(3, size=500)
    probabilities = softmax(random.normal(0, 1, (500, 3)) + 9 * np.eye(3)[labels], axis=1)
    threshold = set_threshold(labels, probabilities, np.arange(500), 0.9)
    members = prediction_sets(probabilities, threshold)
    assert threshold == 0.5
    assert members.any(axis=1).mean() > 0.99 and members[np.arange(500), labels].mean() > 0.99


def test_an_image_is_compared_with_the_known_at_every_zoom():
    features = np.random.default_rng(0).normal(size=(40, 3, 8))
    assert reference(features).distances(features[:, 2], 1).max() < 1e-6
    assert reference(features[:, 0]).distances(features[:, 2], 1).max() > 0.01


def test_what_is_unlike_the_known_is_far_from_it():
    random = np.random.default_rng(0)
    centers = random.normal(0, 3, (3, 30))
    known = random.normal(0, 1, (200, 30)) + np.repeat(centers[:2], 100, axis=0)
    fitted = reference(known[::2])
    near = fitted.distances(known[1::2], 5)
    far = fitted.distances(random.normal(0, 1, (50, 30)) + centers[2], 5)
    limit = distance_threshold(near, np.arange(100), 0.95)
    assert np.mean(near <= limit) == pytest.approx(0.95, abs=0.02), "the limit was set on these"
    assert np.mean(far > limit) > 0.95
