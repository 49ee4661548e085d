"""Registration of two cell images, and the evidence that they show the same cell.

The images, each in its cell's frame, are registered by an affine map that maximizes the correlation coefficient
(Evangelidis and Psarakis, Parametric image alignment using enhanced correlation coefficient maximization, PAMI 30,
2008; OpenCV's `findTransformECC`), first coarsely from the likeliest rotations, then finely. Their agreement is then
measured in each octave of detail: blur removes the finest, compression the next, and other cells of the same shape
differ in both.
"""

import itertools
from typing import NamedTuple

import cv2
import numpy as np

from wbc.split.near_duplicates.canonical_frame import CELL, PATCH, CanonicalPatch, describe, turns

_COARSE = 40  # side in pixels of the patches that are registered first
_TURNS = 4  # rotations tried for each pair
_ALIKE = 0.4  # least correlation after the best rotation for a registration; 20 % of all pairs are below, and no copies
_SURE = 0.97  # correlation at which no other rotation is tried
_OCTAVES = (0.7, 1.4, 2.8, 5.6, 11.2)  # standard deviations in patch pixels between which the four bands lie
_LEAST_COVER = 0.4  # share of the cell; pairs with a smaller overlap aren't compared

# Logistic regression on the evidence, fitted by research/fit_near_duplicates.py, which names the images.
WEIGHTS = {
    "turned": 0.151,
    "aligned": 3.441,
    "band_1": 2.579,
    "band_2": 1.248,
    "band_3": 1.345,
    "band_4": 0.534,
    "detail_1": 3.177,
    "detail_2": -1.995,
    "detail_3": -4.940,
    "apart": -0.287,
    "cover": 3.319,
    "scale": 3.527,
    "squash": -5.750,
}
INTERCEPT = -5.615


class PairFeatures(NamedTuple):
    """Evidence for and against two images showing one cell."""

    apart: float  # distance of the descriptors, which are invariant to rotation and reflection
    turned: float  # correlation after the best rotation, -1 to 1
    aligned: float  # correlation of coarse detail after registration, -1 to 1
    bands: tuple[float, ...]  # correlation of each octave, fine to coarse, -1 to 1
    detail: tuple[float, ...]  # root mean square of the three finest octaves, geometric mean of the two images, levels
    cover: float  # share of the cell seen in both images
    scale: float  # change of area by the registration
    squash: float  # change of proportions by the registration, 1 and up
    color: float  # distance of the mean colors over the cell, in levels of 0-255


def compare(fixed: CanonicalPatch, moving: CanonicalPatch) -> PairFeatures | None:
    """Register two images and return the `PairFeatures`, or None if they can't be registered.

    Args:
        fixed, moving: images, each in its cell's frame; the second is registered to the first.
    """
    best = _register(fixed, moving)
    if best is None:
        return None
    turned, aligned, transform = best
    size, inverse = (PATCH, PATCH), cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(
        moving.patch, transform, size, flags=cv2.INTER_LINEAR | inverse, borderMode=cv2.BORDER_REPLICATE
    )
    inside = cv2.warpAffine(moving.inside, transform, size, flags=cv2.INTER_NEAREST | inverse)
    common = np.flatnonzero((inside > 0) & (fixed.inside > 0) & CELL)
    cover = len(common) / CELL.sum()
    if cover < _LEAST_COVER:
        return None
    bands, detail = [], []
    for mine, theirs in zip(_bands(fixed.patch), _bands(moved), strict=True):
        mine, theirs = (band.reshape(-1, 3)[common] for band in (mine, theirs))
        mine, theirs = ((band - band.mean(axis=0)).ravel() for band in (mine, theirs))
        spread = float(np.sqrt((mine @ mine) * (theirs @ theirs))) / len(mine)
        bands.append(float(mine @ theirs) / len(mine) / (spread + 1e-6))
        detail.append(float(np.sqrt(spread)))
    colors = (patch.reshape(-1, 3)[common].mean(axis=0) for patch in (fixed.patch, moved))
    difference = np.subtract(*colors)
    stretch = np.linalg.svd(transform[:, :2], compute_uv=False)
    return PairFeatures(
        float(np.linalg.norm(describe(fixed.waves) - describe(moving.waves))),
        turned,
        aligned,
        tuple(bands),
        tuple(detail[:3]),
        float(cover),
        float(stretch[0] * stretch[1]),
        float(stretch[0] / max(stretch[1], 1e-6)),
        float(np.linalg.norm(difference)),
    )


