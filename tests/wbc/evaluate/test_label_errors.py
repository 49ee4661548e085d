"""Wrong labels are found among right ones, and copies of a cell count as one."""

import numpy as np
import pytest

from wbc.evaluate.label_errors import label_errors


def test_a_label_that_the_predictions_contradict_is_suspect_and_the_surest_comes_first():
    labels = np.array([0, 0, 0, 1, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.05, 0.95], [0.98, 0.02]])
    first, second = label_errors(labels, probabilities, np.arange(6))
    assert (first.group, first.label, first.suggested) == (5, 1, 0)
    assert (first.p_label, first.p_suggested) == pytest.approx((0.02, 0.98))
    assert (second.group, second.label, second.suggested) == (2, 0, 1)


def test_an_unsure_mistake_is_not_suspect():
    """Both classes are predicted with 0.9 where they are right; a mistake at 0.6 is below that."""
    labels = np.array([0] * 10 + [1] * 10)
    probabilities = np.tile([[0.9, 0.1]], (20, 1))
    probabilities[10:] = [0.1, 0.9]
    probabilities[0] = [0.4, 0.6]
    assert label_errors(labels, probabilities, np.arange(20)) == []


def test_copies_of_a_cell_are_one_opinion():
    """One copy of three is taken for the other class; their mean isn't."""
    labels = np.array([0, 0, 0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.9, 0.1], [0.3, 0.7], [0.2, 0.8]])
    assert [entry.group for entry in label_errors(labels, probabilities, np.array([0, 0, 1, 2, 3, 4]))] == [1]
    assert label_errors(labels, probabilities, np.array([0, 0, 0, 2, 3, 4])) == []


def test_a_group_with_two_labels_is_looked_at_for_each():
    labels = np.array([0, 1, 0, 1])
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.8, 0.2], [0.1, 0.9]])
    (found,) = label_errors(labels, probabilities, np.array([0, 0, 1, 2]))
    assert (found.group, found.label, found.suggested) == (0, 1, 0)


def test_of_flipped_labels_most_are_found_and_few_others():
    """300 groups of three classes, one label in ten wrong; the predictions are those of the true classes, noisily."""
    generator = np.random.default_rng(1)
    true = generator.integers(3, size=300)
    logits = np.eye(3)[true] * 3 + generator.normal(size=(300, 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = generator.permutation(300)[:30]
    labels = true.copy()
    labels[wrong] = (true[wrong] + 1) % 3
    found = {entry.group for entry in label_errors(labels, probabilities, np.arange(300))}
    assert len(found & set(wrong.tolist())) >= 20
    assert len(found - set(wrong.tolist())) <= 10


def test_the_last_bits_decide_nothing():
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.4, 0.6]])
    moved = probabilities + np.array([[0, 0], [1e-12, -1e-12], [0, 0], [0, 0]])
    assert [entry.group for entry in label_errors(labels, probabilities, np.arange(4))] == [1]
    assert [entry.group for entry in label_errors(labels, moved, np.arange(4))] == [1]
