"""Training of the whole backbone on labelled cells, so that its frozen features suit blood cells.

The optimizer is AdamW (Loshchilov and Hutter, arXiv:1711.05101) under a cosine schedule with a linear start. Small
images come first (Tan and Le, EfficientNetV2, arXiv:2104.00298). Each image is changed as another laboratory might have
taken it (`domain_augmentation`). The running average of the weights is kept, because it transfers better to unseen
laboratories than the last weights (Cha et al., SWAD, arXiv:2102.08604). Labels aren't smoothed: smoothing raises the
score at home, but makes the features worse elsewhere (Kornblith et al., arXiv:2010.16402).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import pydantic

from wbc.common.files import replacing
from wbc.common.params import Section
from wbc.embed.tensorflow_setup import keras, tf
from wbc.pretraining.domain_augmentation import DomainAugmentation, augment_domain

VALID_PASSES = 2  # random shifts of each validation image, the same in every epoch


class Phase(Section):
    """Some epochs at one image size."""

    image_size: int = pydantic.Field(ge=32, le=512)  # pixels
    epochs: pydantic.PositiveInt


class PretrainParams(Section):
    """Settings of the backbone's training."""

    phases: list[Phase] = pydantic.Field(min_length=1)
    batch_size: int = pydantic.Field(ge=4, multiple_of=4)
    learning_rate: float = pydantic.Field(gt=0, le=1)  # the highest
    warm_up: float = pydantic.Field(ge=0)  # epochs in which the learning rate rises from 0
    weight_decay: float = pydantic.Field(ge=0, le=1)
    dropout: float = pydantic.Field(ge=0, lt=1)  # of the features, before the training's own softmax layer
    average: float = pydantic.Field(ge=0, lt=1)  # decay of the running average of weights, per step
    domain_augmentation: DomainAugmentation

    @pydantic.model_validator(mode="after")
    def warms_up_before_it_ends(self) -> Self:
        """Refuse a warm-up as long as the training."""
        epochs = sum(phase.epochs for phase in self.phases)
        if self.warm_up >= epochs:
            raise ValueError(f"warm_up {self.warm_up:g} takes all of the {epochs} epochs; it must be less")
        return self


class Settings(Section):
    """Section `pretrain` of pretraining/params.yaml."""

    seed: int = pydantic.Field(ge=0, lt=2**32)
    start_from: Literal["imagenet-lite0", "imagenet"]
    training: PretrainParams


class Cells(NamedTuple):
    """Labelled cells in memory."""

    images: np.ndarray  # uint8 (n, side, side, 3), RGB
    labels: np.ndarray  # int (n,), class numbers from 0
    strata: np.ndarray | None = None  # int (n,), such as laboratory and class; each stratum is seen equally often

    def __len__(self) -> int:
        return len(self.labels)


class Trained(NamedTuple):
    """The history and the softmax layer of a training; the weights stay in the backbone."""

    history: list[dict[str, Any]]  # one dict per epoch, see `pretrain`
    kernel: np.ndarray  # float32 (features, classes), of the training's own softmax layer at the best epoch
    bias: np.ndarray  # float32 (classes,)