def log_odds(features: PairFeatures | None) -> float:
    """Return the logarithm of the odds that two images show one cell; None counts as never."""
    if features is None:
        return -np.inf
    return INTERCEPT + sum(WEIGHTS[name] * value for name, value in measures(features).items())


def measures(features: PairFeatures) -> dict[str, float]:
    """Return the inputs of the logistic regression, by name.

    Correlations enter as Fisher's z, whose spread doesn't depend on the correlation; distance, detail, scale and squash
    as logarithms. Color is not used, since stain and light may differ between copies.
    """
    correlations = {"turned": features.turned, "aligned": features.aligned}
    correlations |= {f"band_{number}": value for number, value in enumerate(features.bands, start=1)}
    measured = {name: float(np.arctanh(np.clip(value, -0.5, 0.995))) for name, value in correlations.items()}
    measured |= {f"detail_{number}": float(np.log(value + 0.3)) for number, value in enumerate(features.detail, 1)}
    return measured | {
        "apart": float(np.log(features.apart + 0.05)),
        "cover": features.cover,
        "scale": float(abs(np.log(features.scale + 1e-6))),
        "squash": float(np.log(features.squash)),
    }


def _register(fixed: CanonicalPatch, moving: CanonicalPatch) -> tuple[float, float, np.ndarray] | None:
    """Return (turned, aligned, transform from the `fixed` to the `moving` patch) of the best registration, or None."""
    candidates = turns(fixed.waves, moving.waves, _TURNS)
    if candidates[0][0] < _ALIKE:
        return None
    mine, theirs = (_outline(canonical.patch) for canonical in (fixed, moving))
    inside = cv2.resize(moving.inside, (_COARSE, _COARSE), interpolation=cv2.INTER_NEAREST)
    registered = []
    for _, mirrored, angle in candidates:
        start = _turn(angle, mirrored, _COARSE)
        try:
            registered.append(cv2.findTransformECC(mine, theirs, start, cv2.MOTION_AFFINE, (3, 25, 1e-3), inside, 3))
        except cv2.error:  # it doesn't converge from there
            continue
        if registered[-1][0] > _SURE:
            break
    if not registered:
        return None
    aligned, transform = max(registered, key=lambda result: result[0])
    transform = _enlarged(transform, PATCH / _COARSE)
    try:
        fine = cv2.findTransformECC(
            _texture(fixed.patch), _texture(moving.patch), transform, cv2.MOTION_AFFINE, (3, 12, 1e-3), moving.inside, 1
        )
        transform = fine[1]
    except cv2.error:
        pass  # keep the coarse registration
    return candidates[0][0], float(aligned), transform


def _turn(angle: float, mirrored: bool, size: int) -> np.ndarray:
    """Return the transform that optionally mirrors, then rotates, about the center of a patch of `size` pixels."""
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.diag([1, -1 if mirrored else 1])
    center = np.full(2, (size - 1) / 2)
    return np.column_stack([matrix, center - matrix @ center]).astype(np.float32)


def _enlarged(transform: np.ndarray, factor: float) -> np.ndarray:
    """Return the same transform for patches `factor` times as large, corrected for the shift of pixel centers."""
    matrix, offset = transform[:, :2], transform[:, 2]
    middle = np.full(2, (factor - 1) / 2)
    return np.column_stack([matrix, offset * factor + middle - matrix @ middle]).astype(np.float32)


def _outline(patch: np.ndarray) -> np.ndarray:
    """Return coarse detail in gray, float32, small."""
    gray = cv2.resize(_gray(patch), (_COARSE, _COARSE), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(gray, (0, 0), 0.6) - cv2.GaussianBlur(gray, (0, 0), 5)


def _texture(patch: np.ndarray) -> np.ndarray:
    """Return finer detail in gray, float32."""
    gray = _gray(patch)
    return cv2.GaussianBlur(gray, (0, 0), 1.0) - cv2.GaussianBlur(gray, (0, 0), 5)


def _gray(patch: np.ndarray) -> np.ndarray:
    return cv2.transform(patch, np.full((1, 3), 1 / 3)).astype(np.float32)


def _bands(patch: np.ndarray) -> list[np.ndarray]:
    """Return the patch's detail, one array for each octave, fine to coarse."""
    patch = patch.astype(np.float32)
    levels = [cv2.GaussianBlur(patch, (0, 0), deviation) for deviation in _OCTAVES]
    return [fine - coarse for fine, coarse in itertools.pairwise(levels)]
