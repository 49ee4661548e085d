"""Canonical frame of a cell image, in which rotated, mirrored, sheared and scaled copies look alike.

The frame's center is the center of the image's dark matter. Its axes are stretched until the dark matter has the same
spread in all directions (the whitening of Mikolajczyk and Schmid, Scale & affine invariant interest point detectors,
IJCV 60, 2004). Two copies of a cell then differ by a rotation and perhaps a reflection. In polar coordinates, a
rotation changes only the phases of the Fourier coefficients around each ring; their magnitudes describe the cell (as in
Persoon and Fu, Shape discrimination using Fourier descriptors, 1977).
"""

from typing import NamedTuple

import cv2
import numpy as np

cv2.setNumThreads(1)  # callers process many images or pairs in parallel

PATCH = 64  # side of the patch in pixels
REACH = 1.9  # standard deviations of the dark matter from the patch's center to its border
RINGS, ANGLES = 16, 64  # of the polar image
WAVES = 24  # Fourier coefficients kept of each ring, the constant one among them
DESCRIBED = 9  # of them in the descriptor; finer ones also differ between copies

_ACROSS = (np.arange(PATCH) + 0.5) / PATCH * 2 - 1
CELL = np.hypot(_ACROSS[:, None], _ACROSS[None, :]) < 0.8  # mask of the cell in the patch, without the surroundings

_SMALL = 64  # side of the reduced image on which the frame is found
_CENTER = (PATCH - 1) / 2
_AXIS = (np.arange(_SMALL) + 0.5) / _SMALL * 2 - 1
_PLACE = np.stack(np.meshgrid(_AXIS, _AXIS), axis=-1)  # (x, y) from -1 to 1
_WINDOW = np.clip(
    (1 - np.hypot(_PLACE[..., 0], _PLACE[..., 1])) / 0.15, 0, 1
)  # corners are often empty or another cell
_RADIUS = (np.arange(RINGS) + 0.5) / RINGS * _CENTER
_ANGLE = np.arange(ANGLES) / ANGLES * 2 * np.pi
_POLAR_X = (_CENTER + _RADIUS[:, None] * np.cos(_ANGLE)).astype(np.float32)
_POLAR_Y = (_CENTER + _RADIUS[:, None] * np.sin(_ANGLE)).astype(np.float32)
_RING_AREA = (np.arange(RINGS) + 0.5) / (RINGS**2 / 2)  # share of the disc, sums to 1


class CanonicalPatch(NamedTuple):
    """Image in its cell's frame."""

    patch: np.ndarray  # uint8 (64, 64, 3), RGB
    inside: np.ndarray  # uint8 (64, 64): 255 where the patch shows the image, 0 beyond its border
    waves: np.ndarray  # complex64 (3, 16, 24): Fourier coefficients of each channel around each ring


def frame(pixels: np.ndarray) -> CanonicalPatch:
    """Transform an image into its cell's frame.

    Args:
        pixels: RGB uint8 array (height, width, 3).

    Returns:
        `CanonicalPatch`.
    """
    height, width = pixels.shape[:2]
    small = cv2.resize(pixels, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA).astype(np.float32)
    center, spread = _dark_matter(cv2.GaussianBlur(small, (0, 0), 1.0).min(axis=2))
    half = np.diag([width / 2, height / 2])
    matrix = half @ spread * (REACH / (PATCH / 2))  # from patch pixels to image pixels
    return cut(pixels, matrix, half @ (center + 1) - 0.5)


def cut(pixels: np.ndarray, matrix: np.ndarray, center: np.ndarray) -> CanonicalPatch:
    """Cut a patch out of an image.

    Args:
        pixels: RGB uint8 array (height, width, 3).
        matrix: (2, 2), from patch pixels to image pixels, (x, y).
        center: (x, y) of the patch's center in image pixels.
    """
    height, width = pixels.shape[:2]
    transform = np.column_stack([matrix, center - matrix @ [_CENTER, _CENTER]])
    shrink = np.sqrt(abs(np.linalg.det(matrix)))
    if shrink > 1:  # more image pixels than patch pixels: blur first, so that fine detail doesn't become noise
        pixels = cv2.GaussianBlur(pixels, (0, 0), 0.5 * shrink)
    size, inverse = (PATCH, PATCH), cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(pixels, transform, size, flags=cv2.INTER_LINEAR | inverse, borderMode=cv2.BORDER_REPLICATE)
    whole = np.full((height, width), 255, np.uint8)
    inside = cv2.warpAffine(whole, transform, size, flags=cv2.INTER_NEAREST | inverse)
    return CanonicalPatch(patch, inside, _waves(patch))


