"""Head: the trained layers between the backbone's features and class probabilities.

NumPy trains and scores it. Keras only receives its weights (`wbc.export.keras_classifier`).
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from wbc.common.files import reading, write_npz
from wbc.train import exact
from wbc.train.exact import Floats
from wbc.train.layers import SCORING, BatchNorm, Dense, Dropout, Layer, Mode, Relu, Standardize, float32
from wbc.train.params import HeadParams

ROWS = 1024  # rows scored at once
DENSE_ARRAYS, NORM_ARRAYS = (tuple(field.name for field in dataclasses.fields(kind)) for kind in (Dense, BatchNorm))


class Head(NamedTuple):
    """Layers in the order of the forward pass: Standardize; Dense, Relu and BatchNorm of each block; Dense.

    In training, a Dropout may follow a block.
    """

    layers: list[Layer]

    @property
    def standardize(self) -> Standardize:
        """The layer that standardizes the features."""
        return next(layer for layer in self.layers if isinstance(layer, Standardize))

    @property
    def dense(self) -> list[Dense]:
        """All Dense layers; the last one gives the logits."""
        return [layer for layer in self.layers if isinstance(layer, Dense)]

    @property
    def norms(self) -> list[BatchNorm]:
        """The BatchNorm layer of each block."""
        return [layer for layer in self.layers if isinstance(layer, BatchNorm)]

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.dense[-1].bias.size

    def forward(self, features: npt.ArrayLike, mode: Mode = SCORING) -> tuple[Floats, list[Any]]:
        """Return the logits (rows, classes) of features (rows, n), and each layer's cache for the backward pass."""
        values, caches = np.asarray(features, np.float64), []
        for layer in self.layers:
            values, cache = layer.forward(values, mode)
            caches.append(cache)
        return values, caches

    def backward(self, error: Floats, caches: list[Any], gradients: list[Layer] | None = None) -> Floats:
        """Return the derivative of the loss by the features, given its derivative by the logits, `error`.

        Args:
            error: float64 array (rows, classes).
            caches: caches that `forward` returned.
            gradients: optional layers of the same kinds, whose trained arrays receive the derivatives. The derivative
                by the features is then left out.
        """
        first = next(number for number, layer in enumerate(self.layers) if layer.TRAINED) if gradients else 0
        for number in range(len(self.layers) - 1, first - 1, -1):
            gradient = gradients[number] if gradients else None
            further = number > first or not gradients
            error = self.layers[number].backward(error, caches[number], gradient, further=further)
        return error


def build_head(features: int, classes: int, params: HeadParams, seed: int) -> Head:
    """Return an untrained head from (features,) numbers to (classes,) logits.

    Kernels are drawn uniformly as Keras draws them (Glorot and Bengio, Understanding the difficulty of training deep
    feedforward neural networks, AISTATS 2010); other arrays start neutral.

    >>> params = HeadParams(units=[1024, 512, 256, 128, 64], dropout=0.3, l2=0.0, standardize=True)
    >>> head = build_head(1280, 5, params, seed=1)
    >>> count_parameters(head)
    (2017285, 2013317)

    Args:
        features: length of the backbone's output.
        classes: number of classes, at least 2.
        params: shape of the head.
        seed: seeds the kernels.
    """
    random = np.random.default_rng(seed)

    def dense(inputs: int, units: int) -> Dense:
        limit = math.sqrt(6 / (inputs + units))
        return Dense((2 * random.random((inputs, units)) - 1) * limit, np.zeros(units))

    layers: list[Layer] = [Standardize.neutral(features)]
    for inputs, units in zip([features, *params.units], params.units, strict=False):
        layers += [dense(inputs, units), Relu(), BatchNorm.neutral(units)]
    return Head([*layers, dense([features, *params.units][-1], classes)])


def with_dropout(head: Head, rate: float, random: np.random.Generator) -> Head:
    """Return a head with dropout after each block, which is active in training."""
    layers: list[Layer] = []
    for layer in head.layers:
        layers += [layer, Dropout(rate, random)] if isinstance(layer, BatchNorm) and rate else [layer]
    return Head(layers)


