"""Scores of simple classifiers on frozen features, at home and in another laboratory.

A linear classifier on frozen features is the usual measure of a representation (Kornblith et al., Do Better ImageNet
Models Transfer Better?, CVPR 2019, arXiv:1805.08974, section 3). The project's own head is scored, too.
"""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from wbc.common.images import decode, resize
from wbc.common.progress import prefetch, track
from wbc.embed.file_features import file_features
from wbc.embed.inference import compiled
from wbc.embed.tensorflow_setup import keras
from wbc.embed.views import ORIENTATIONS
from wbc.evaluate.metrics import score
from wbc.split import parts as splits
from wbc.train import baselines
from wbc.train.cross_validation import fit_predict
from wbc.train.params import FitParams

FOLDS = 5

Scores = dict[str, dict[str, Any]]  # {method: {score: value, "by_seed": the same for each seed}}


class Labelled(NamedTuple):
    """Features and labels of images."""

    features: np.ndarray  # (images, 1 + views, n); [:, 0] is scored, all of them are fitted on
    labels: np.ndarray  # int (images,), class numbers

    def of(self, rows: np.ndarray) -> "Labelled":
        """Return some of the rows, given as a mask or as indices."""
        return Labelled(self.features[rows], self.labels[rows])

    def to_fit(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the features of all views, float64 (images x views, n), and their labels."""
        images, views, length = self.features.shape
        return self.features.reshape(images * views, length).astype(np.float64), np.repeat(self.labels, views)


def mean_mirror_features(model: keras.Model, files: Sequence[Path], label: str) -> np.ndarray:
    """Return the features of image files, each averaged over the image and its mirror image.

    Args:
        model: Keras model from (size, size, 3) RGB 0-255 to n features.
        files: paths of image files.
        label: of the progress bar.

    Returns:
        float32 array (files, n).
    """

    def prepare(file: Path) -> tuple[np.ndarray, np.ndarray]:
        pixels = resize(decode(file)[0], model.input_shape[1])
        return pixels, pixels[:, ::-1]

    prepared = track(prefetch(prepare, files), label, total=len(files))
    features = np.concatenate(list(compiled(model)(itertools.chain.from_iterable(prepared))))
    return features.reshape(len(files), 2, -1).mean(axis=1)


def cropped_features(model: keras.Model, files: Sequence[Path], crops: Sequence[float]) -> npt.NDArray[np.float16]:
    """Return the features of image files, whole and cropped, computed as in the main pipeline.

    Args:
        model: Keras model from (size, size, 3) RGB 0-255 to n features.
        files: paths of image files.
        crops: central shares of an image's sides, 0-1.

    Returns:
        array (files, 1 + crops, n), each the mean over an image's eight orientations; [:, 0] is of the whole image.
    """
    return file_features("openvino", model, files, ORIENTATIONS, [1.0, *(1 / crop for crop in crops)])


def before(train: Labelled, tests: dict[str, Labelled]) -> dict[str, dict[str, float]]:
    """Score logistic regression as earlier cards did: unstandardized features, C = 1, no class weights.

    Returns:
        {name of a test: {"accuracy", "balanced_accuracy"}}.
    """
    predict = _as_before(train)
    return {name: score(test.labels, predict(test.features[:, 0])) for name, test in tests.items()}


def within_before(cells: Labelled, groups: np.ndarray, seeds: Sequence[int]) -> dict[str, Any]:
    """Cross-validate the logistic regression of `before` as `within` does."""
    predicted = {seed: np.empty_like(cells.labels) for seed in seeds}
    for seed, called in predicted.items():
        folds = splits.folds(cells.labels, groups, FOLDS, seed)
        for fold in range(FOLDS):
            test = folds == fold
            called[test] = _as_before(cells.of(~test))(cells.features[test, 0])
    return _mean({seed: score(cells.labels, called) for seed, called in predicted.items()})


def _as_before(train: Labelled) -> Callable[[np.ndarray], np.ndarray]:
    # The baseline's tolerance: with scikit-learn's default, runs on ImageNet's features differed.
    return LogisticRegression(solver="newton-cg", max_iter=1000, tol=baselines.TOLERANCE).fit(*train.to_fit()).predict


def across(
    train: Labelled, valid: Labelled, tests: dict[str, Labelled], params: FitParams, seeds: Sequence[int]
) -> dict[str, Scores]:
    """Score classifiers fitted on one laboratory's cells on each of several sets of cells.

    Logistic regression is fitted on `train` and `valid` together; the head on `train`, stopped by `valid`.

    Args:
        train, valid: `Labelled`.
        tests: {name: `Labelled`}.
        params: a `FitParams`; its seed is replaced.
        seeds: of the heads; one head is fitted for each.

    Returns:
        {name: {"majority", "logistic_regression", "head"}}, each {"accuracy", "balanced_accuracy"}; the head's are the
        means over the seeds, with the values as "by_seed": {seed: {...}}.
    """
    both = Labelled(*(np.concatenate(parts) for parts in zip(train, valid, strict=True)))
    sizes = np.cumsum([len(test.labels) for test in tests.values()])[:-1]
    every = np.concatenate([test.features[:, 0] for test in tests.values()])
    regression = np.split(baselines.logistic_regression(*both.to_fit())(every.astype(np.float64)), sizes)
    heads = [
        np.split(_by_head(train, valid, every, params, seed), sizes)
        for seed in track(seeds, "head, on one laboratory's cells", unit="fits")
    ]
    return {
        name: {
            "majority": score(test.labels, baselines.majority(both.labels, len(test.labels))),
            "logistic_regression": score(test.labels, regression[number]),
            "head": _mean({seed: score(test.labels, head[number]) for seed, head in zip(seeds, heads, strict=True)}),
        }
        for number, (name, test) in enumerate(tests.items())
    }


def within(cells: Labelled, groups: np.ndarray, params: FitParams, seeds: Sequence[int]) -> Scores:
    """Score classifiers by stratified 5-fold cross-validation by group, over pooled out-of-fold predictions.

    Logistic regression is fitted on four folds. The head is fitted on three, and stopped by the fold after the scored
    one. A class of fewer cells than folds is missing from some folds.

    Args:
        cells: `Labelled`.
        groups: group number of each row; the rows of a group show one cell and are in one fold.
        params, seeds: as in `across`; a seed draws the folds too.

    Returns:
        {"majority", "logistic_regression", "head"} as in `across`, each but the first with "by_seed".
    """
    predicted: dict[str, dict[int, np.ndarray]] = {"logistic_regression": {}, "head": {}}
    folds = {seed: splits.folds(cells.labels, groups, FOLDS, seed) for seed in seeds}
    for method in predicted.values():
        method.update({seed: np.empty_like(cells.labels) for seed in seeds})
    for seed, fold in track(list(itertools.product(seeds, range(FOLDS))), "within a laboratory", unit="fits"):
        test, valid = folds[seed] == fold, folds[seed] == (fold + 1) % FOLDS
        rest, train = cells.of(~test), cells.of(~test & ~valid)
        scored = cells.features[test, 0]
        regression = baselines.logistic_regression(*rest.to_fit())
        predicted["logistic_regression"][seed][test] = regression(scored.astype(np.float64))
        predicted["head"][seed][test] = _by_head(train, cells.of(valid), scored, params, seed)
    scores = {
        method: _mean({seed: score(cells.labels, called) for seed, called in by_seed.items()})
        for method, by_seed in predicted.items()
    }
    return {"majority": score(cells.labels, baselines.majority(cells.labels, len(cells.labels))), **scores}


def _by_head(train: Labelled, valid: Labelled, test: np.ndarray, params: FitParams, seed: int) -> np.ndarray:
    """Fit the head and return the class numbers of the features `test`, (images, n)."""
    alike = np.repeat(test[:, None], train.features.shape[1], axis=1)
    features = np.concatenate([train.features, valid.features, alike])
    labels = np.concatenate([train.labels, valid.labels, np.zeros(len(test), int)])  # the zeros are not used
    fitted, stopped = len(train.labels), len(train.labels) + len(valid.labels)
    rows = np.arange(len(features))
    settings = params.model_copy(update={"seed": seed})
    parts = rows[:fitted], rows[fitted:stopped], rows[stopped:]
    return fit_predict(features, labels, 1 + int(labels.max()), *parts, settings).argmax(axis=1)


def _mean(by_seed: dict[int, dict[str, float]]) -> dict[str, Any]:
    """Return the mean of each score over the seeds, and the scores themselves."""
    scores = list(by_seed.values())
    means = {name: np.mean([score_of_seed[name] for score_of_seed in scores]) for name in scores[0]}
    return means | {"by_seed": {str(seed): score_of_seed for seed, score_of_seed in by_seed.items()}}
