"""Adapting with a few labelled cells, on features that tell the classes apart by other axes at the other laboratory."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from wbc.export import ood as novelty
from wbc.export.calibration import TEMPERATURES, fit_temperature
from wbc.export.decision import Decision
from wbc.predict.adaptation import (
    Cells,
    adapt,
    adapt_head,
    extended,
    fewest,
    learning_curve,
    shots,
    smoothed_temperature,
)
from wbc.train.head import Head, predict_proba
from wbc.train.layers import BatchNorm, Dense, Relu, Standardize

DECISION = Decision(["a", "b", "c"], 1.0, 0.2, 0.5, 3, 0.9, 0.95)
FEATURES = 8


def cells(count, seed, abroad=False):
    """Cells of three classes, each with an axis of its own: here one of the first three, abroad one of the next."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    features = random.normal(scale=0.4, size=(count, FEATURES))
    features[np.arange(count), labels + 3 * abroad] += 2
    return Cells(features.astype(np.float16), labels)


def shipped():
    """A head that knows the axes at home."""
    kernel = np.zeros((FEATURES, 3))
    kernel[:3] = 2 * np.eye(3)
    return Head([Standardize.neutral(FEATURES), Dense(kernel, np.zeros(3))])


def accuracy(heads, test):
    predicted = np.mean([predict_proba(head, test.features) for head in heads], axis=0).argmax(axis=1)
    return float((predicted == test.labels).mean())


def test_labelled_cells_decide_where_the_laboratories_differ_and_what_was_known_is_kept():
    head, test = shipped(), cells(300, 2, abroad=True)
    after = adapt_head(head, cells(60, 1, abroad=True), c=0.1)
    assert accuracy([head], test) < 0.6 and accuracy([after], test) > 0.85
    assert accuracy([after], cells(300, 3)) > 0.9
    np.testing.assert_array_equal(head.dense[-1].kernel, shipped().dense[-1].kernel)


def test_from_zero_weights_it_is_scikit_learns_logistic_regression():
    """Its bias is a column of ones here, since the shipped bias is a weight like every other."""
    zero, own = Head([Standardize.neutral(FEATURES), Dense(np.zeros((FEATURES, 3)), np.zeros(3))]), cells(90, 1)
    inputs = np.column_stack([own.features.astype(float), np.ones(90)])
    theirs = LogisticRegression(C=0.1, fit_intercept=False, tol=1e-10, max_iter=1000).fit(inputs, own.labels)
    found = adapt_head(zero, own, c=0.1)
    np.testing.assert_allclose(found.dense[-1].kernel, theirs.coef_[:, :-1].T, atol=2e-3)
    np.testing.assert_allclose(found.dense[-1].bias, theirs.coef_[:, -1], atol=2e-3)


def test_a_tiny_c_leaves_the_shipped_weights_and_a_class_without_cells_keeps_its_place():
    own = cells(60, 1, abroad=True)
    np.testing.assert_allclose(
        adapt_head(shipped(), own, c=1e-9).dense[-1].kernel, shipped().dense[-1].kernel, atol=1e-6
    )
    two = own.take(own.labels != 1)
    test = cells(300, 3)
    assert accuracy([adapt_head(shipped(), two)], test.take(test.labels == 1)) > 0.9


def test_of_a_head_with_blocks_the_last_layer_alone_changes():
    random = np.random.default_rng(0)
    first = Dense(random.normal(size=(FEATURES, 5)), random.uniform(0.5, 1, 5))
    norm = BatchNorm(*(random.uniform(0.5, 1, 5) for _ in range(4)))
    last = Dense(random.normal(size=(5, 3)), np.zeros(3))
    head = Head([Standardize.neutral(FEATURES), first, Relu(), norm, last])
    own = cells(90, 1)
    after = adapt_head(head, own, c=1.0)
    assert after.layers[:-1] == head.layers[:-1] and accuracy([after], own) > accuracy([head], own) + 0.2