def folded(head: Head) -> Head:
    """Return an equivalent head that doesn't standardize, because its first kernel includes that."""
    first = head.dense[0]
    kernel = first.kernel / head.standardize.scale[:, None]
    bias = first.bias - exact.total(head.standardize.center[:, None] * kernel, axis=0)
    layers = [Dense(kernel, bias) if layer is first else layer for layer in head.layers]
    return Head([Standardize.neutral(len(kernel)), *layers[1:]])


def count_parameters(head: Head) -> tuple[int, int]:
    """Return the number of weights of a head, and how many of them are trained: all but the running statistics.

    The statistics of the inputs don't count: in the classifier they are folded into the first kernel.
    """
    layers: list[Layer] = [*head.dense, *head.norms]
    total = sum(array.size for layer in layers for array in layer.arrays)
    return total, sum(array.size for layer in layers for array in layer.trained)


def predict_proba(head: Head, features: npt.ArrayLike) -> Floats:
    """Return the class probabilities of features, the same bits on every CPU and among any other rows.

    Args:
        head: the weights.
        features: array (images, n).

    Returns:
        float64 array (images, classes).
    """
    features = np.asarray(features)
    parts = [
        softmax(head.forward(features[start : start + ROWS], SCORING)[0]) for start in range(0, len(features), ROWS)
    ]
    return np.concatenate(parts) if parts else np.empty((0, head.classes))


def mean_probabilities(heads: Sequence[Head], features: npt.NDArray) -> Floats:
    """Return the mean of several heads' probabilities of features, float array (images, classes)."""
    total = predict_proba(heads[0], features)
    for head in heads[1:]:
        total = total + predict_proba(head, features)
    return total / len(heads)


def score_gradient(head: Head, features: npt.ArrayLike, label: int) -> Floats:
    """Return the local effect of each feature of an image on a class.

    It is the gradient of the difference between the class's logit and the mean of all logits.

    Args:
        head: the weights.
        features: array (n,) of one image.
        label: number of the class.

    Returns:
        float64 array (n,).
    """
    _, caches = head.forward(np.asarray(features)[None], SCORING)
    above_mean = np.eye(head.classes)[[label]] - 1 / head.classes
    return head.backward(above_mean, caches)[0]


def softmax(logits: Floats) -> Floats:
    """Return probabilities (images, classes) from logits of that shape."""
    powers = exact.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / exact.total(powers, axis=1)[:, None]


def save_head(head: Head, path: Path) -> None:
    """Write a head as an .npz file of float32 arrays, the precision of the classifier."""
    arrays: dict[str, Floats] = {}
    for number, (dense, norm) in enumerate(zip(head.dense, head.norms, strict=False), start=1):
        fields = {**vars(dense), **vars(norm)}
        arrays |= {f"block_{number}_{name}": array for name, array in fields.items()}
    arrays |= {**vars(head.standardize), **vars(head.dense[-1])}
    write_npz(path, {name: np.asarray(array, np.float32) for name, array in arrays.items()})


def load_head(path: Path) -> Head:
    """Return the head that `save_head` wrote, its weights as float64."""
    with reading(path), np.load(path, allow_pickle=False) as saved:
        return from_arrays({name: saved[name].astype(np.float64) for name in saved.files})


def from_arrays(arrays: Mapping[str, Floats]) -> Head:
    """Return the head of arrays that are named as in `save_head`."""
    layers: list[Layer] = [Standardize(arrays["center"], arrays["scale"])]
    for number in range(1, 1 + sum(name.endswith("_kernel") for name in arrays)):
        dense, norm = (
            {name: arrays[f"block_{number}_{name}"] for name in names} for names in (DENSE_ARRAYS, NORM_ARRAYS)
        )
        layers += [Dense(**dense), Relu(), BatchNorm(**norm)]
    return Head([*layers, Dense(arrays["kernel"], arrays["bias"])])


def stored(head: Head) -> Head:
    """Return a head as read from its file, with every weight rounded to float32."""
    return changed(head, float32)


def changed(head: Head, change: Callable[[Floats], Floats]) -> Head:
    """Return a head without dropout, with `change` applied to each of its arrays."""
    layers = [layer for layer in head.layers if not isinstance(layer, Dropout)]
    return Head([type(layer)(*map(change, layer.arrays)) for layer in layers])
