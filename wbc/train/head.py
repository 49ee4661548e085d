"""The head: blocks of Dense, BatchNormalization and Dropout, then softmax; with the backbone it is the classifier.

Its weights are plain arrays, which NumPy trains and scores (`wbc.train.fitting`, `predict_proba`) and which Keras
gets for the classifier that is shipped (`wbc.export.keras_classifier`).
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import pydantic

from wbc.common.params import Section
from wbc.common.zips import write_npz
from wbc.train import exact

# Of batch normalization's running statistics. Keras' 0.99 needs hundreds of steps to forget where it started, and a few
# hundred images give three or four steps per epoch.
MOMENTUM = 0.9
EPSILON = 0.001  # added to a variance, as Keras has it
ROWS = 1024  # scored at once
PLAIN = ("center", "scale", "kernel", "bias")  # arrays of a head beside its blocks


Units = Annotated[list[pydantic.PositiveInt], pydantic.Field(max_length=20)]  # of each block


class HeadParams(Section):
    """Shape and regularization of the head."""

    units: Units  # an empty list is softmax regression
    dropout: float = pydantic.Field(ge=0, lt=1)  # share of a block's outputs silenced in training
    l2: float = pydantic.Field(ge=0, le=1)  # weight decay of every Dense kernel, as a penalty on its squares
    standardize: bool  # the features, by their mean and standard deviation over the training images and their views


class Block(NamedTuple):
    """Weights of one Dense layer with ReLU and the BatchNormalization after it; float64 arrays."""

    kernel: exact.Floats  # (inputs, units)
    bias: exact.Floats  # (units,)
    gamma: exact.Floats  # (units,), scale
    beta: exact.Floats  # (units,), offset
    mean: exact.Floats  # (units,), running mean of the Dense layer's output
    variance: exact.Floats  # (units,), its running variance


class Head(NamedTuple):
    """All weights of a head, and the statistics by which its inputs are standardized."""

    center: exact.Floats  # (features,), subtracted from the inputs
    scale: exact.Floats  # (features,), by which they are divided then
    blocks: list[Block]
    kernel: exact.Floats  # (inputs, classes), of the softmax layer
    bias: exact.Floats  # (classes,)


def build_head(features: int, classes: int, params: HeadParams, seed: int) -> Head:
    """Return an untrained head from (features,) numbers to (classes,) probabilities.

    Kernels are drawn uniformly as Keras draws them (Glorot and Bengio, Understanding the difficulty of training deep
    feedforward neural networks, AISTATS 2010); the rest starts neutral.

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

    def kernel(inputs: int, units: int) -> exact.Floats:
        limit = math.sqrt(6 / (inputs + units))
        return (2 * random.random((inputs, units)) - 1) * limit

    blocks, inputs = [], features
    for units in params.units:
        zeros, ones = np.zeros(units), np.ones(units)
        blocks.append(Block(kernel(inputs, units), zeros.copy(), ones.copy(), zeros.copy(), zeros.copy(), ones.copy()))
        inputs = units
    return Head(np.zeros(features), np.ones(features), blocks, kernel(inputs, classes), np.zeros(classes))


def standardized(head: Head, features: npt.NDArray) -> Head:
    """Return a head that takes its inputs by their mean and standard deviation over `features`, an array (rows, n).

    They are rounded to float32, as the head's file holds them.
    """
    rows = np.asarray(features, np.float64)
    mean = exact.total(rows, axis=0) / len(rows)
    deviation = np.sqrt(exact.total((rows - mean) ** 2, axis=0) / len(rows))
    deviation[deviation == 0] = 1.0  # a feature that never changes says nothing
    return head._replace(center=_float32(mean), scale=_float32(deviation))


def inputs_of(head: Head, features: npt.ArrayLike) -> exact.Floats:
    """Return features as the first layer of a head takes them."""
    return (np.asarray(features, np.float64) - head.center) / head.scale


def folded(head: Head) -> Head:
    """Return the head that does the same with features as they are: the statistics become part of its first kernel."""
    kernel, bias = (head.blocks[0].kernel, head.blocks[0].bias) if head.blocks else (head.kernel, head.bias)
    kernel = kernel / head.scale[:, None]
    bias = bias - exact.total(head.center[:, None] * kernel, axis=0)
    neutral = head._replace(center=np.zeros_like(head.center), scale=np.ones_like(head.scale))
    if not head.blocks:
        return neutral._replace(kernel=kernel, bias=bias)
    return neutral._replace(blocks=[head.blocks[0]._replace(kernel=kernel, bias=bias), *head.blocks[1:]])


def count_parameters(head: Head) -> tuple[int, int]:
    """Return the number of weights of a head, and how many of them are trained: all but the running statistics.

    The statistics of the inputs don't count: in the classifier they are folded into the first kernel.
    """
    running = sum(block.mean.size + block.variance.size for block in head.blocks)
    total = head.kernel.size + head.bias.size + sum(array.size for block in head.blocks for array in block)
    return total, total - running


def predict_proba(head: Head, features: npt.ArrayLike) -> exact.Floats:
    """Return the class probabilities of features, the same bits on every CPU and for any rows beside them.

    Args:
        head: the weights.
        features: array (images, n), n as the head takes them.

    Returns:
        float64 array (images, classes).
    """
    features = np.asarray(features)
    parts = [_forward(head, features[start : start + ROWS]) for start in range(0, len(features), ROWS)]
    return np.concatenate(parts) if parts else np.empty((0, head.bias.size))


