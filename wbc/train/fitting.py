"""Fitting a head on features that lie ready, in exact arithmetic: the same head on every CPU.

Forward and backward pass are written out, and not left to a library, because every sum in them goes through
`wbc.train.exact`; a test holds the gradients against TensorFlow's.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pydantic

from wbc.common.params import Section
from wbc.train import exact
from wbc.train.adam import LARGEST_STEP, Adam
from wbc.train.class_weights import ClassWeights, class_weight
from wbc.train.head import EPSILON, MOMENTUM, Block, Head, HeadParams, inputs_of, predict_proba, softmax, standardized

MOST_ROWS = 10_000  # images whose views give the statistics for standardizing: at most 1 GB with 9 views
MIN_DELTA = 1e-4  # by which a validation loss must be lower to count for the learning rate, as Keras has it

Labels = npt.NDArray[np.integer]


class OptimizerParams(Section):
    """How the head is fitted."""

    epochs: pydantic.PositiveInt
    batch_size: int = pydantic.Field(ge=2)  # batch normalization needs more than one row
    learning_rate: float = pydantic.Field(gt=0, le=1)  # of Adam, at the start
    label_smoothing: float = pydantic.Field(ge=0, lt=1)
    class_weights: ClassWeights
    reduce_factor: float = pydantic.Field(gt=0, lt=1)  # ReduceLROnPlateau: the learning rate is multiplied by it ...
    reduce_patience: pydantic.PositiveInt  # ... after this many epochs without a better validation loss
    stop_patience: pydantic.PositiveInt  # EarlyStopping: epochs without a better validation loss


class TrainParams(Section):
    """How a head is made: what the section `train` of params.yaml holds."""

    seed: int = pydantic.Field(ge=0, lt=2**32)
    head: HeadParams
    optimizer: OptimizerParams


class Batch(NamedTuple):
    """Rows that one step learns from."""

    features: exact.Floats  # (rows, n)
    one_hot: exact.Floats  # (rows, classes)
    weights: exact.Floats  # (rows,), how much each counts


class ViewBatches:
    """Batches in which every image comes once an epoch, each by a view drawn anew.

    Args:
        features: array (all images, zooms + views, n), in memory or memory-mapped; only the rows of a batch are read.
        rows: indices of the training images in it.
        labels: class number of each of `rows`.
        class_weight: weight of each class.
        batch_size: rows per batch. A last batch of one row, which batch normalization can't use, joins the batch before
            it.
        seed: seeds order and views.
    """

    def __init__(
        self,
        features: npt.NDArray,
        rows: Labels,
        labels: Labels,
        class_weight: exact.Floats,
        batch_size: int,
        seed: int,
    ) -> None:
        self.features, self.rows, self.batch_size = features, np.asarray(rows), batch_size
        self.one_hot = np.eye(len(class_weight))[labels]
        self.weights = np.asarray(class_weight, float)[labels]
        self.random = np.random.default_rng(seed)

    def epoch(self) -> Iterator[Batch]:
        """Yield the batches of one epoch."""
        order = self.random.permutation(len(self.rows))
        view = self.random.integers(self.features.shape[1], size=len(self.rows))
        starts = range(0, max(1, len(order) - 1), self.batch_size)
        for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
            chosen = order[start:end]
            features = self.features[self.rows[chosen], view[chosen]].astype(np.float64)
            yield Batch(features, self.one_hot[chosen], self.weights[chosen])


class Fit(NamedTuple):
    """A fitted head and how it came about."""

    head: Head  # with the weights of the epoch with the lowest validation loss
    history: list[dict[str, float]]  # per epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy, learning_rate
    best_epoch: int  # whose weights stay


def fit(
    head: Head,
    features: npt.NDArray,
    train: tuple[Labels, Labels],
    valid: tuple[Labels, Labels],
    params: "TrainParams",
    report: Callable[[dict[str, float]], None] | None = None,
) -> Fit:
    """Train a head and keep the weights of the epoch with the lowest validation loss.

    The learning rate falls on a plateau of the validation loss, and training stops when that has not improved for some
    epochs, as Keras' ReduceLROnPlateau and EarlyStopping do it. Without validation images there is nothing to stop on:
    all epochs run, and the last weights stay.

    Args:
        head: the untrained weights; they are not changed.
        features: array (all images, zooms + views, n).
        train, valid: (rows, labels): indices into `features` and class numbers. Validation uses view 0 alone.
        params: head and optimizer settings; its seed seeds order, views and dropout.
        report: called with each epoch's row of the history.
    """
    optimizer, classes = params.optimizer, head.bias.size
    rows, labels = train
    weights = class_weight(optimizer.class_weights, labels, classes)
    if params.head.standardize:
        some = rows if len(rows) <= MOST_ROWS else rows[np.linspace(0, len(rows) - 1, MOST_ROWS).astype(int)]
        head = standardized(head, features[some].reshape(-1, features.shape[2]))
    batches = ViewBatches(features, rows, labels, weights, optimizer.batch_size, params.seed)
    network = _Network(head, params.head, optimizer.label_smoothing, params.seed)
    schedule = _Schedule(optimizer)
    history: list[dict[str, float]] = []
    best = head
    while len(history) < optimizer.epochs and not schedule.stop:
        rate = schedule.learning_rate
        row = {"epoch": len(history) + 1, **network.epoch(batches, rate)}
        if len(valid[0]):
            row |= _validate(network.head(), features, *valid, optimizer.label_smoothing, params.head.l2)
        row["learning_rate"] = rate
        history.append(row)
        if schedule.after_epoch(row) or not len(valid[0]):
            best = network.head()
        if report:
            report(row)
    return Fit(best, history, schedule.best_epoch if len(valid[0]) else len(history))


class _Schedule:
    """The learning rate and the end of training, by the validation loss."""

    def __init__(self, params: OptimizerParams) -> None:
        self.params, self.learning_rate = params, params.learning_rate
        self.lowest = self.plateau = np.inf
        self.best_epoch, self.waited, self.stop = 0, 0, False

    def after_epoch(self, row: dict[str, float]) -> bool:
        """Take note of an epoch; return whether its validation loss is the lowest so far."""
        if "val_loss" not in row:
            return False
        loss, epoch = row["val_loss"], int(row["epoch"])
        if is_best := loss < self.lowest:
            self.lowest, self.best_epoch = loss, epoch
        self.stop = epoch - self.best_epoch >= self.params.stop_patience
        if loss < self.plateau - MIN_DELTA:
            self.plateau, self.waited = loss, 0
        else:
            self.waited += 1
        if self.waited >= self.params.reduce_patience:
            self.learning_rate, self.waited = self.learning_rate * self.params.reduce_factor, 0
        return is_best


class _Layer(NamedTuple):
    """What the forward pass of a block leaves for the backward pass."""

    inputs: exact.Floats  # (rows, inputs), on their grid
    kernel: exact.Floats  # on its grid
    is_active: npt.NDArray[np.bool_]  # where ReLU lets pass
    normalized: exact.Floats  # (rows, units), before gamma and beta
    inverse_deviation: exact.Floats  # (units,)
    kept: exact.Floats | None  # dropout's mask, scaled


class _Network:
    """A head in training: its weights in one flat array, so that the optimizer goes through all of them in one pass."""

    def __init__(self, head: Head, params: HeadParams, label_smoothing: float, seed: int) -> None:
        self.params, self.smoothing, self.start = params, label_smoothing, head
        self.random = np.random.default_rng([seed, 1])  # of dropout
        trained = [array for block in head.blocks for array in block[:4]] + [head.kernel, head.bias]
        self.flat = np.concatenate([array.ravel() for array in trained])
        self.gradient = np.zeros_like(self.flat)
        self.running = [(block.mean.copy(), block.variance.copy()) for block in head.blocks]
        self.arrays, self.gradients = (_views(flat, trained) for flat in (self.flat, self.gradient))
        self.adam = Adam(self.flat)
        self.constants: list[float] = []  # that round each array to its grid, for the epoch

    def head(self) -> Head:
        """Return a copy of the weights as they are now."""
        arrays = [array.copy() for array in self.arrays]
        blocks = [
            Block(*(*arrays[4 * number : 4 * number + 4], mean.copy(), variance.copy()))
            for number, (mean, variance) in enumerate(self.running)
        ]
        return self.start._replace(blocks=blocks, kernel=arrays[-2], bias=arrays[-1])

    def epoch(self, batches: ViewBatches, learning_rate: float) -> dict[str, float]:
        """Learn from every image once; return the loss and the accuracy, each the mean over the images."""
        losses, hits, count = 0.0, 0, 0
        steps = -(-len(batches.rows) // batches.batch_size)
        self._set_grids(LARGEST_STEP * learning_rate * steps)
        for batch in batches.epoch():
            loss, correct = self.step(batch, learning_rate)
            losses += loss * len(batch.features)
            hits, count = hits + correct, count + len(batch.features)
        return {"loss": losses / count, "accuracy": hits / count}

    def _set_grids(self, reach: float) -> None:
        """Choose for each kernel a grid that holds it until no weight has moved by more than `reach`."""
        self.constants = []
        for array in self.arrays:
            bits = exact.product_bits(max(array.shape))
            self.constants.append(exact.rounding_constant(float(np.abs(array).max()) + reach, bits))

    def step(self, batch: Batch, learning_rate: float) -> tuple[float, int]:
        """Take one step; return the loss of the batch and how many of its images were named correctly."""
        layers, logits_inputs, kernel, probabilities = self._forward(inputs_of(self.start, batch.features))
        classes = probabilities.shape[1]
        target = batch.one_hot * (1 - self.smoothing) + self.smoothing / classes
        error = (probabilities - target) * (batch.weights / len(target))[:, None]
        self._backward(layers, logits_inputs, kernel, error)
        self.adam.step(self.gradient, learning_rate)
        correct = int((probabilities.argmax(axis=1) == batch.one_hot.argmax(axis=1)).sum())
        return _cross_entropy(probabilities, target, batch.weights) + self._penalty(), correct

    def _rounded(self, number: int) -> exact.Floats:
        """Return array `number` on its grid."""
        constant = self.constants[number]
        rounded = self.arrays[number] + constant
        rounded -= constant
        return rounded

    def _forward(self, values: exact.Floats) -> tuple[list[_Layer], exact.Floats, exact.Floats, exact.Floats]:
        layers = []
        for number, (mean, variance) in enumerate(self.running):
            _, bias, gamma, beta = self.arrays[4 * number : 4 * number + 4]
            kernel = self._rounded(4 * number)
            inputs = exact.on_grid(values, exact.product_bits(max(kernel.shape)))
            values = inputs @ kernel
            values += bias
            is_active = values > 0
            values *= is_active
            batch_mean = exact.total(values, axis=0) / len(values)
            values -= batch_mean
            batch_variance = exact.total(values * values, axis=0) / len(values)
            inverse = 1 / np.sqrt(batch_variance + EPSILON)
            normalized = values * inverse
            for running, measured in ((mean, batch_mean), (variance, batch_variance)):
                running += (measured - running) * (1 - MOMENTUM)
            values = normalized * gamma + beta
            kept = None
            if self.params.dropout:
                kept = (self.random.random(values.shape) >= self.params.dropout) / (1 - self.params.dropout)
                values = values * kept
            layers.append(_Layer(inputs, kernel, is_active, normalized, inverse, kept))
        kernel = self._rounded(-2)
        inputs = exact.on_grid(values, exact.product_bits(max(kernel.shape)))
        return layers, inputs, kernel, softmax(inputs @ kernel + self.arrays[-1])

    def _backward(self, layers: list[_Layer], inputs: exact.Floats, kernel: exact.Floats, error: exact.Floats) -> None:
        """Write the gradient of the loss, given its derivative by the logits, `error`."""
        error = self._dense(-2, inputs, error)
        for number in range(len(layers) - 1, -1, -1):
            layer, next_kernel = layers[number], layers[number + 1].kernel if number + 1 < len(layers) else kernel
            error = error @ next_kernel.T
            if layer.kept is not None:
                error *= layer.kept
            gamma = self.arrays[4 * number + 2]
            by_gamma, by_beta = exact.total(error * layer.normalized, axis=0), exact.total(error, axis=0)
            self.gradients[4 * number + 2][:], self.gradients[4 * number + 3][:] = by_gamma, by_beta
            # Ioffe and Szegedy, Batch Normalization, ICML 2015, section 3, the three lines put together.
            error -= by_beta / len(error)
            error -= layer.normalized * (by_gamma / len(error))
            error *= gamma * layer.inverse_deviation
            error *= layer.is_active
            error = self._dense(4 * number, layer.inputs, error)

    def _dense(self, number: int, inputs: exact.Floats, error: exact.Floats) -> exact.Floats:
        """Write the gradients of a Dense layer's kernel and bias; return `error` on its grid."""
        error = exact.on_grid(error, exact.product_bits(max(*inputs.shape, error.shape[1])))
        by_kernel = self.gradients[number]
        np.matmul(inputs.T, error, out=by_kernel)
        if self.params.l2:
            by_kernel += self.arrays[number] * (2 * self.params.l2)
        self.gradients[number + 1][:] = exact.total(error, axis=0)
        return error

    def _penalty(self) -> float:
        if not self.params.l2:
            return 0.0
        kernels = [*self.arrays[:-2:4], self.arrays[-2]]
        return self.params.l2 * sum(float(exact.total(kernel * kernel)) for kernel in kernels)


