"""Adapting with a few labelled cells, on features that tell the classes apart by other axes at the other laboratory."""

import numpy as np

from wbc.export.decision import Decision
from wbc.predict.adaptation import Cells, adapt, fit_head, learning_curve
from wbc.train.head import predict_proba

DECISION = Decision(["a", "b", "c"], 1.0, 0.2, 0.5, 3, 0.9, 0.95)


def cells(count, seed, abroad=False):
    """Cells of three classes, each with an axis of its own: here one of the first three, abroad one of the next."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    features = random.normal(scale=0.4, size=(count, 8))
    features[np.arange(count), labels + 3 * abroad] += 2
    return Cells(features.astype(np.float16), labels)


def accuracy(head, test):
    return float((predict_proba(head, test.features).argmax(axis=1) == test.labels).mean())


def test_the_new_cells_decide_where_the_laboratories_differ_and_the_old_place_is_kept():
    old, new, test = cells(300, 0), cells(30, 1, abroad=True), cells(300, 2, abroad=True)
    none = new.take(np.arange(0))
    before, after = fit_head(old, none, 3), fit_head(old, new, 3)
    assert accuracy(before, test) < 0.75
    assert accuracy(after, test) > 0.9
    assert accuracy(after, cells(300, 3)) > 0.9


def test_a_head_of_two_classes_and_one_of_a_class_without_cells_are_probabilities():
    old = cells(60, 0)
    two = old.take(old.labels != 1)
    probabilities = predict_proba(fit_head(two, two.take(np.arange(0)), 3), old.features)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert probabilities[:, 1].max() < 1e-6
    assert (probabilities.argmax(axis=1) == old.labels)[old.labels != 1].mean() > 0.95


def test_more_labelled_cells_help_and_are_scored_on_those_not_drawn():
    old, new = cells(300, 0), cells(60, 1, abroad=True)
    curve = list(learning_curve(old, new, 3, [0, 1, 10], draws=4, seed=1))
    assert [shot for shot, *_ in curve] == [0, 1, 1, 1, 1, 10, 10, 10, 10]
    mean = {shot: np.mean([bacc for found, bacc, _ in curve if found == shot]) for shot in (0, 10)}
    assert mean[10] > mean[0] + 0.1
    assert curve == list(learning_curve(old, new, 3, [0, 1, 10], draws=4, seed=1))


def test_a_class_of_one_labelled_cell_is_kept_to_be_scored():
    old, new = cells(90, 0), cells(7, 1)  # class a has three, b and c two
    assert [shot for shot, *_ in learning_curve(old, new, 3, [5], draws=2, seed=0)] == [5, 5]


def test_when_it_may_answer_comes_from_the_new_cells():
    old, new = cells(300, 0), cells(60, 1, abroad=True)
    head, decision, reference = adapt(old, new, DECISION, seed=1)
    assert (decision.classes, decision.coverage, decision.known) == (["a", "b", "c"], 0.9, 0.95)
    assert decision.temperature != 1.0 and decision.set_threshold != 0.2
    distances = reference.distances(cells(300, 4, abroad=True).features, decision.neighbors)
    assert (distances <= decision.distance_threshold).mean() > 0.75
    assert accuracy(head, new) > 0.9
    again = adapt(old, new, DECISION, seed=1)
    assert again[1] == decision
    np.testing.assert_array_equal(again[0].dense[0].kernel, head.dense[0].kernel)


def test_too_few_new_cells_put_every_class_in_every_set():
    _, decision, _ = adapt(cells(300, 0), cells(6, 1), DECISION, seed=1)
    assert decision.set_threshold == 0


def test_old_cells_are_not_changed():
    old = cells(30, 0)
    before = old.features.copy()
    fit_head(old, cells(6, 1), 3)
    np.testing.assert_array_equal(old.features, before)