def _dark_matter(light: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return center (2,) and spread (2, 2), the square root of the covariance, of pixels darker than the slide."""
    empty, dark = np.percentile(light, (90, 5))
    weight = np.clip((empty - light) / (empty - dark + 1e-3), 0, 1) * _WINDOW
    total = weight.sum() + 1e-6
    center = (weight[..., None] * _PLACE).sum(axis=(0, 1)) / total
    away = _PLACE - center
    covariance = np.einsum("yx,yxi,yxj->ij", weight, away, away) / total
    values, vectors = np.linalg.eigh(covariance)
    return center, vectors @ np.diag(np.sqrt(np.maximum(values, 0.02))) @ vectors.T


def _waves(patch: np.ndarray) -> np.ndarray:
    """Return Fourier coefficients of the polar image; standardized channels remove differences of light and stain."""
    smooth = cv2.GaussianBlur(patch, (0, 0), 1.0).astype(np.float32)
    polar = cv2.remap(smooth, _POLAR_X, _POLAR_Y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).transpose(2, 0, 1)
    area = _RING_AREA[None, :, None] / ANGLES
    polar = polar - (polar * area).sum(axis=(1, 2), keepdims=True)
    polar /= np.sqrt((polar**2 * area).sum(axis=(1, 2), keepdims=True)) + 2
    coefficients = np.fft.rfft(polar * np.sqrt(_RING_AREA)[None, :, None], axis=2) / ANGLES
    return coefficients[:, :, :WAVES].astype(np.complex64)


def describe(waves: np.ndarray) -> np.ndarray:
    """Return the descriptor, float32 (432,), which is similar for images of one cell in any rotation or stain."""
    return np.abs(waves[:, :, :DESCRIBED]).astype(np.float32).ravel()


def mean_color(framed: CanonicalPatch) -> np.ndarray:
    """Return the mean color of the cell, float (3,), in levels of 0-255; `registration` compares the same region."""
    return framed.patch[CELL & (framed.inside > 0)].mean(axis=0)


def turns(fixed: np.ndarray, moving: np.ndarray, count: int) -> list[tuple[float, bool, float]]:
    """Return the likeliest rotations, with or without a reflection, between two images.

    The Fourier coefficients give the correlation over all rotations at once.

    Args:
        fixed, moving: coefficients of two images, complex (3, 16, 24).
        count: number of rotations to return.

    Returns:
        list of (correlation from -1 to 1, mirrored, angle in radians), best first.
    """
    steps = 2 * ANGLES
    peaks_of_both = []
    for mirrored, product in ((False, fixed.conj() * moving), (True, fixed * moving)):
        spectrum = np.zeros(steps // 2 + 1, complex)
        spectrum[:WAVES] = product.sum(axis=(0, 1))
        correlation = np.fft.irfft(spectrum, steps) * steps
        peaks = (correlation >= np.roll(correlation, 1)) & (correlation >= np.roll(correlation, -1))
        peaks_of_both += [(correlation[step], mirrored, step / steps * 2 * np.pi) for step in np.flatnonzero(peaks)]
    norm = np.sqrt(_energy(fixed) * _energy(moving))
    peaks_of_both.sort(key=lambda turn: -turn[0])
    return [(float(value / norm), mirrored, angle) for value, mirrored, angle in peaks_of_both[:count]]


def _energy(waves: np.ndarray) -> float:
    size = np.abs(waves) ** 2
    return size[..., 0].sum() + 2 * size[..., 1:].sum() + 1e-12
