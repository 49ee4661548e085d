"""Fit temperature and prediction sets on held-out laboratories, and measure them at another one.

    python -m research.held_out_calibration mean "each laboratory the same" --output .cache/shift/coverage.json

Takes a backbone and a weighting of the cells from research/left_out.py. For each laboratory that is left out, the
classifier is fitted on the others. Each of these is scored by a regression on the rest of them. So temperature and sets
are fitted on laboratories on which that regression was not trained. The sets should contain the true class of 90 % of
the cells.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from research.laboratories import read_cells
from research.left_out import BACKBONES, OPTIONS, TAUGHT, TESTS, Described
from wbc.common.errors import exit_on_user_error
from wbc.common.files import read_json, write_json
from wbc.embed.tensorflow_setup import start
from wbc.evaluate.metrics import score
from wbc.export import calibration, prediction_sets
from wbc.train.head import predict_proba

COVERAGE = 0.9
CELLS = 340  # of each laboratory that temperature and sets are fitted on: about as many as the smallest has
DECISION = Path("pretraining/classifier/decision.json")


@exit_on_user_error
def main() -> None:
    """Print coverage and calibration at every laboratory left out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backbone", choices=BACKBONES)
    parser.add_argument("option", choices=OPTIONS)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="write the figures there as JSON")
    options = parser.parse_args()
    start(seed=0)
    described = Described(read_cells(), BACKBONES[options.backbone])
    found = {}
    for name, (laboratory, _) in TESTS.items():
        others = tuple(other for other in TAUGHT if other != laboratory)
        learned = others if options.option != OPTIONS[0] else ("barcelona",)
        if laboratory in learned:
            continue
        fitted = fit_decision(described, learned, others, options.option)
        found[name] = {"held-out laboratories": appraise(described, learned, options.option, fitted, name)}
        if laboratory != "barcelona":
            now = read_json(DECISION)
            as_now = (now["temperature"], now["set_threshold"])
            found[name]["distorted images"] = appraise(described, ("barcelona",), OPTIONS[0], as_now, name)
        print(name, found[name], flush=True)
    write_json(options.output, {"backbone": options.backbone, "option": options.option, "found": found})


def fit_decision(
    described: Described, learned: tuple[str, ...], others: tuple[str, ...], option: str
) -> tuple[float, float]:
    """Return temperature and set threshold, fitted on laboratories on which the regression was not trained.

    Args:
        described: the features.
        learned: laboratories that the classifier is fitted on.
        others: laboratories to hold out, each for a regression on the rest of `learned`.
        option: weighting of the cells.
    """
    probabilities, labels = [], []
    for held in others:
        rest = tuple(other for other in learned if other != held)
        if not rest:
            continue
        head = described.fit(rest, option)
        rows, numbers = described.whole[held]
        chosen = np.linspace(0, len(numbers) - 1, CELLS).astype(int)
        probabilities.append(predict_proba(head, rows[chosen]))
        labels.append(numbers[chosen])
    every, true = np.concatenate(probabilities), np.concatenate(labels)
    temperature = calibration.fit_temperature(true, every, np.ones(len(true)))
    tempered = calibration.tempered(every, temperature)
    return temperature, prediction_sets.set_threshold(true, tempered, np.arange(len(true)), COVERAGE)


def appraise(
    described: Described, learned: tuple[str, ...], option: str, fitted: tuple[float, float], test: str
) -> dict[str, Any]:
    """Return measures of the answers for a laboratory's cells."""
    rows, labels = described.tests[test]
    temperature, threshold = fitted
    probabilities = calibration.tempered(predict_proba(described.fit(learned, option), rows), temperature)
    members = prediction_sets.prediction_sets(probabilities, threshold)
    weights = np.ones(len(labels))
    return {
        "temperature": temperature,
        "set_threshold": threshold,
        "coverage": float(members[np.arange(len(labels)), labels].mean()),
        "set_size": float(members.sum(axis=1).mean()),
        "ece": calibration.expected_calibration_error(calibration.reliability(labels, probabilities, weights)),
        "log_loss": calibration.log_loss(labels, probabilities, weights),
        **score(labels, probabilities.argmax(axis=1)),
    }


if __name__ == "__main__":
    main()