def _forward(head: Head, features: npt.NDArray) -> exact.Floats:
    # On one grid whatever the batch: rows must not change the rounding of their neighbors.
    values = inputs_of(head, features)
    for block in head.blocks:
        values = np.maximum(matmul_by_row(values, block.kernel) + block.bias, 0)
        scale = block.gamma / np.sqrt(block.variance + EPSILON)
        values = (values - block.mean) * scale + block.beta
    return softmax(matmul_by_row(values, head.kernel) + head.bias)


def score_gradient(head: Head, features: npt.ArrayLike, label: int) -> exact.Floats:
    """Return by how much each feature of an image speaks for a class, in the neighborhood of that image.

    That is the gradient of the class's logit above the mean of all logits, which is what moves its probability.

    Args:
        head: the weights.
        features: array (n,) of one image.
        label: number of the class.

    Returns:
        float64 array (n,).
    """
    values, slopes = inputs_of(head, np.asarray(features)), []
    for block in head.blocks:
        values = values @ block.kernel + block.bias
        scale = block.gamma / np.sqrt(block.variance + EPSILON)
        slopes.append((values > 0) * scale)
        values = (np.maximum(values, 0) - block.mean) * scale + block.beta
    gradient = head.kernel[:, label] - head.kernel.mean(axis=1)
    for block, slope in zip(reversed(head.blocks), reversed(slopes), strict=True):
        gradient = block.kernel @ (slope * gradient)
    return gradient / head.scale


def matmul_by_row(values: exact.Floats, kernel: exact.Floats) -> exact.Floats:
    """Return the exact product of rows and a kernel, each row rounded by its own magnitude."""
    bits = exact.product_bits(len(kernel))
    _, exponent = np.frexp(np.abs(values).max(axis=1, keepdims=True, initial=0.0))
    constant = np.ldexp(1.5, exact.MANTISSA - 1 + exponent - bits)
    return ((values + constant) - constant) @ exact.on_grid(kernel, bits)


def softmax(logits: exact.Floats) -> exact.Floats:
    """Return probabilities (images, classes) from logits of that shape."""
    powers = exact.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / exact.total(powers, axis=1)[:, None]


def save_head(head: Head, path: Path) -> None:
    """Write a head as an .npz file of float32 arrays, the precision in which the classifier holds them."""
    arrays = {f"block_{number}_{name}": array for number, name, array in _named(head)}
    arrays |= {name: getattr(head, name) for name in PLAIN}
    write_npz(path, {name: np.asarray(array, np.float32) for name, array in arrays.items()})


def load_head(path: Path) -> Head:
    """Return the head that `save_head` wrote, its weights as float64."""
    with np.load(path, allow_pickle=False) as saved:
        arrays = {name: saved[name].astype(np.float64) for name in saved.files}
    count = len({name.split("_")[1] for name in arrays if name.startswith("block_")})
    blocks = [Block(*(arrays[f"block_{number}_{name}"] for name in Block._fields)) for number in range(1, 1 + count)]
    return Head(blocks=blocks, **{name: arrays[name] for name in PLAIN})


def stored(head: Head) -> Head:
    """Return a head as it comes back from its file: every weight rounded to float32."""
    blocks = [Block(*map(_float32, block)) for block in head.blocks]
    return Head(blocks=blocks, **{name: _float32(getattr(head, name)) for name in PLAIN})


def _float32(array: exact.Floats) -> exact.Floats:
    return array.astype(np.float32).astype(np.float64)


def _named(head: Head) -> Iterator[tuple[int, str, exact.Floats]]:
    for number, block in enumerate(head.blocks, start=1):
        for name, array in block._asdict().items():
            yield number, name, array


def mean_probabilities(heads: Sequence[Head], features: npt.NDArray) -> exact.Floats:
    """Return the mean of what several heads say of features, float array (images, classes)."""
    total = predict_proba(heads[0], features)
    for head in heads[1:]:
        total = total + predict_proba(head, features)
    return total / len(heads)


def heads_of_fold(folder: Path, fold: int) -> list[Head]:
    """Return the cross-validated heads that were trained without a fold: fold_<fold>_1.npz and so on in a folder.

    Raises:
        FileNotFoundError: there are none.
    """
    paths = sorted(folder.glob(f"fold_{fold}_*.npz")) or [folder / f"fold_{fold}_1.npz"]
    return [load_head(path) for path in paths]


def out_of_fold(folder: Path, features: npt.NDArray, fold: npt.ArrayLike, classes: int) -> exact.Floats:
    """Return the probabilities that cross-validated heads give the images of the fold that each was trained without.

    Args:
        folder: with the heads of every fold, see `heads_of_fold`.
        features: array (images, n).
        fold: fold number of each image.
        classes: number of classes.

    Returns:
        array (images, classes), the mean of a fold's heads.
    """
    probabilities = np.empty((len(features), classes))
    for number in np.unique(fold):
        rows = np.flatnonzero(np.equal(fold, number))
        probabilities[rows] = mean_probabilities(heads_of_fold(folder, number), features[rows])
    return probabilities
