"""Adam (Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015) on one flat array of weights."""

import concurrent.futures
import itertools
import math

import numpy as np

from wbc.train.exact import Floats

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7  # Keras' defaults
LARGEST_STEP = 4.0  # of a weight, in learning rates: (1 - BETA_1) / sqrt(1 - BETA_2) is 3.2, for any gradients
CHUNK = 32768  # weights updated at once, so that all arrays stay in the core's cache


class Adam:
    """Keras' Adam, with every operation rounded once by IEEE 754, so that all CPUs take the same steps.

    Args:
        weights: float64 array (n,), updated in place.
        threads: number of threads, which does not affect the result.
    """

    def __init__(self, weights: Floats, threads: int = 1) -> None:
        self.weights = weights
        self.mean, self.square = np.zeros_like(weights), np.zeros_like(weights)
        self.power_1 = self.power_2 = 1.0
        bounds = np.linspace(0, len(weights), threads + 1).astype(int).tolist()
        self.parts = [slice(start, end) for start, end in itertools.pairwise(bounds)]
        self.pool = concurrent.futures.ThreadPoolExecutor(threads) if threads > 1 else None

    def step(self, gradient: Floats, learning_rate: float) -> None:
        """Take one step against a gradient, float64 (n,)."""
        self.power_1 *= BETA_1  # by multiplication, since pow() differs between systems
        self.power_2 *= BETA_2
        rate = learning_rate * math.sqrt(1 - self.power_2) / (1 - self.power_1)
        list((self.pool.map if self.pool else map)(lambda part: self._update(part, gradient, rate), self.parts))

    def _update(self, part: slice, gradient: Floats, rate: float) -> None:
        scratch = np.empty(CHUNK)
        for start in range(part.start, part.stop, CHUNK):
            chunk = slice(start, min(start + CHUNK, part.stop))
            weights, mean, square, slope = self.weights[chunk], self.mean[chunk], self.square[chunk], gradient[chunk]
            change = scratch[: len(weights)]
            np.subtract(slope, mean, out=change)
            change *= 1 - BETA_1
            mean += change
            np.multiply(slope, slope, out=change)
            change -= square
            change *= 1 - BETA_2
            square += change
            np.sqrt(square, out=change)
            change += EPSILON
            np.divide(mean, change, out=change)
            change *= rate
            weights -= change
