"""Temperature scaling of probabilities."""

import numpy as np
import numpy.typing as npt

from wbc.train import exact

SMALLEST = 1e-12  # lower limit of probabilities, so that their logarithm is finite


def tempered(y_prob: npt.ArrayLike, temperature: float) -> exact.Floats:
    """Return probabilities (images, classes) at a temperature: above 1 less confident, below 1 more confident."""
    logits = exact.log(np.maximum(np.asarray(y_prob, np.float64), SMALLEST)) / temperature
    powers = exact.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / exact.total(powers, axis=1)[:, None]
