"""Color histograms: features of an image without its shapes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wbc.common.images import decode
from wbc.common.progress import prefetch, track

BINS = 4  # levels of each channel; 4 x 4 x 4 = 64 colors


def color_histogram(pixels: np.ndarray) -> np.ndarray:
    """Return the share of an image's pixels in each of 64 cells of the RGB cube.

    It holds the amount of each color, but no shape or position.

    Args:
        pixels: uint8 array (height, width, 3).

    Returns:
        float array (64,) that sums to 1.
    """
    levels = pixels.reshape(-1, 3).astype(int) * BINS // 256
    cells = (levels[:, 0] * BINS + levels[:, 1]) * BINS + levels[:, 2]
    return np.bincount(cells, minlength=BINS**3) / len(cells)


def color_histograms(files: Sequence[Path]) -> np.ndarray:
    """Return the `color_histogram` of each image file, a float array (images, 64)."""
    histograms = prefetch(lambda file: color_histogram(decode(file)[0]), files)
    return np.stack(list(track(histograms, "baseline", total=len(files))))
