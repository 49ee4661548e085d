"""Share of an image that its cell fills, which decides whether a classifier transfers between sets of images.

The measured part is the stained part in the middle: the nucleus, and the granules of a cell that is full of them. It is
dark in the green channel of a Romanowsky stain, on any background. A threshold for each image separates the two (Otsu,
A threshold selection method from gray-level histograms, IEEE Trans. SMC 9, 1979).
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from wbc.common.images import decode, resize
from wbc.common.progress import prefetch, track

SIZE = 96  # pixels; the share needs no finer detail
BLUR = 1.0  # pixels
MIDDLE = slice(SIZE // 4, SIZE - SIZE // 4)
ALIKE = 1.25  # a cell may be this many times larger in one data set than in another without a warning


def foreground_share(pixels: npt.NDArray[np.uint8]) -> float:
    """Return the share of an image's area, 0-1, that the stained part of the cell in its middle covers.

    Of several dark patches, the one that covers most of the middle counts; 0 if none reaches it.

    Args:
        pixels: RGB uint8 array (height, width, 3).
    """
    green = cv2.GaussianBlur(np.ascontiguousarray(resize(pixels, SIZE)[..., 1]), (0, 0), BLUR)
    _, dark = cv2.threshold(green, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    _, patches = cv2.connectedComponents(dark)
    areas = np.bincount(patches[MIDDLE, MIDDLE].ravel())
    if not areas[1:].any():
        return 0.0
    return float((patches == 1 + areas[1:].argmax()).mean())


def summarize(labels: Iterable[str], shares: Iterable[float]) -> dict[str, Any]:
    """Return the share of their images that the cells of a data set fill.

    >>> summarize(["b", "b", "b", "a"], [0.1, 0.2, 0.6, 0.4])
    {'typical': 0.3, 'classes': {'a': 0.4, 'b': 0.2}}

    Args:
        labels: class name of each image.
        shares: `foreground_share` of each.

    Returns:
        "classes": {name: median}, and "typical": the mean of the medians, which doesn't depend on the sizes of the
        classes.
    """
    by_class: dict[str, list[float]] = {}
    for label, share in zip(labels, shares, strict=True):
        by_class.setdefault(label, []).append(share)
    medians = {label: round(float(np.median(by_class[label])), 2) for label in sorted(by_class)}
    return {"typical": round(float(np.mean(list(medians.values()))), 2), "classes": medians}


def measure(files: Sequence[Path], labels: Iterable[str]) -> dict[str, Any]:
    """Return `summarize` of image files."""
    shares = prefetch(lambda file: foreground_share(decode(file)[0]), files)
    return summarize(labels, track(shares, "measure", total=len(files)))
