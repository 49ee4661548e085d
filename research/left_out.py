"""Choose backbone and cells of the shipped classifier: each laboratory left out in turn, by the rule written before.

    python -m research.left_out --output .cache/shift/left_out.json

Reads the three weights of pretraining/: of Barcelona's cells, trained on with Raabin's (where that file is), and the
mean of both, which is shipped. The rule is in docs/decisions/0001-backbone-of-two-laboratories.md. For each backbone
and each weighting of the cells, logistic regression is fitted on all laboratories but one, and scored on that one.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pretraining.continue_training import TRAINED
from pretraining.pretrain import BARCELONA
from research.laboratories import CLASSES, SHIPPED, ZOOMS, features, output_file, read_cells
from wbc.common.errors import exit_on_user_error
from wbc.common.files import sha256, write_json
from wbc.embed.tensorflow_setup import start
from wbc.evaluate.metrics import score
from wbc.pretraining import parts
from wbc.pretraining.regression import Cells, fit_regression
from wbc.train.class_weights import ClassWeights, class_weight
from wbc.train.head import Head, predict_proba

BACKBONES = {"Barcelona": BARCELONA, "trained on": TRAINED, "mean": SHIPPED}
C, MOST = 0.003, 150  # cells of a class for training, and of Raabin's test parts for scoring
TAUGHT = {"barcelona": ("train", "valid"), "raabin": ("Train",), "bccd": ("all",)}  # parts for training
TESTS = {
    "Barcelona": ("barcelona", "test"),
    "TestA": ("raabin", "TestA"),
    "TestB": ("raabin", "TestB"),
    "LISC": ("lisc", "all"),
    "BCCD": ("bccd", "all"),
}
OPTIONS = ("Barcelona alone", "each cell once", "each laboratory the same", "each laboratory and class the same")


@exit_on_user_error
def main() -> None:
    """Print the scores of every backbone and option at every laboratory left out."""
    output = output_file(__doc__)
    start(seed=0)
    candidates = {name: weights for name, weights in BACKBONES.items() if weights.exists()}
    cells = read_cells()
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for name, weights in candidates.items():
        described = Described(cells, weights)
        for option in OPTIONS:
            rows = described.left_out(option)
            found.setdefault(name, {})[option] = rows
            shown = ", ".join(
                f"{test} {row['accuracy']:.3f} / {row['balanced_accuracy']:.3f}" for test, row in rows.items()
            )
            print(f"{name}, {option}: {shown}", flush=True)
        found[name]["at home"] = {
            "Barcelona": score_of(described.fit(("barcelona",), OPTIONS[0]), *described.tests["Barcelona"])
        }
        found[name]["Barcelona, all cells"] = all_of_barcelona(cells, weights)
        for option in ("at home", "Barcelona, all cells"):
            rows = found[name][option]
            print(f"{name}, {option}: {', '.join(f'{test} {row}' for test, row in rows.items())}", flush=True)
    write_json(
        output,
        {"weights": {name: sha256(weights) for name, weights in candidates.items()}, "scores": found},
    )


def all_of_barcelona(cells: pd.DataFrame, weights: Path) -> dict[str, dict[str, float]]:
    """Return the scores, on all cells of each test, of a regression on all of Barcelona's parts train and valid."""
    part_of = cells["laboratory"].str.cat(cells["part"], sep=" ")
    taught = cells[part_of.isin(["barcelona train", "barcelona valid"])]
    rows = features(weights, taught, ZOOMS)
    labels = np.repeat(taught["number"].to_numpy(), len(ZOOMS))
    fitted = fit_regression(
        Cells(rows.reshape(-1, rows.shape[2]), labels), weights_of([labels], OPTIONS[0]), len(CLASSES), C
    )
    tests = {name: cells[part_of == " ".join(place)] for name, place in TESTS.items()}
    return {
        name: score_of(fitted, features(weights, test)[:, 0], test["number"].to_numpy()) for name, test in tests.items()
    }


class Described:
    """The features of all laboratories by one backbone."""

    def __init__(self, cells: pd.DataFrame, weights: Path) -> None:
        self.taught: dict[str, Cells] = {}
        self.whole: dict[str, tuple[npt.NDArray, npt.NDArray[np.integer]]] = {}  # the same cells, whole images alone
        self.tests: dict[str, tuple[npt.NDArray, npt.NDArray[np.integer]]] = {}
        for laboratory, names in TAUGHT.items():
            chosen = cells[(cells["laboratory"] == laboratory) & cells["part"].isin(names)]
            chosen = parts.capped(chosen, dict.fromkeys(CLASSES, MOST))
            zooms = ZOOMS if laboratory == "barcelona" else ZOOMS[:1]
            rows = features(weights, chosen, zooms)
            labels = np.repeat(chosen["number"].to_numpy(), len(zooms))
            self.taught[laboratory] = Cells(rows.reshape(-1, rows.shape[2]), labels)
            self.whole[laboratory] = rows[:, 0], chosen["number"].to_numpy()
        for name, (laboratory, part) in TESTS.items():
            test = cells[(cells["laboratory"] == laboratory) & (cells["part"] == part)]
            if laboratory == "raabin":
                test = parts.capped(test, dict.fromkeys(CLASSES, MOST))
            self.tests[name] = (features(weights, test)[:, 0], test["number"].to_numpy())

    def left_out(self, option: str) -> dict[str, dict[str, float]]:
        """Return {test: its scores}, each by a regression that has learned nothing from the test's laboratory."""
        scores: dict[str, dict[str, float]] = {}
        fitted: dict[tuple[str, ...], Head] = {}
        for name, (laboratory, _) in TESTS.items():
            learned = ("barcelona",) if option == OPTIONS[0] else tuple(TAUGHT)
            learned = tuple(other for other in learned if other != laboratory)
            if learned:
                fitted[learned] = fitted.get(learned) or self.fit(learned, option)
                scores[name] = score_of(fitted[learned], *self.tests[name])
        return scores

    def fit(self, laboratories: tuple[str, ...], option: str) -> Head:
        """Return logistic regression on some laboratories, weighed as `option` says."""
        taught = [self.taught[laboratory] for laboratory in laboratories]
        cells = Cells(*(np.concatenate(columns) for columns in zip(*taught, strict=True)))
        return fit_regression(cells, weights_of([part.labels for part in taught], option), len(CLASSES), C)


def weights_of(labels: list[npt.NDArray[np.integer]], option: str) -> npt.NDArray[np.floating]:
    """Return the weights of the cells of some laboratories, 1 on average."""
    if option in OPTIONS[:2]:
        together = np.concatenate(labels)
        return class_weight("sqrt", together, len(CLASSES))[together]
    kind: ClassWeights = "sqrt" if option == OPTIONS[2] else "balanced"
    largest = sum(map(len, labels)) / len(labels)
    parts_of = [class_weight(kind, part, len(CLASSES))[part] * largest / len(part) for part in labels]
    return np.concatenate(parts_of)


def score_of(head: Head, rows: npt.NDArray, labels: npt.NDArray[np.integer]) -> dict[str, float]:
    """Return accuracy and balanced accuracy of a head on some features."""
    return score(labels, predict_proba(head, rows).argmax(axis=1))


if __name__ == "__main__":
    main()
