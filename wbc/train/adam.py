"""Adam (Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015) on one flat array of weights."""

import concurrent.futures
import math
import os
import threading

import joblib
import numpy as np

from wbc.train.exact import Floats

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7  # Keras' defaults
LARGEST_STEP = 4.0  # of a weight, in learning rates: (1 - BETA_1) / sqrt(1 - BETA_2) is 3.2, whatever the gradients
CHUNK = 32768  # weights that a thread updates at once, so that all it reads and writes stays in the core's cache


class Adam:
    """Keras' Adam, every operation rounded once as IEEE 754 says, so that all CPUs take the same steps.

    Args:
        weights: float64 array (n,), updated in place.
    """

    def __init__(self, weights: Floats) -> None:
        self.weights = weights
        self.mean, self.square = np.zeros_like(weights), np.zeros_like(weights)
        self.power_1 = self.power_2 = 1.0
        # One in a process that fits a head beside others, see `side_by_side`.
        threads = 1 if os.environ.get("OMP_NUM_THREADS") == "1" else joblib.cpu_count()
        self.pool = concurrent.futures.ThreadPoolExecutor(threads)
        self.scratch = threading.local()

    def step(self, gradient: Floats, learning_rate: float) -> None:
        """Take one step against a gradient, float64 (n,)."""
        self.power_1 *= BETA_1  # by multiplication, since pow() differs between systems
        self.power_2 *= BETA_2
        rate = learning_rate * math.sqrt(1 - self.power_2) / (1 - self.power_1)
        starts = range(0, len(self.weights), CHUNK)
        list(self.pool.map(lambda start: self._update(slice(start, start + CHUNK), gradient, rate), starts))

    def _update(self, part: slice, gradient: Floats, rate: float) -> None:
        weights, mean, square, gradient = self.weights[part], self.mean[part], self.square[part], gradient[part]
        if not hasattr(self.scratch, "array"):
            self.scratch.array = np.empty(CHUNK)
        change = self.scratch.array[: len(weights)]
        np.subtract(gradient, mean, out=change)
        change *= 1 - BETA_1
        mean += change
        np.multiply(gradient, gradient, out=change)
        change -= square
        change *= 1 - BETA_2
        square += change
        np.sqrt(square, out=change)
        change += EPSILON
        np.divide(mean, change, out=change)
        change *= rate
        weights -= change
