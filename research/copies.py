"""Augmented copies of cells, as in datasets made from few photographs, for tests of the near-duplicate search.

`plain` follows the Kaggle set: turned, mirrored and sheared, 80 px, JPEG quality 75, empty corners filled with the
slide's gray. `strong` adds changes of other such datasets: 48 to 160 px, light ±20 %, shifts of hue and saturation,
blur, JPEG quality 40 to 95.
"""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

FILL = (218, 220, 215)
_SIDE = 160  # pixels, before the last resizing


def copy(pixels: npt.NDArray[np.uint8], random: np.random.Generator, strong: bool) -> npt.NDArray[np.uint8]:
    """Return a random augmented copy of an image.

    Args:
        pixels: RGB uint8 array (height, width, 3).
        random: a NumPy generator.
        strong: whether size, light, color and sharpness vary too.

    Returns:
        RGB uint8 array (side, side, 3).
    """
    image = Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    angle = random.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1, random.uniform(-0.25, 0.25)], [0, 1]]) / random.uniform(0.85, 1.2)
    if random.random() < 0.5:
        matrix = matrix @ np.diag([-1, 1])
    center = np.full(2, _SIDE / 2)
    offset = center - matrix @ center + random.uniform(-5, 5, 2)
    entries = [matrix[0, 0], matrix[0, 1], offset[0], matrix[1, 0], matrix[1, 1], offset[1]]
    image = image.transform((_SIDE, _SIDE), Image.Transform.AFFINE, entries, Image.Resampling.BILINEAR, fillcolor=FILL)
    side, quality = 80, 75
    if strong:
        image = _recolored(image, random)
        side, quality = int(random.integers(48, 161)), int(random.integers(40, 96))
    image = image.resize((side, side), Image.Resampling.BILINEAR)
    if strong and random.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.5) * side / 80))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def _recolored(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Shift hue by up to 14 degrees, saturation and light by up to 20 %."""
    levels = np.asarray(image.convert("HSV")).astype(int)
    levels[..., 0] = (levels[..., 0] + random.integers(-10, 11)) % 256
    levels[..., 1] = np.clip(levels[..., 1] * random.uniform(0.8, 1.2), 0, 255)
    colors = np.asarray(Image.fromarray(levels.astype(np.uint8), "HSV").convert("RGB"))
    return Image.fromarray(np.clip(colors * random.uniform(0.8, 1.2), 0, 255).astype(np.uint8))
