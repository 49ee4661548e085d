"""Layers of a head, each with a forward and a backward pass in exact arithmetic.

Training, scoring and the gradient by the features use the same forward pass. Its `Mode` sets the rounding of operands
and the statistics of the normalization.
"""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from wbc.train import exact
from wbc.train.exact import Floats

# Of batch normalization's running statistics. Keras' 0.99 needs hundreds of steps to forget the initial values, but a
# few hundred images give only three or four steps per epoch.
MOMENTUM = 0.9
EPSILON = 0.001  # added to a variance, as in Keras


class Mode(NamedTuple):
    """Settings of a forward pass: the rounding of operands to a number of bits, and training or scoring."""

    round_inputs: Callable[[Floats, int], Floats]
    round_kernel: Callable[[Floats, int], Floats]
    is_training: bool  # then the batch's statistics normalize and update the running ones, and dropout is active


# Rows are rounded one by one, so that no row changes the result of another.
SCORING = Mode(exact.rows_on_grid, exact.on_grid, is_training=False)


class Layer(abc.ABC):
    """Layer from float64 arrays (rows, inputs) to float64 arrays (rows, outputs)."""

    TRAINED: ClassVar[int] = 0  # number of its first arrays that are trained

    @property
    def arrays(self) -> list[Floats]:
        """Its arrays, in the order of its fields."""
        return list(vars(self).values())

    @property
    def trained(self) -> list[Floats]:
        """Its trained arrays."""
        return self.arrays[: self.TRAINED]

    @abc.abstractmethod
    def forward(self, values: Floats, mode: Mode) -> tuple[Floats, Any]:
        """Return the outputs, and a cache for the backward pass."""

    @abc.abstractmethod
    def backward(self, error: Floats, cache: Any, gradient: Any = None, *, further: bool = True) -> Floats:
        """Return the derivative of the loss by the inputs.

        Args:
            error: derivative of the loss by the outputs.
            cache: cache of the forward pass.
            gradient: a layer of the same kind, whose trained arrays receive the derivatives by this layer's arrays.
            further: False if no layer needs the returned array, which is then arbitrary.
        """


@dataclasses.dataclass(frozen=True)
class Standardize(Layer):
    """Subtraction of a mean and division by a standard deviation, one of each per feature."""

    center: Floats  # (features,)
    scale: Floats  # (features,)

    @classmethod
    def fit(cls, features: npt.NDArray) -> Self:
        """Return the layer that gives `features`, an array (rows, n), a mean of 0 and a standard deviation of 1.

        Both are rounded to float32, as in the head's file.
        """
        mean, deviation = exact.mean_and_deviation(features)
        deviation[deviation == 0] = 1.0  # a constant feature
        return cls(float32(mean), float32(deviation))

    @classmethod
    def neutral(cls, features: int) -> Self:
        """Return the layer that changes nothing."""
        return cls(np.zeros(features), np.ones(features))

    def forward(self, values: Floats, mode: Mode = SCORING) -> tuple[Floats, None]:
        """Subtract the mean and divide by the deviation, in any mode."""
        outputs = values - self.center
        outputs /= self.scale
        return outputs, None

    def backward(self, error: Floats, cache: None, gradient: Any = None, *, further: bool = True) -> Floats:
        """Divide by the deviation."""
        return error / self.scale


@dataclasses.dataclass(frozen=True)
class Dense(Layer):
    """Product with a kernel, plus a bias."""

    kernel: Floats  # (inputs, outputs)
    bias: Floats  # (outputs,)
    TRAINED = 2

    def forward(self, values: Floats, mode: Mode) -> tuple[Floats, tuple[Floats, Floats]]:
        """Multiply by the kernel, operands rounded so that every sum is exact, and add the bias."""
        bits = exact.product_bits(max(self.kernel.shape))
        inputs, kernel = mode.round_inputs(values, bits), mode.round_kernel(self.kernel, bits)
        outputs = inputs @ kernel
        outputs += self.bias
        return outputs, (inputs, kernel)

    def backward(
        self, error: Floats, cache: tuple[Floats, Floats], gradient: Self | None = None, *, further: bool = True
    ) -> Floats:
        """Multiply by the kernel's transpose; write the gradients of kernel and bias."""
        inputs, kernel = cache
        error = exact.on_grid(error, exact.product_bits(max(*inputs.shape, *kernel.shape)))
        if gradient is not None:
            np.matmul(inputs.T, error, out=gradient.kernel)
            error.sum(axis=0, out=gradient.bias)  # exact, since even sums of products of these numbers are
        return error @ kernel.T if further else error