def _views(flat: exact.Floats, like: list[exact.Floats]) -> list[exact.Floats]:
    """Return windows on a flat array with the shapes of `like`, one after the other."""
    ends = np.cumsum([array.size for array in like])
    return [flat[end - array.size : end].reshape(array.shape) for array, end in zip(like, ends, strict=True)]


def _cross_entropy(probabilities: exact.Floats, target: exact.Floats, weights: exact.Floats) -> float:
    """Return the weighted mean over the images of the cross-entropy, probabilities kept above 1e-7 as Keras does."""
    logarithms = exact.log(np.clip(probabilities, 1e-7, 1 - 1e-7))
    return -float(exact.total(target * logarithms * weights[:, None])) / len(target)


def _validate(
    head: Head, features: npt.NDArray, rows: Labels, labels: Labels, smoothing: float, l2: float
) -> dict[str, float]:
    """Return loss and accuracy of images as they are."""
    probabilities, one_hot = predict_proba(head, features[rows, 0]), np.eye(head.bias.size)[labels]
    target = one_hot * (1 - smoothing) + smoothing / head.bias.size
    kernels = [*(block.kernel for block in head.blocks), head.kernel]
    penalty = l2 * sum(float(exact.total(kernel * kernel)) for kernel in kernels) if l2 else 0.0
    return {
        "val_loss": _cross_entropy(probabilities, target, np.ones(len(target))) + penalty,
        "val_accuracy": float((probabilities.argmax(axis=1) == labels).mean()),
    }
