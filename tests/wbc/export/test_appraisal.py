"""What answers are worth, on answers whose worth can be counted by hand."""

import numpy as np
import pytest

from wbc.export.appraisal import appraise
from wbc.export.decision import OOD, Answers

PROBABILITIES = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]])
LABELS = np.array([0, 1, 1, 1])  # right, wrong, right, wrong
MEMBERS = np.array([[True, False], [True, True], [False, True], [True, False]])
REASONS = ["", "can't tell a from b", "", OOD]


def test_shares_are_counted_by_weight():
    answers = Answers(PROBABILITIES, MEMBERS, np.zeros(4), REASONS)
    found = appraise(answers, LABELS, np.array([1.0, 1.0, 1.0, 2.0]))
    assert found["accuracy"] == pytest.approx(2 / 5)
    assert found["answered"] == pytest.approx(2 / 5) and found["accuracy_answered"] == pytest.approx(1.0)
    assert found["coverage"] == pytest.approx(3 / 5)
    assert found["set_size"] == pytest.approx(6 / 5)
    assert found["ood"] == pytest.approx(2 / 5)


def test_risk_is_the_share_of_mistakes_among_the_surest():
    found = appraise(Answers(PROBABILITIES, MEMBERS, np.zeros(4), REASONS), LABELS, np.ones(4))
    assert found["risk"]["0.5"] == 0.0
    assert found["risk"]["0.7"] == pytest.approx(1 / 3)
    assert found["risk"]["1"] == pytest.approx(0.5)


def test_without_an_answer_there_is_no_accuracy_among_them():
    found = appraise(
        Answers(PROBABILITIES, MEMBERS, np.zeros(4), ["no class is likely enough"] * 4), LABELS, np.ones(4)
    )
    assert found["answered"] == 0 and found["accuracy_answered"] is None
