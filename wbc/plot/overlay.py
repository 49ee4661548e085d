"""A heat map over its image."""

import numpy as np
import numpy.typing as npt
from PIL import Image

DIM = 0.3  # brightness of a place without evidence


def lit(pixels: npt.NDArray[np.uint8], heat: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return an image that is bright where its heat map is, and dim elsewhere; the hues don't change.

    Args:
        pixels: RGB array (height, width, 3).
        heat: array (rows, columns) of 0-1, see `heat_maps`.

    Returns:
        RGB array (height, width, 3).
    """
    height, width = pixels.shape[:2]
    smooth = Image.fromarray(np.asarray(heat, np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    light = DIM + (1 - DIM) * np.clip(np.asarray(smooth, np.float64), 0, 1)
    return np.rint(pixels * light[..., None]).astype(np.uint8)
