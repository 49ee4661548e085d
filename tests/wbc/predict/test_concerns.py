"""Reasons to distrust a classifier: said where there is one, and only there."""

from types import SimpleNamespace

import pytest

from wbc.export.decision import OOD, Decision
from wbc.predict import concerns
from wbc.predict.predictions import Prediction

CLASSIFIER = SimpleNamespace(
    decision=Decision(["a", "b", "c"], 1.0, 0.2, 0.5, 3, 0.9, 0.99),
    classes=["a", "b", "c"],
    crop=1.0,
    foreground=(0.2, 0.3),
)


def prediction(label="a", reason="", inside=("a",), foreground=0.25, error="", overlap=False):
    return Prediction("x.png", label, [0.8, 0.1, 0.1], [*inside], 0.1, reason, error, foreground, (), overlap)


def test_images_that_trained_the_backbone_are_said():
    (line,) = concerns.of_predictions(CLASSIFIER, [prediction(overlap=True), prediction(), prediction(error="broken")])
    assert line.startswith("1 of 2 images show cells that the backbone was trained on.")


def test_a_large_share_out_of_distribution_is_said():
    many = [prediction(reason=OOD)] * 52 + [prediction()] * 48
    (line,) = concerns.of_predictions(CLASSIFIER, many)
    assert line.startswith("52 of 100 images (52%) are out of distribution; 1% were expected.")
    assert concerns.of_predictions(CLASSIFIER, [prediction(reason=OOD)] * 2 + [prediction()] * 98) == []
    assert concerns.of_predictions(CLASSIFIER, [prediction(reason=OOD), prediction()]) == []


def test_cells_shown_too_small_are_said():
    (line,) = concerns.of_predictions(CLASSIFIER, [prediction(foreground=0.02)] * 9)
    assert "by a crop of" in line
    assert concerns.of_predictions(CLASSIFIER, [prediction(error="broken", foreground=0)]) == []


def test_sets_that_hold_too_few_true_classes_are_said_beyond_chance():
    below = [prediction(inside=("a",))] * 70 + [prediction(inside=("b",), label="a")] * 30
    assert any("hold the true class of 70%" in line for line in concerns.of_scores(CLASSIFIER, ["a"] * 100, below))
    chance = [prediction()] * 8 + [prediction(inside=("b",))] * 2
    assert concerns.of_scores(CLASSIFIER, ["a"] * 10, chance) == []


def test_answers_that_are_often_wrong_are_said():
    labels, made = ["a"] * 55 + ["b"] * 45, [prediction(inside=("a", "b"))] * 100
    lines = concerns.of_scores(CLASSIFIER, labels, made)
    assert any("Where it doesn't abstain, 55% of the images are classified correctly" in line for line in lines)


@pytest.mark.parametrize(("wrong_of_a", "wrong_of_b", "is_said"), [(20, 2, True), (11, 10, False), (2, 0, False)])
def test_a_class_that_dominates_the_errors_is_said(wrong_of_a, wrong_of_b, is_said):
    labels = ["a"] * 100 + ["b"] * 100
    inside = ("a", "b")
    made = [prediction("b", inside=inside)] * wrong_of_a + [prediction("a", inside=inside)] * (100 - wrong_of_a)
    made += [prediction("a", inside=inside)] * wrong_of_b + [prediction("b", inside=inside)] * (100 - wrong_of_b)
    lines = [line for line in concerns.of_scores(CLASSIFIER, labels, made) if "dominates" in line]
    errors = f"{wrong_of_a} of {wrong_of_a + wrong_of_b} misclassified images, {wrong_of_a} of them predicted as b"
    expected = f"a dominates the errors: {errors}."
    assert lines == ([expected] if is_said else [])


def test_classes_that_it_does_not_know_do_not_count():
    assert concerns.of_scores(CLASSIFIER, ["platelet"] * 50, [prediction()] * 50) == []
