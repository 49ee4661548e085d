"""The benchmark of Tsutsui, Su and Wen (ICASSP 2023, arXiv:2303.01777): trained on Raabin's Train, tested elsewhere.

    python -m research.domain_shift --output .cache/shift/benchmark.json

Fits on the features of Raabin-WBC's part Train alone, and tests on TestA, TestB, LISC and BCCD:

    logistic regression   C = 0.003, class weights "sqrt"; no chance is in it
    head                  of the kind that the pipeline ships (`train` in params.yaml, units of `crossval`), for ten
                          seeds, each of which also draws the twentieth of the photographs that stops its training

once for each backbone: of Barcelona's cells alone, as shipped, and of `research.train_backbone`, if it was trained. The
latter is also scored with its own softmax layer, which was trained together with it: the network fine-tuned end to end.
Every setting is fixed here; nothing is chosen on a test part.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pretraining.pretrain import BARCELONA
from research.laboratories import CLASSES, SHIPPED, features, output_file, read_cells
from wbc.common import params
from wbc.common.errors import exit_on_user_error
from wbc.common.files import sha256, write_json
from wbc.common.progress import track
from wbc.embed.tensorflow_setup import start
from wbc.evaluate.metrics import score
from wbc.pretraining import parts
from wbc.pretraining.regression import Cells, fit_regression
from wbc.train import cross_validation
from wbc.train.class_weights import class_weight
from wbc.train.head import predict_proba
from wbc.train.params import FitParams, TrainParams

SEEDS = range(10)
C = 0.003
VALID = 20  # one photograph in so many stops a head's training
TRAINED = Path(".cache/backbones/raabin_train")
TESTS = {"TestA": ("raabin", "TestA"), "TestB": ("raabin", "TestB"), "LISC": ("lisc", "all"), "BCCD": ("bccd", "all")}

Labels = npt.NDArray[np.integer]
Scores = dict[str, dict[str, float]]  # {test: {"accuracy", "balanced_accuracy"}}


@exit_on_user_error
def main() -> None:
    """Print the benchmark's table."""
    output = output_file(__doc__)
    start(seed=0)
    cells = read_cells()
    rows: dict[str, list[Scores]] = {}
    backbones = {"Barcelona": BARCELONA, "as shipped": SHIPPED, "Raabin's Train": TRAINED / "efficientnetb0.weights.h5"}
    backbones = {name: weights for name, weights in backbones.items() if weights.exists()}
    for name, weights in backbones.items():
        benchmark = Benchmark(cells, weights)
        rows[f"{name}, logistic regression"] = [benchmark.regression()]
        print(table(rows)[-1], flush=True)
        rows[f"{name}, head"] = [benchmark.head(seed) for seed in track(SEEDS, "fit heads", unit="heads")]
        if weights.parent == TRAINED:
            rows["Raabin's Train, end to end"] = [benchmark.end_to_end()]
    write_json(output, {"backbones": {name: sha256(file) for name, file in backbones.items()}, "rows": rows})
    for line in table(rows):
        print(line)


class Benchmark:
    """Features of a backbone, and the classifiers fitted on Raabin's Train."""

    def __init__(self, cells: pd.DataFrame, weights: Path) -> None:
        def part(laboratory: str, name: str) -> pd.DataFrame:
            return cells[(cells["laboratory"] == laboratory) & (cells["part"] == name)]

        self.train = part("raabin", "Train")
        self.features = features(weights, self.train)
        self.labels = self.train["number"].to_numpy()
        tests = {name: part(*place) for name, place in TESTS.items()}
        self.tests = {name: (features(weights, test)[:, 0], test["number"].to_numpy()) for name, test in tests.items()}

    def _scores(self, predict: Any) -> Scores:
        return {name: score(labels, predict(rows).argmax(axis=1)) for name, (rows, labels) in self.tests.items()}

    def regression(self) -> Scores:
        """Return the scores of logistic regression on all of Train."""
        weights = class_weight("sqrt", self.labels, len(CLASSES))[self.labels]
        head = fit_regression(Cells(self.features[:, 0], self.labels), weights, len(CLASSES), C)
        return self._scores(lambda rows: predict_proba(head, rows))

    def head(self, seed: int) -> Scores:
        """Return the scores of a head."""
        settings = params.load("params.yaml", "train", TrainParams)
        head = settings.head.model_copy(update={"units": settings.crossval.units})
        fitted_by = FitParams(seed=seed, head=head, optimizer=settings.optimizer)
        is_valid = parts.every(self.train["photograph"], VALID, seed)
        fit = cross_validation.fit_head(
            self.features,
            self.labels,
            len(CLASSES),
            np.flatnonzero(~is_valid),
            np.flatnonzero(is_valid),
            fitted_by,
        )
        return self._scores(lambda rows: predict_proba(fit.head, rows))

    def end_to_end(self) -> Scores:
        """Return the scores of the softmax layer that was trained together with the backbone."""
        with np.load(TRAINED / "layer.npz", allow_pickle=False) as layer:
            assert layer["classes"].tolist() == CLASSES
            kernel, bias = layer["kernel"], layer["bias"]
        return self._scores(lambda rows: rows.astype(np.float32) @ kernel + bias)


def table(rows: dict[str, list[Scores]]) -> list[str]:
    """Return the lines of a Markdown table: accuracy / balanced accuracy in percent, mean and spread over the seeds."""

    def cell(runs: list[Scores], test: str) -> str:
        texts = []
        for name in ("accuracy", "balanced_accuracy"):
            values = [100 * run[test][name] for run in runs]
            spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
            texts.append(f"{np.mean(values):.2f}{spread}")
        return " / ".join(texts)

    lines = [f"| | {' | '.join(TESTS)} |", f"|---|{'---:|' * len(TESTS)}"]
    return [*lines, *(f"| {name} | {' | '.join(cell(runs, test) for test in TESTS)} |" for name, runs in rows.items())]


if __name__ == "__main__":
    main()
