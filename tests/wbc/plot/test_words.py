"""The sentences of the templates, which follow from typed numbers."""

import pytest

from wbc.plot.comparison import Estimate, Gap, Verdict
from wbc.plot.rendering import word

LOW, HIGH = Estimate(0.55, 0.48, 0.62), Estimate(0.98, 0.95, 1.0)


def test_a_significant_gap_is_called_leakage():
    said = word("gap_meaning", Gap(HIGH, LOW, 0.99, None, True), "cell")
    assert "The difference of 0.43 is leakage" in said and "for a new cell" in said and "different sizes" not in said
    sizes = word("gap_meaning", Gap(HIGH, LOW, 0.99, None, False), "cell")
    assert "as far as heads of different sizes compare" in sizes


def test_a_gap_within_the_intervals_may_be_chance():
    said = word("gap_meaning", Gap(LOW, LOW._replace(value=0.6), 0.5, None, True), "cell")
    assert "0.05 lower" in said and "may be chance" in said and "leakage" not in said


def test_without_relatives_in_training_there_is_no_leakage():
    gap = Gap(HIGH, LOW, 0.0, None, True)
    assert "no test image has a recognized near-duplicate" in word("relatives", gap, "cell", "split by file")
    assert "leakage" not in word("gap_meaning", gap, "cell")


def test_images_of_one_patient_are_not_called_near_duplicates():
    said = word("relatives", Gap(HIGH, LOW, 0.0, 1.0, True), "patient", "split by file")
    assert said == "Split by file, 100\u00a0% are of a patient with other images in training."
    both = word("relatives", Gap(HIGH, LOW, 0.25, 1.0, True), "patient", "split by file")
    assert "25\u00a0% of the test images have a recognized near-duplicate in training" in both
    assert "and 100\u00a0% are of a patient" in both


@pytest.mark.parametrize(("theirs", "said"), [(0.3, "better than"), (0.5, "no better than"), (0.7, "worse than")])
def test_a_verdict_is_said_in_one_word(theirs, said):
    text = word("verdict", Verdict("color_histogram", LOW, theirs))
    assert text == (
        f"The classifier is {said} logistic regression on the color histogram: 0.55 (0.48–0.62) against {theirs:.2f}."
    )


def test_a_score_without_enough_cells_gives_their_number():
    assert word("estimate", Estimate(few=1), "patient") == "not estimable: 1 patient"
    assert word("estimate", Estimate(1.0, 0.44, 1.0), "cell") == "1.00 (0.44–1.00)"


def test_an_unknown_truth_is_not_filled_with_claims():
    said = word("truth", {"known": False}, {"searched": False}, "cell")
    assert "unknown" in said and "97 to 100" not in said
