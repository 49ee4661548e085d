"""Adaptation of a classifier to another laboratory by a few labelled cells, without the training images.

The last layer of every head is fitted again on the labelled cells, with an L2 penalty on its distance from the shipped
weights (L2-SP: Li, Grandvalet and Davoine, Explicit Inductive Bias for Transfer Learning with Convolutional Networks,
ICML 2018, arXiv:1802.01483). A weight that the cells don't affect stays as shipped.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wbc.export import ood as novelty
from wbc.export.calibration import fit_temperature
from wbc.export.decision import Decision, fit_apart
from wbc.train.exact import Floats
from wbc.train.head import Head, mean_probabilities
from wbc.train.layers import SCORING, Dense

C = 0.01  # weight of the log loss against half the squared distance from the shipped weights; fixed beforehand
FOLDS = 5  # of the labelled cells, each predicted by heads that were adapted without it
REPEATS = 5  # of the cross-validation that compares adapted and unadapted, each with other folds

SHOTS, DRAWS = (1, 2, 5, 10, 20), 8  # of the learning curve: cells per class, and draws of each number
COLUMNS = ["cells_per_class", "balanced_accuracy", "accuracy"]  # of the learning curve

Labels = npt.NDArray[np.integer]


class Cells(NamedTuple):
    """Features and labels of cells."""

    features: npt.NDArray  # (cells, n)
    labels: Labels  # class number of each

    def take(self, rows: npt.NDArray) -> "Cells":
        """Return the cells of some rows."""
        return Cells(self.features[rows], self.labels[rows])


class Adapted(NamedTuple):
    """Result of the adaptation."""

    heads: list[Head]  # adapted, or the shipped ones where those are better
    decision: Decision  # refitted on the labelled cells, each held out
    reference: novelty.Reference  # the shipped training images and the labelled cells
    before: float  # balanced accuracy of the shipped classifier on the labelled cells
    after: float  # balanced accuracy of the adapted classifier, cross-validated

    @property
    def is_better(self) -> bool:
        """Return whether the adapted heads were kept."""
        return self.after > self.before


def adapt_head(head: Head, cells: Cells, c: float = C) -> Head:
    """Return a head whose last layer is fitted to labelled cells, near its shipped weights.

    The loss is c * (sum of the cells' log losses) + |change of kernel and bias|^2 / 2, which is convex.

    Args:
        head: as shipped.
        cells: at least one.
        c: the inverse of the penalty's weight, as scikit-learn's C.
    """
    from scipy.optimize import minimize  # takes time to import, which predictions don't need
    from scipy.special import log_softmax

    inputs = _last_inputs(head, cells.features)
    last = head.dense[-1]
    offsets = inputs @ last.kernel + last.bias
    inputs = np.column_stack([inputs, np.ones(len(inputs))])
    is_class = np.eye(head.classes)[cells.labels]
    shape = (inputs.shape[1], head.classes)

    def loss(change: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        weights = change.reshape(shape)
        logarithms = log_softmax(offsets + inputs @ weights, axis=1)
        gradient = c * inputs.T @ (np.exp(logarithms) - is_class) + weights
        return c * -float((logarithms * is_class).sum()) + float(change @ change) / 2, gradient.ravel()

    found = minimize(loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    weights = found.x.reshape(shape)
    return Head([*head.layers[:-1], Dense(last.kernel + weights[:-1], last.bias + weights[-1])])


def _last_inputs(head: Head, features: npt.NDArray) -> Floats:
    """Return the inputs of a head's last layer, (images, inputs)."""
    return Head(head.layers[:-1]).forward(features, SCORING)[0]


def shots(cells: Cells) -> list[int]:
    """Return 0 and the numbers of `SHOTS` that leave a cell of the largest class to score."""
    return [0, *(shot for shot in SHOTS if shot < np.bincount(cells.labels).max())]


def learning_curve(
    heads: Sequence[Head], cells: Cells, numbers: Sequence[int], draws: int, seed: int
) -> Iterator[tuple[int, float, float]]:
    """Yield (cells per class, balanced accuracy, accuracy) of each draw, scored on the cells that weren't drawn.

    Each class keeps at least one cell to score, and so trains on fewer cells where it has too few.

    Args:
        heads: as shipped.
        cells: labelled.
        numbers: training cells per class; 0 for none.
        draws: random draws of each number; of 0 there is one.
        seed: of the draws.
    """
    for shot in numbers:
        for draw in range(draws if shot else 1):
            random = np.random.default_rng([seed, shot, draw])
            drawn = np.concatenate([_drawn(cells.labels, number, shot, random) for number in np.unique(cells.labels)])
            rest = cells.take(np.setdiff1d(np.arange(len(cells.labels)), drawn))
            tried = [adapt_head(head, cells.take(drawn)) for head in heads] if len(drawn) else heads
            predicted = mean_probabilities(tried, rest.features).argmax(axis=1)
            yield shot, balanced_accuracy(predicted, rest.labels), float((predicted == rest.labels).mean())


def _drawn(labels: Labels, number: int, shot: int, random: np.random.Generator) -> Labels:
    rows = np.flatnonzero(labels == number)
    return random.permutation(rows)[: min(shot, max(0, len(rows) - 1))].astype(int)


def balanced_accuracy(predicted: Labels, labels: Labels) -> float:
    """Return the mean recall of the classes that occur."""
    return float(np.mean([(predicted == number)[labels == number].mean() for number in np.unique(labels)]))


def adapt(
    heads: Sequence[Head],
    reference: novelty.Reference,
    cells: Cells,
    decision: Decision,
    seed: int,
) -> Adapted:
    """Adapt to labelled cells, and keep the shipped heads unless the adapted ones are better.

    Temperature, prediction sets and OOD threshold are fitted on held-out predictions of the labelled cells. For adapted
    heads these come from cross-validation; the shipped heads were not trained on the cells. With fewer than `fewest`
    cells, the shipped values are kept.

    Args:
        heads, reference, decision: of the classifier.
        cells: labelled; one image per cell.
        seed: of the folds.
    """
    count = len(cells.labels)
    shipped = mean_probabilities(heads, cells.features)
    probabilities, distances, scores = np.empty_like(shipped), np.empty(count), []
    for repeat in range(REPEATS):
        folds = _folds(cells.labels, [seed, repeat])
        for fold in np.unique(folds):
            test, trained = cells.take(folds == fold), cells.take(folds != fold)
            tried = [adapt_head(head, trained) for head in heads] if len(trained.labels) else heads
            probabilities[folds == fold] = mean_probabilities(tried, test.features)
            if repeat == 0:
                known = extended(reference, trained.features)
                distances[folds == fold] = known.distances(test.features, decision.neighbors)
        if repeat == 0:
            first = probabilities.copy()
        scores.append(balanced_accuracy(probabilities.argmax(axis=1), cells.labels))
    before, after = balanced_accuracy(shipped.argmax(axis=1), cells.labels), float(np.mean(scores))
    kept = [adapt_head(head, cells) for head in heads] if after > before else [*heads]
    fitted = decision
    if count >= fewest(decision):
        held_out, each = first if after > before else shipped, np.arange(count)
        fitted = fit_apart(
            held_out,
            distances,
            cells.labels,
            each,
            decision.classes,
            np.ones(count),
            decision,
            smoothed_temperature(held_out, cells.labels),
        )
    return Adapted(kept, fitted, extended(reference, cells.features), before, after)


def smoothed_temperature(probabilities: Floats, labels: Labels) -> float:
    """Return the temperature of a few cells, with one more cell that belongs equally to every class.

    Without that cell, a few cells that are all classified correctly would give the lowest temperature. For this reason
    Platt, Probabilistic Outputs for Support Vector Machines, 1999, smooths the targets.

    Args:
        probabilities: float array (cells, classes), of cells that the heads were not trained on.
        labels: class number of each.
    """
    count, classes = probabilities.shape
    shares = (np.eye(classes)[labels] + 1 / (classes * count)) / (1 + 1 / count)
    return fit_temperature(
        np.tile(np.arange(classes), count), np.repeat(probabilities, classes, axis=0), shares.ravel()
    )


def fewest(decision: Decision) -> int:
    """Return the fewest cells for fitting prediction sets: k with k / (k + 1) of at least the coverage."""
    return math.ceil(decision.coverage / (1 - decision.coverage) - 1e-9)


def _folds(labels: Labels, seed: list[int]) -> Labels:
    """Return the fold of each cell; the cells of each class are spread over the folds."""
    folds = np.empty(len(labels), int)
    for number in np.unique(labels):
        rows = np.random.default_rng([*seed, number]).permutation(np.flatnonzero(labels == number))
        folds[rows] = (np.arange(len(rows)) + number) % FOLDS
    return folds


def extended(reference: novelty.Reference, features: npt.NDArray) -> novelty.Reference:
    """Return a reference with further images; beyond `MOST`, earlier ones are dropped, spread evenly."""
    added = novelty.directions(features, reference.mean, reference.deviation)[-novelty.MOST :]
    room = min(len(reference.directions), novelty.MOST - len(added))
    kept = np.linspace(0, len(reference.directions) - 1, room).astype(int)
    return reference._replace(directions=np.concatenate([reference.directions[kept], added]))
