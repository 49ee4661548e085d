"""The size of cells in their pictures, compared with the training images.

A classifier is less accurate where a cell fills much more or much less of its picture, and its answers don't show the
cause. The measure is `wbc.split.foreground.foreground_share`, called the share below.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from wbc.split.foreground import ALIKE

Range = tuple[float, float]  # smallest and largest share of a picture's area, 0-1
ANY: Range = (0.0, 1.0)  # where the training images are unknown


def learned_range(medians: Iterable[float], zooms: Sequence[float]) -> Range:
    """Return the smallest and largest share of its picture that a cell covered in training.

    >>> learned_range([0.1, 0.2], zooms=[1, 1.5])
    (0.1, 0.45)

    Args:
        medians: of the share of each class; 0, where no cell was recognized, is ignored.
        zooms: of each picture in training; the first is 1.
    """
    medians = [median for median in medians if median > 0]
    if not medians:
        return ANY
    return round(min(medians) * min(zooms) ** 2, 2), round(min(1.0, max(medians) * max(zooms) ** 2), 2)


def framing_note(shares: Sequence[float], learned: Range, crop: float) -> str:
    """Return a warning about cells shown too small or too large, with a remedy, or "".

    Args:
        shares: share of each cropped picture; 0 where no cell was recognized.
        learned: see `learned_range`.
        crop: central share of each side of the pictures, 0-1.
    """
    recognized = [share for share in shares if share > 0]
    if not recognized:
        return ""
    low, high = learned
    median = float(np.median(recognized))
    if low / ALIKE**2 <= median <= high * ALIKE**2:
        return ""
    said = (
        f"The stained part of a cell covers {median:.1%} of a picture here (the median of {len(recognized):,}) and "
        f"{low:.0%} to {high:.0%} of those that the classifier has learned from."
    )
    if median < low:
        wanted = crop * (median / (low * high) ** 0.5) ** 0.5
        return (
            f"{said} Cells shown so small are named worse: look at the middle of each picture, by a crop of "
            f"{wanted:.2f} ({wanted:.0%} of its sides)."
        )
    wider = " or a larger crop" if crop < 1 else ""
    return f"{said} Cells shown so large are named worse: pictures with more around the cell{wider} would serve better."
