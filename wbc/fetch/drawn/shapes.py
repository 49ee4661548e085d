"""Shapes and textures that cells are drawn from: soft outlines, tubes, noise and scattered grains, in µm."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage


class Field(NamedTuple):
    """The part of the slide in view: coordinates of every pixel, and the scale."""

    x: np.ndarray  # (height, width), µm right of the white cell's center
    y: np.ndarray  # (height, width), µm below it
    scale: float  # pixels per µm


def noise(field: Field, size: float, rng: np.random.Generator) -> np.ndarray:
    """Return a smooth random map (mean 0, standard deviation 1) with spots of about `size` µm."""
    grain = rng.standard_normal(field.x.shape)
    grain = ndimage.gaussian_filter(grain, size * field.scale / 2, mode="wrap", truncate=2.5)
    return (grain - grain.mean()) / grain.std()


def fill(distance: np.ndarray, edge: float) -> np.ndarray:
    """Turn a signed distance in µm (negative inside) into a mask of 0-1 whose edge is `edge` µm wide."""
    return np.clip(0.5 - distance / edge, 0, 1)


def blob(field: Field, radius: float, uneven: float, rng: np.random.Generator) -> np.ndarray:
    """Return the signed distance (µm) to a roundish outline of `radius` µm; `uneven` (0-1) deforms the circle."""
    away = np.hypot(field.x, field.y) + 1e-9
    direction = (field.x + 1j * field.y) / away
    outline, wave = 1.0, direction
    for waves in (2, 3, 4, 5):
        wave = wave * direction  # its real part runs through `waves` periods around the outline
        outline += uneven / waves * rng.normal() * (wave * np.exp(2j * np.pi * rng.random())).real
    return away - radius * outline


def tube(field: Field, points: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Return the signed distance (µm) to a tube through `points` (n, 2) that is `radii` (n,) thick; all in µm."""
    distance = np.full(field.x.shape, np.inf)
    for (ax, ay), (bx, by), a, b in zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True):
        length = (bx - ax) ** 2 + (by - ay) ** 2 + 1e-9
        along = np.clip(((field.x - ax) * (bx - ax) + (field.y - ay) * (by - ay)) / length, 0, 1)
        apart = np.hypot(field.x - ax - along * (bx - ax), field.y - ay - along * (by - ay))
        distance = np.minimum(distance, apart - a - along * (b - a))
    return distance


def shifted(field: Field, x: float, y: float) -> Field:
    """Return `field` with its origin moved to (x, y) µm."""
    return field._replace(x=field.x - x, y=field.y - y)


def warped(field: Field, amount: float, size: float, rng: np.random.Generator) -> Field:
    """Return `field` bent by `amount` µm over `size` µm, so that shapes drawn on it look organic."""
    return field._replace(x=field.x + amount * noise(field, size, rng), y=field.y + amount * noise(field, size, rng))


def turned(points: npt.ArrayLike, angle: float) -> np.ndarray:
    """Rotate `points` (n, 2) about the origin by `angle` radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(points) @ np.array([[cos, sin], [-sin, cos]])


def granules(
    field: Field, inside: np.ndarray, spacing: float, radius: float, coverage: float, rng: np.random.Generator
) -> np.ndarray:
    """Return a map (0-1) of round granules scattered where `inside` is 1.

    They are on a jittered hexagonal grid, since granules crowd but hardly overlap. `spacing` and `radius` are in µm,
    `coverage` (0-1) is the share of the grid's points that hold one.
    """
    height, width = field.x.shape
    step = spacing * field.scale
    rows, columns = np.mgrid[0 : height / step * 1.16 + 1, 0 : width / step + 1]
    x = (columns + 0.5 * (rows % 2)) * step
    y = rows * step * 0.866
    x, y = (np.rint(place + rng.normal(0, 0.28 * step, place.shape)).astype(int).ravel() for place in (x, y))
    keep = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (rng.random(x.size) < coverage)
    dots = np.zeros((height, width))
    dots[y[keep], x[keep]] = rng.uniform(0.6, 1.3, keep.sum())
    dots *= inside > 0.5
    spread = 0.62 * radius * field.scale
    # A single dot peaks at 1.5 and is clipped at 1: flat in the middle and steep at the rim, like a granule.
    return np.minimum(1, ndimage.gaussian_filter(dots, spread) * 2 * np.pi * spread**2 * 1.5)
