"""Adapting a classifier to another laboratory with a few labelled cells of it.

Logistic regression on the frozen backbone's features takes the heads' place. It learns from the cells that the
classifier has learned from and from the new ones, and all the new ones together weigh twice as much as all the old:
where both agree the many old cells help, and where the laboratories differ the new ones decide (Daumé, Frustratingly
Easy Domain Adaptation, ACL 2007, calls this WEIGHTED).
"""

import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from wbc.core.class_weights import class_weight
from wbc.evaluation import novelty
from wbc.models.head import Head, inputs_of, predict_proba, standardized
from wbc.prediction.decision import Decision, fit_apart

NEW_TO_OLD = 2.0  # weight of all new cells together, to that of all old ones
C = 0.03  # of the logistic regression: as in the baseline, for the reason given there
FOLDS = 5  # of the new cells, for probabilities of cells that a regression has not learned from

Labels = npt.NDArray[np.integer]


class Cells(NamedTuple):
    """Labelled cells by their features."""

    features: npt.NDArray  # (cells, n)
    labels: Labels  # class number of each

    def take(self, rows: npt.NDArray) -> "Cells":
        """Return some of them."""
        return Cells(self.features[rows], self.labels[rows])


def fit_head(old: Cells, new: Cells, classes: int, c: float = C) -> Head:
    """Return logistic regression on old and new cells as a head without blocks; `new` may be empty.

    Args:
        old, new: together, at least two classes.
        classes: number of classes; one without a cell gets a probability of almost 0.
        c: how freely it learns: scikit-learn's C, the inverse of the weight of L2.
    """
    features = np.concatenate([old.features, new.features])
    labels = np.concatenate([old.labels, new.labels])
    weights = np.concatenate(
        [class_weight("sqrt", part.labels, classes)[part.labels] for part in (old, new) if len(part.labels)]
    )
    if len(old.labels) and len(new.labels):
        weights[len(old.labels) :] *= NEW_TO_OLD * len(old.labels) / len(new.labels)
    return fit_regression(Cells(features, labels), weights, classes, c)


def fit_regression(cells: Cells, weights: npt.NDArray[np.floating], classes: int, c: float = C) -> Head:
    """Return logistic regression on weighted cells as a head without blocks.

    Args:
        cells: of at least two classes.
        weights: of each cell.
        classes, c: as for `fit_head`.
    """
    features, labels = cells.features.astype(np.float64), cells.labels
    head = standardized(Head(np.zeros(0), np.ones(0), [], np.zeros((0, 0)), np.zeros(0)), features)
    regression = LogisticRegression(C=c, solver="newton-cg", max_iter=1000, tol=1e-6)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Ll]ine ?[Ss]earch|Rounding errors")
        regression.fit(inputs_of(head, features), labels, weights)
    coefficients, intercepts = regression.coef_, regression.intercept_
    if len(regression.classes_) == 2:  # scikit-learn keeps one row: of the second class against the first
        coefficients, intercepts = np.vstack([-coefficients, coefficients]) / 2, np.r_[-intercepts, intercepts] / 2
    kernel, bias = np.zeros((features.shape[1], classes)), np.full(classes, -50.0)
    kernel[:, regression.classes_], bias[regression.classes_] = coefficients.T, intercepts
    return head._replace(kernel=kernel, bias=bias)


def learning_curve(
    old: Cells, new: Cells, classes: int, shots: list[int], draws: int, seed: int
) -> Iterator[tuple[int, float, float]]:
    """Yield (cells per class, balanced accuracy, accuracy) of each draw, scored on the new cells that weren't drawn.

    A class keeps at least one cell to score; where it has fewer than were asked for, it teaches with the rest.

    Args:
        shots: numbers of new cells per class that are learned from; 0 for none.
        draws: of each number, at random; of 0 there is one.
    """
    for shot in shots:
        for draw in range(draws if shot else 1):
            random = np.random.default_rng([seed, shot, draw])
            taught = np.concatenate([_drawn(new.labels, number, shot, random) for number in range(classes)])
            head = fit_head(old, new.take(taught), classes)
            rest = new.take(np.setdiff1d(np.arange(len(new.labels)), taught))
            is_right = predict_proba(head, rest.features).argmax(axis=1) == rest.labels
            recalls = [is_right[rest.labels == number].mean() for number in np.unique(rest.labels)]
            yield shot, float(np.mean(recalls)), float(is_right.mean())


def _drawn(labels: Labels, number: int, shot: int, random: np.random.Generator) -> Labels:
    rows = np.flatnonzero(labels == number)
    return random.permutation(rows)[: min(shot, max(0, len(rows) - 1))].astype(int)


def adapt(old: Cells, new: Cells, decision: Decision, seed: int) -> tuple[Head, Decision, novelty.Reference]:
    """Return the head that learned from all cells, and when it may answer at the new laboratory.

    Temperature, sets and distance come from the new cells alone, each scored by a regression that had learned from the
    old ones and from four fifths of the new ones.

    Args:
        decision: of the classifier that is adapted: class names, and what is asked of sets and distances.
        seed: of the folds.
    """
    classes, count = len(decision.classes), len(new.labels)
    folds = np.empty(count, int)
    for number in range(classes):  # the cells of each class are dealt out over the folds
        rows = np.random.default_rng([seed, number]).permutation(np.flatnonzero(new.labels == number))
        folds[rows] = (np.arange(len(rows)) + number) % FOLDS
    probabilities, distances = np.empty((count, classes)), np.empty(count)
    for fold in np.unique(folds):
        test, taught = new.take(folds == fold), new.take(folds != fold)
        probabilities[folds == fold] = predict_proba(fit_head(old, taught, classes), test.features)
        known = novelty.reference(np.concatenate([old.features, taught.features]))
        distances[folds == fold] = known.distances(test.features, decision.neighbors)
    fitted = fit_apart(
        probabilities, distances, new.labels, np.arange(count), decision.classes, np.ones(count), decision
    )
    reference = novelty.reference(np.concatenate([old.features, new.features]))
    return fit_head(old, new, classes), fitted, reference