def test_more_labelled_cells_help_and_are_scored_on_those_not_drawn():
    own = cells(90, 1, abroad=True)
    assert shots(own) == [0, 1, 2, 5, 10, 20] and shots(own.take(np.arange(6))) == [0, 1]
    curve = list(learning_curve([shipped()], own, [0, 1, 20], draws=4, seed=1))
    assert [shot for shot, *_ in curve] == [0, 1, 1, 1, 1, 20, 20, 20, 20]
    mean = {shot: np.mean([score for found, score, _ in curve if found == shot]) for shot in (0, 20)}
    assert mean[20] > mean[0] + 0.1
    assert curve == list(learning_curve([shipped()], own, [0, 1, 20], draws=4, seed=1))


def test_a_class_of_one_labelled_cell_is_kept_to_be_scored():
    curve = learning_curve([shipped()], cells(7, 1), [5], draws=2, seed=0)  # class a has three, b and c two
    assert [shot for shot, *_ in curve] == [5, 5]


def test_adapted_heads_are_kept_where_they_are_better_and_calibrated_on_held_out_cells():
    reference = novelty.reference(cells(300, 0).features)
    adapted = adapt([shipped()], reference, cells(90, 1, abroad=True), DECISION, seed=1)
    assert adapted.is_better and adapted.after > adapted.before + 0.1
    test = cells(300, 4, abroad=True)
    assert accuracy(adapted.heads, test) > accuracy([shipped()], test) + 0.1
    assert (adapted.decision.classes, adapted.decision.coverage, adapted.decision.known) == (["a", "b", "c"], 0.9, 0.95)
    assert adapted.decision.temperature != 1.0 and adapted.decision.set_threshold != 0.2
    distances = adapted.reference.distances(test.features, 3)
    assert distances.mean() < reference.distances(test.features, 3).mean()
    assert (distances > adapted.decision.distance_threshold).mean() < 0.15
    assert adapt([shipped()], reference, cells(90, 1, abroad=True), DECISION, seed=1).decision == adapted.decision


def test_shipped_heads_are_kept_where_adapting_does_not_help():
    adapted = adapt([shipped()], novelty.reference(cells(300, 0).features), cells(60, 1), DECISION, seed=1)
    assert not adapted.is_better and accuracy(adapted.heads, cells(60, 1)) == pytest.approx(adapted.before)
    np.testing.assert_array_equal(adapted.heads[0].dense[-1].kernel, shipped().dense[-1].kernel)


def test_too_few_cells_leave_temperature_sets_and_threshold_as_they_were():
    assert fewest(DECISION) == 9
    reference = novelty.reference(cells(300, 0).features)
    assert adapt([shipped()], reference, cells(6, 1, abroad=True), DECISION, seed=1).decision == DECISION
    assert adapt([shipped()], reference, cells(9, 1, abroad=True), DECISION, seed=1).decision != DECISION


def test_a_reference_takes_further_images_up_to_its_limit(monkeypatch):
    reference = novelty.reference(cells(30, 0).features)
    more = cells(12, 1, abroad=True).features
    assert len(extended(reference, more).directions) == 42
    assert extended(reference, more).distances(more, 1).max() < 1e-6 < reference.distances(more, 1).min()
    monkeypatch.setattr(novelty, "MOST", 20)
    assert len(extended(reference, more).directions) == 20
    assert extended(reference, more).distances(more, 1).max() < 1e-6


def test_a_few_cells_that_are_all_right_do_not_make_it_as_sure_as_can_be():
    probabilities, labels = np.full((10, 3), 0.05), np.arange(10) % 3
    probabilities[np.arange(10), labels] = 0.9
    assert fit_temperature(labels, probabilities, np.ones(10)) == TEMPERATURES[0]
    few, many = (smoothed_temperature(np.tile(probabilities, (n, 1)), np.tile(labels, n)) for n in (1, 30))
    assert TEMPERATURES[0] < many < few < 1
