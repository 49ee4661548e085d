"""Perturbations of an image by stain, light, focus, compression, noise and cropping, each at five strengths.

The kinds follow Hendrycks and Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations, ICLR 2019, arXiv:1903.12261, where they apply to single cells. The stain is shifted in optical density,
as in Tellez et al., Medical Image Analysis 58, 2019, arXiv:1902.06543.
"""

import io
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]  # (height, width, 3), RGB 0-255
STRENGTHS = (1, 2, 3, 4, 5)
JPEG_QUALITY = (60, 40, 25, 15, 8)


def stain(pixels: Pixels, strength: int) -> Pixels:
    """Absorb more red and less blue: scale the optical density of these channels by up to 1.4 and 0.6."""
    density = -np.log((pixels.astype(np.float64) + 1) / 256)
    factors = 1 + 0.08 * strength * np.array([1.0, 0.0, -1.0])
    return _clipped(256 * np.exp(-density * factors) - 1)


def brightness(pixels: Pixels, strength: int) -> Pixels:
    """Darken by up to 40 %."""
    return _clipped(pixels * (1 - 0.08 * strength))


def blur(pixels: Pixels, strength: int) -> Pixels:
    """Blur by a Gaussian with a standard deviation of up to 2.5 % of the longer side."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), 0.005 * strength * max(pixels.shape)), np.uint8)


def jpeg(pixels: Pixels, strength: int) -> Pixels:
    """Compress as JPEG with a quality from 60 down to 8."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY[strength - 1])
    return np.asarray(Image.open(file).convert("RGB"))


def noise(pixels: Pixels, strength: int) -> Pixels:
    """Add Gaussian noise with a standard deviation of up to 25 gray levels; the same for images of one size."""
    random = np.random.default_rng(strength)
    return _clipped(pixels + random.normal(scale=5.0 * strength, size=pixels.shape))


def offset(pixels: Pixels, strength: int) -> Pixels:
    """Move the image down and to the right by up to 20 % of the side; the edge is repeated."""
    down, right = (round(0.04 * strength * side) for side in pixels.shape[:2])
    padded = np.pad(pixels, ((down, 0), (right, 0), (0, 0)), "edge")
    return padded[: pixels.shape[0], : pixels.shape[1]]


def scale(pixels: Pixels, strength: int) -> Pixels:
    """Crop to the middle, down to two thirds of each side."""
    height, width = (round(side / (1 + 0.1 * strength)) for side in pixels.shape[:2])
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]


PERTURBATIONS: dict[str, Callable[[Pixels, int], Pixels]] = {
    "stain": stain,
    "brightness": brightness,
    "blur": blur,
    "jpeg": jpeg,
    "noise": noise,
    "offset": offset,
    "scale": scale,
}


def _clipped(values: npt.NDArray) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