@dataclasses.dataclass(frozen=True)
class Relu(Layer):
    """Rectifier, which replaces negative values by 0."""

    def forward(self, values: Floats, mode: Mode) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Replace negative values by 0."""
        return np.maximum(values, 0), values > 0

    def backward(
        self, error: Floats, cache: npt.NDArray[np.bool_], gradient: Any = None, *, further: bool = True
    ) -> Floats:
        """Pass on the error of positive inputs."""
        return error * cache


@dataclasses.dataclass(frozen=True)
class BatchNorm(Layer):
    """Batch normalization (Ioffe and Szegedy, Batch Normalization, ICML 2015)."""

    gamma: Floats  # (units,), scale
    beta: Floats  # (units,), offset
    mean: Floats  # (units,), running mean of the inputs
    variance: Floats  # (units,), their running variance
    TRAINED = 2

    @classmethod
    def neutral(cls, units: int) -> Self:
        """Return the untrained layer."""
        return cls(np.ones(units), np.zeros(units), np.zeros(units), np.ones(units))

    def forward(self, values: Floats, mode: Mode) -> tuple[Floats, tuple[Floats, Floats, bool]]:
        """Normalize by the batch's statistics in training, else by the running ones; scale and shift."""
        mean, variance = self.mean, self.variance
        if mode.is_training:
            mean = exact.total(values, axis=0) / len(values)
        normalized = values - mean
        if mode.is_training:
            variance = exact.total(normalized * normalized, axis=0) / len(values)
            for running, measured in ((self.mean, mean), (self.variance, variance)):
                running += (measured - running) * (1 - MOMENTUM)
        inverse = 1 / np.sqrt(variance + EPSILON)
        normalized *= inverse
        outputs = normalized * self.gamma
        outputs += self.beta
        return outputs, (normalized, inverse, mode.is_training)

    def backward(
        self,
        error: Floats,
        cache: tuple[Floats, Floats, bool],
        gradient: Self | None = None,
        *,
        further: bool = True,
    ) -> Floats:
        """Return the derivative by the inputs; write the gradients of gamma and beta."""
        normalized, inverse, is_training = cache
        by_gamma, by_beta = exact.total(error * normalized, axis=0), exact.total(error, axis=0)
        if gradient is not None:
            gradient.gamma[:], gradient.beta[:] = by_gamma, by_beta
        if is_training:  # section 3 of the paper, its three equations combined
            error = error - by_beta / len(error)
            error -= normalized * (by_gamma / len(error))
        return error * (self.gamma * inverse)


@dataclasses.dataclass(frozen=True)
class Dropout(Layer):
    """Dropout: in training, a random share of the values becomes 0, and the others are scaled up to compensate."""

    rate: float
    random: np.random.Generator

    def forward(self, values: Floats, mode: Mode) -> tuple[Floats, Floats | float]:
        """Set values to 0 in training."""
        if not mode.is_training:
            return values, 1.0
        kept = (self.random.random(values.shape) >= self.rate) / (1 - self.rate)
        return values * kept, kept

    def backward(self, error: Floats, cache: Floats | float, gradient: Any = None, *, further: bool = True) -> Floats:
        """Pass on the error of kept values."""
        return error * cache


def float32(array: Floats) -> Floats:
    """Return an array rounded to float32."""
    return array.astype(np.float32).astype(np.float64)
