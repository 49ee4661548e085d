"""Views: seeded random augmentations of an image, fixed so that the frozen backbone computes each only once.

View 0 is scored: the unchanged image, or the mean of its features in all eight orientations. A cell on a slide has no
up or down and no handedness, so flips and rotations don't change its class. Small changes of zoom and contrast imitate
variations of focus and stain. The operations follow the original study's Keras layers (RandomFlip, RandomRotation,
RandomContrast, RandomZoom, all with reflected borders).
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import pydantic
from PIL import Image

from wbc.common.params import Section


class Augmentation(Section):
    """Largest differences between a random view and its image."""

    horizontal_flip: bool
    vertical_flip: bool
    rotation: float = pydantic.Field(ge=0, le=0.5)  # largest rotation either way, in full turns; 0.5 is any angle
    zoom: float = pydantic.Field(ge=0, le=0.5)  # largest change of scale either way
    contrast: float = pydantic.Field(ge=0, le=0.9)  # largest change of contrast either way


UNCHANGED = Augmentation(horizontal_flip=False, vertical_flip=False, rotation=0, zoom=0, contrast=0)
ORIENTATIONS = 8  # of a square: four rotations, each also mirrored; none interpolates pixels
_BACK = slice(None, None, -1)
_FLIPS: tuple[tuple[slice, ...], ...] = ((), (_BACK,), (slice(None), _BACK), (_BACK, _BACK))


def orientations(image: np.ndarray) -> list[np.ndarray]:
    """Return an image (size, size, 3) in its eight orientations, the unchanged image first.

    The mean of their features is the test-time augmentation of Krizhevsky, Sutskever and Hinton (ImageNet
    Classification with Deep Convolutional Neural Networks, NeurIPS 2012), applied to features.
    """
    return [np.ascontiguousarray(square[flip]) for square in (image, image.transpose(1, 0, 2)) for flip in _FLIPS]


def tta_images(image: np.ndarray, tta_views: int) -> list[np.ndarray]:
    """Return the images whose mean feature is used to score an image (size, size, 3).

    Args:
        image: the image.
        tta_views: 1 for the unchanged image, or ORIENTATIONS.
    """
    return orientations(image) if tta_views == ORIENTATIONS else [image]


def mean_feature(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of an image's features (n,), added in their order to give the same bits on every CPU."""
    total = rows[0].astype(np.float64)
    for row in rows[1:]:
        total = total + row
    return total / len(rows)


def upright(turned: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Turn maps (rows, columns, ...) of an image's `orientations` back to the orientation of the image.

    >>> image = np.arange(12).reshape(2, 2, 3)
    >>> all((back == image).all() for back in upright(orientations(image)))
    True
    """
    count = len(_FLIPS)
    straight = [back[flip] for back, flip in zip(turned[:count], _FLIPS, strict=True)]
    transposed = [back[flip] for back, flip in zip(turned[count:], _FLIPS, strict=True)]
    return [*straight, *(back.swapaxes(0, 1) for back in transposed)]


def view(image: np.ndarray, number: int, augmentation: Augmentation, key: Sequence[int]) -> np.ndarray:
    """Return view `number` of an image.

    Args:
        image: RGB uint8 array (size, size, 3).
        number: 0 for the unchanged image, 1 and up for random views.
        augmentation: an `Augmentation`.
        key: integers that seed the randomness together with `number`. The same key gives the same view, independent
            of other images.

    Returns:
        uint8 array (size, size, 3).
    """
    if number == 0:
        return image
    random = np.random.default_rng([*key, number])
    # All values are always drawn, so that switching off one operation doesn't change the others.
    mirror, upend = random.random(2) < 0.5
    angle = 2 * math.pi * augmentation.rotation * random.uniform(-1, 1)
    scale = 1 + augmentation.zoom * random.uniform(-1, 1)
    contrast = 1 + augmentation.contrast * random.uniform(-1, 1)
    image = _warp(image, angle, scale, mirror and augmentation.horizontal_flip, upend and augmentation.vertical_flip)
    return _stretch(image, contrast)


def _warp(image: np.ndarray, angle: float, scale: float, mirror: bool, upend: bool) -> np.ndarray:
    """Rotate, zoom and flip about the center in one bilinear resampling, with reflected borders."""
    size = len(image)
    margin = math.ceil(size * (math.sqrt(2) / scale - 1) / 2) + 2 if angle or scale != 1 else 0
    margin = max(margin, 0)
    padded = Image.fromarray(cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_REFLECT))
    # Pillow maps each output pixel to the input: (x, y) -> (a x + b y + c, d x + e y + f), in pixel corners.
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    a, b, d, e = cos, sin, -sin, cos
    if mirror:
        a, d = -a, -d
    if upend:
        b, e = -b, -e
    center = size / 2
    c = center + margin - a * center - b * center
    f = center + margin - d * center - e * center
    return np.asarray(
        padded.transform((size, size), Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BILINEAR)
    )


def _stretch(image: np.ndarray, factor: float) -> np.ndarray:
    """Scale each channel's distance from its mean, as Keras' RandomContrast does."""
    mean = image.mean(axis=(0, 1))
    levels = np.arange(256)[:, None]  # a lookup table is faster than computing every pixel
    table = np.clip(np.round((levels - mean) * factor + mean), 0, 255).astype(np.uint8)
    return cv2.LUT(image, table[None])