def pretrain(
    backbone: keras.Model,
    classes: int,
    train: Cells,
    valid: Cells,
    params: PretrainParams,
    seed: int,
    checkpoint: Path,
    report: Callable[[dict[str, Any]], object] | None = None,
) -> Trained:
    """Train `backbone` in place, and leave the averaged weights of the best epoch in it.

    The best epoch has the lowest loss on the validation images as other laboratories might have taken them. Every epoch
    ends with a checkpoint. Training resumes from an existing checkpoint, with the same bytes as without a break.

    Args:
        backbone: Keras model from (any size, any size, 3) RGB 0-255 to features.
        classes: number of classes.
        train, valid: `Cells`.
        params: a `PretrainParams`.
        seed: of the order, the shifts and the dropout.
        checkpoint: path of the checkpoint file; its name must depend on everything that the training depends on.
        report: called as report(row) after each epoch, with its row of the history.

    Returns:
        the softmax layer, and the history, a list of one dict per epoch: epoch (from 1), image_size, learning_rate,
        loss, accuracy (of training), shifted_loss, shifted_accuracy, plain_accuracy (of validation), best (1 if better
        than all epochs before, else 0).
    """
    keras.utils.set_random_seed(seed)
    training = _Training(backbone, classes, params, steps=len(train) // params.batch_size)
    history = training.restore(checkpoint) if checkpoint.exists() else []
    sizes = [phase.image_size for phase in params.phases for _ in range(phase.epochs)]
    for epoch, size in enumerate(sizes[len(history) :], start=len(history) + 1):
        row: dict[str, Any] = {"epoch": epoch, "image_size": size}
        row |= training.epoch(train, size, np.random.default_rng([seed, epoch]), key=(seed % 2**20, epoch))
        row |= training.validate(valid, size, key=seed % 2**20)
        row["best"] = int(row["shifted_loss"] < min((past["shifted_loss"] for past in history), default=math.inf))
        if row["best"]:
            training.keep_best()
        history.append(row)
        training.save(checkpoint, history)
        if report:
            report(row)
    *weights, kernel, bias = training.best
    for variable, value in zip(backbone.weights, weights, strict=True):
        variable.assign(value)
    return Trained(history, kernel, bias)


class _Training:
    """The network in training, with its optimizer, its averaged weights and the best of these so far."""

    def __init__(self, backbone: keras.Model, classes: int, params: PretrainParams, steps: int) -> None:
        self.backbone, self.params, self.steps = backbone, params, steps
        self.top = keras.Sequential(
            [
                keras.Input(backbone.output_shape[1:]),
                keras.layers.Dropout(params.dropout),
                keras.layers.Dense(classes, name="classes"),
            ]
        )
        total = steps * sum(phase.epochs for phase in params.phases)
        warm_up = round(params.warm_up * steps)
        self.schedule = keras.optimizers.schedules.CosineDecay(
            params.learning_rate / 100, total - warm_up, warmup_target=params.learning_rate, warmup_steps=warm_up
        )
        self.optimizer = keras.optimizers.AdamW(self.schedule, weight_decay=params.weight_decay, global_clipnorm=1.0)
        self.optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        self.trainable = backbone.trainable_variables + self.top.trainable_variables
        self.optimizer.build(self.trainable)
        self.weights = backbone.weights + self.top.weights
        self.averaged = [tf.Variable(weight.value, dtype=weight.dtype) for weight in self.weights]
        self.best = [weight.numpy() for weight in self.weights]
        self.step = tf.function(self._step)
        self.logits = tf.function(lambda images: self.top(self.backbone(images, training=False), training=False))
        self.shifted = tf.function(
            lambda images, size, key: augment_domain(images, size, key, params.domain_augmentation)
        )

    def _step(self, images: tf.Tensor, labels: tf.Tensor, size: int, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Take one step of the optimizer on uint8 images; return (loss, number of correctly classified images)."""
        images = augment_domain(images, size, key, self.params.domain_augmentation)
        with tf.GradientTape() as tape:
            logits = self.top(self.backbone(images, training=True), training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        self.optimizer.apply(tape.gradient(loss, self.trainable), self.trainable)
        # At first the average decays faster, so that it forgets the untrained weights.
        taken = tf.cast(self.optimizer.iterations, tf.float32)
        share = tf.minimum(self.params.average, (1 + taken) / (10 + taken))
        for average, weight in zip(self.averaged, self.weights, strict=True):
            if average.dtype.is_floating:
                average.assign(average * share + tf.convert_to_tensor(weight) * (1 - share))
        return loss, tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == labels, tf.int32))

    def epoch(self, train: Cells, size: int, random: np.random.Generator, key: tuple[int, int]) -> dict[str, float]:
        """Train for one epoch, on each image once or by strata; a remainder smaller than a batch is left out."""
        order = _order(train, self.steps, self.params.batch_size, random)
        losses, right = [], 0
        for step, rows in enumerate(order.reshape(self.steps, -1)):
            batch_key = tf.constant([key[0], key[1] * self.steps + step])
            rows_labels = tf.constant(train.labels[rows], tf.int64)
            loss, called_right = self.step(tf.constant(train.images[rows]), rows_labels, size, batch_key)
            losses.append(float(loss))
            right += int(called_right)
        return {
            "learning_rate": float(self.schedule(self.optimizer.iterations)),
            "loss": float(np.mean(losses)),
            "accuracy": right / len(order),
        }

    def validate(self, valid: Cells, size: int, key: int) -> dict[str, float]:
        """Score the averaged weights, then restore the trained ones."""
        trained = [weight.numpy() for weight in self.weights]
        self._put(self.averaged)
        plain = np.concatenate([self._logits(images, size) for images in self._batches(valid)])
        passes = []
        for number in range(VALID_PASSES):
            shifted = (
                self.shifted(images, size, tf.constant([key, number * 10**4 + batch]))
                for batch, images in enumerate(self._batches(valid))
            )
            passes.append(np.concatenate([self.logits(images).numpy() for images in shifted]))
        self._put(trained)
        plain, passes = plain[: len(valid)], [logits[: len(valid)] for logits in passes]
        return {
            "shifted_loss": float(np.mean([_cross_entropy(logits, valid.labels) for logits in passes])),
            "shifted_accuracy": float(np.mean([logits.argmax(axis=1) == valid.labels for logits in passes])),
            "plain_accuracy": float(np.mean(plain.argmax(axis=1) == valid.labels)),
        }

    def _batches(self, cells: Cells) -> Iterator[tf.Tensor]:
        """Yield all images in batches of one size; the last one is filled with the first images."""
        size = self.params.batch_size
        for start in range(0, len(cells), size):
            yield tf.constant(cells.images[np.arange(start, start + size) % len(cells)])

    def _logits(self, images: tf.Tensor, size: int) -> np.ndarray:
        return self.logits(tf.image.resize(tf.cast(images, tf.float32), [size, size], antialias=True)).numpy()

    def _put(self, values: Sequence[Any]) -> None:
        for weight, value in zip(self.weights, values, strict=True):
            weight.assign(value)

    def keep_best(self) -> None:
        """Keep the averaged weights."""
        self.best = [average.numpy() for average in self.averaged]

    def _variables(self) -> list[Any]:
        # `variables` includes the states of dropout's random generators, which `weights` leaves out.
        return self.backbone.variables + self.top.variables + self.optimizer.variables + self.averaged

    def save(self, path: Path, history: list[dict[str, Any]]) -> None:
        """Write everything that the rest of the training depends on, whole or not at all."""
        arrays: dict[str, Any] = {
            f"variable_{number}": variable.numpy() for number, variable in enumerate(self._variables())
        }
        arrays |= {f"best_{number}": value for number, value in enumerate(self.best)}
        arrays |= {f"history_{name}": np.array([row[name] for row in history]) for name in history[0]}
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez(file, **arrays)

    def restore(self, path: Path) -> list[dict[str, Any]]:
        """Load a checkpoint; return its history."""
        with np.load(path, allow_pickle=False) as saved:
            for number, variable in enumerate(self._variables()):
                variable.assign(saved[f"variable_{number}"])
            self.best = [saved[f"best_{number}"] for number in range(len(self.best))]
            names = [name for name in saved.files if name.startswith("history_")]
            columns = [saved[name].tolist() for name in names]
        return [
            {name.removeprefix("history_"): value for name, value in zip(names, row, strict=True)}
            for row in zip(*columns, strict=True)
        ]


def _order(cells: Cells, steps: int, size: int, random: np.random.Generator) -> np.ndarray:
    """Return the row numbers of an epoch's images in order; with strata, each step has equally many of each."""
    count = steps * size
    if cells.strata is None:
        return random.permutation(len(cells))[:count]
    numbers = np.unique(cells.strata)
    turns = np.resize(random.permutation(numbers), count)
    order = np.empty(count, int)
    for number in numbers:
        rows = np.flatnonzero(cells.strata == number)
        places = np.flatnonzero(turns == number)
        rounds = [random.permutation(rows) for _ in range(-(-len(places) // len(rows)))]
        order[places] = np.concatenate([*rounds, rows[:0]])[: len(places)]
    return random.permuted(order.reshape(steps, size), axis=1).ravel()


def sample(cells: Cells, size: int, count: int = 256) -> tf.Tensor:
    """Return the first images of `cells`, resized and otherwise unchanged: float32 (n, size, size, 3)."""
    return tf.image.resize(tf.cast(cells.images[:count], tf.float32), [size, size], antialias=True)


def _cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels])
