"""Detection of masks, drawings of a cell's outline instead of photographs, by their gray levels."""

import numpy as np
import numpy.typing as npt

LEVELS = 8  # an image of so few gray levels or colors is no photograph
PEAKS, SHARP, WIDE = 4, 2, 12  # levels of a mask that JPEG or resizing has blurred; half widths of their peaks
SAMPLE = 500  # pixels that are checked first for more than a few colors


def why_mask(pixels: npt.NDArray[np.uint8]) -> str | None:
    """Return why an image is a mask, or None for a photograph.

    A mask has at least two and at most a few gray levels or colors. JPEG and resizing add levels between them, but most
    pixels stay within 2 of at most 4 levels: about 0.9 of a mask's pixels, and 0.2 to 0.7 of a gray photograph's.

    Args:
        pixels: RGB image (height, width, 3).
    """
    flat = pixels.reshape(-1, 3)
    is_gray = np.ptp(flat, axis=1).max() <= 2
    if len(np.unique(flat[:: max(1, len(flat) // SAMPLE)], axis=0)) <= LEVELS:
        colors = np.unique(flat @ np.array([1, 256, 65536]))
        if 2 <= len(colors) <= LEVELS and (is_gray or 0 in colors):  # a map in colors is drawn on black
            return f"a mask, not a photograph: it has {len(colors)} colors"
    if not is_gray:
        return None
    shares = np.bincount(flat[:, 1], minlength=256) / len(flat)
    sharp, wide = [], []
    for _ in range(PEAKS):
        peak = int(shares.argmax())
        sharp.append(shares[max(0, peak - SHARP) : peak + SHARP + 1].sum())
        wide.append(shares[max(0, peak - WIDE) : peak + WIDE + 1].sum())
        shares[max(0, peak - WIDE) : peak + WIDE + 1] = 0
    if sum(sharp) >= 0.75 and sum(sharp[1:]) >= 0.5 * (1 - wide[0]) > 0:
        return f"a mask, not a photograph: {sum(sharp):.0%} of its pixels have one of a few gray levels"
    return None
