"""Drawings of white blood cells with the features that hematologists use: nucleus shape, cytoplasm and granules.

A drawing is a map of the amount of each stain; `wbc.fetch.drawn.smear` turns it into a photo. The strengths of the
stains are not part of it, because color differs more between slides than between classes.
"""

from typing import NamedTuple

import numpy as np

from wbc.fetch.drawn import shapes

CLASSES = ("basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil")

# Smallest and largest radius in µm.
RADIUS = {
    "basophil": (5.0, 6.8),
    "eosinophil": (5.6, 7.4),
    "lymphocyte": (3.9, 6.2),
    "monocyte": (7.0, 8.8),
    "neutrophil": (5.6, 7.4),
}

# Indices of the stains in the last axis of `Cell.stains`.
AZURE, BLUE, EOSIN, HEMOGLOBIN = range(4)
N_STAINS = 4


class Cell(NamedTuple):
    """One drawn white cell; the two masks hold its geometry, for measurements."""

    stains: np.ndarray  # (height, width, N_STAINS), amount of each stain, about 0-1.5
    body: np.ndarray  # (height, width), 1 inside the cell, 0 outside, soft at the edge
    nucleus: np.ndarray  # (height, width), 1 inside the nucleus, 0 outside, soft at the edge


def draw_cell(label: str, radius: float, field: shapes.Field, rng: np.random.Generator) -> Cell:
    """Draw one white cell at the origin of `field`.

    Args:
        label: one of `CLASSES`.
        radius: radius of the cell in µm, usually within `RADIUS[label]`.
        field: the `shapes.Field` to draw on.
        rng: a `numpy.random.Generator`, which decides everything else about the cell.

    Returns:
        a `Cell` whose maps have the shape of `field`.
    """
    return _DRAW[label](radius, field, rng)


def _lobes(
    field: shapes.Field, count: int, radius: float, share: float, bridge: float, rng: np.random.Generator
) -> np.ndarray:
    """Return the signed distance (µm) to a nucleus of `count` lobes in a row along an arc, joined by thin bridges.

    `radius` (µm) is the radius of the cell, `share` (0-1) the share of its area that the nucleus covers, and `bridge`
    (µm) the radius of the bridges.
    """
    lobe = radius * np.sqrt(share / count) * 0.93
    arc = radius * rng.uniform(0.47, 0.54)
    turn = 2 * np.arcsin(min(0.98, lobe * rng.uniform(1.08, 1.25) / arc))
    angles = turn * (np.arange(count) - (count - 1) / 2 + rng.normal(0, 0.06, count))
    if turn * count > 2 * np.pi:  # the chain would overlap itself: spread the lobes over the circle instead
        angles = np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.normal(0, 0.06, count)
    reach = arc * rng.uniform(0.75, 1.15, count)
    angles = angles + rng.uniform(0, 2 * np.pi)
    centers = np.stack([reach * np.cos(angles), reach * np.sin(angles)], axis=1)
    bent = shapes.warped(field, 0.28, 2.2, rng)
    distance = shapes.tube(bent, centers, np.full(count, bridge))
    for center in centers:
        # A lobe is a short thick rod in a random direction.
        half = shapes.turned([[lobe * rng.uniform(0.1, 0.5), 0]], rng.uniform(0, 2 * np.pi))[0]
        thick = lobe * rng.uniform(0.78, 0.98, 2)
        distance = np.minimum(distance, shapes.tube(bent, np.stack([center - half, center + half]), thick))
    return distance


def _chromatin(
    field: shapes.Field, distance: np.ndarray, density: float, clumps: float, size: float, rng: np.random.Generator
) -> np.ndarray:
    """Return the nuclear stain (height, width) of a nucleus: clumped inside, darker along the membrane."""
    texture = 1 + clumps * shapes.noise(field, size, rng) + 0.08 * shapes.noise(field, 4 * size, rng)
    membrane = 0.18 * np.exp(-((distance / 0.35) ** 2))
    return density * np.clip(texture + membrane, 0.3, None) * shapes.fill(distance, 0.25)


def _assemble(
    field: shapes.Field,
    body: np.ndarray,
    distance: np.ndarray,
    nuclear: np.ndarray,
    cytoplasm: dict[int, float],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Stack the stains of a cell whose nucleus, at `distance` µm, replaces the uneven cytoplasm.

    `nuclear` is the azure of the nucleus (height, width), `cytoplasm` a dict of the other stains' amounts. Returns the
    stains and the mask of the nucleus.
    """
    nucleus = np.minimum(shapes.fill(distance, 0.25), body)
    stains = np.zeros((*field.x.shape, N_STAINS))
    uneven = np.clip(1 + 0.15 * shapes.noise(field, 2.5, rng), 0, None)
    for stain, amount in cytoplasm.items():
        stains[..., stain] = amount * body * (1 - nucleus) * uneven
    stains[..., AZURE] += nuclear * body
    return stains, nucleus


def _neutrophil(radius: float, field: shapes.Field, rng: np.random.Generator) -> Cell:
    """Draw a nucleus of 2-5 lobes on thin bridges, and pale pink cytoplasm dusted with very fine granules."""
    body = shapes.fill(shapes.blob(field, radius, 0.08, rng), 0.4)
    count = rng.choice([2, 3, 4, 5], p=[0.05, 0.4, 0.37, 0.18])
    distance = _lobes(field, count, radius, rng.uniform(0.27, 0.37), rng.uniform(0.2, 0.4), rng)
    stain = _chromatin(field, distance, rng.uniform(0.7, 1.15), 0.16, 0.7, rng)
    cytoplasm = {EOSIN: rng.uniform(0.1, 0.45), BLUE: rng.uniform(0.0, 0.18), AZURE: rng.uniform(0.0, 0.1)}
    stains, nucleus = _assemble(field, body, distance, stain, cytoplasm, rng)
    toxic = rng.random() < 0.2
    dust = shapes.granules(field, body * (1 - nucleus), 0.6, 0.23 if toxic else 0.16, rng.uniform(0.3, 0.9), rng)
    stains[..., AZURE] += dust * (rng.uniform(0.05, 0.25) if toxic else rng.uniform(0.02, 0.1))
    stains[..., EOSIN] += dust * (rng.uniform(0.2, 0.5) if toxic else rng.uniform(0.1, 0.3))
    return Cell(stains, body, nucleus)


def _eosinophil(radius: float, field: shapes.Field, rng: np.random.Generator) -> Cell:
    """Draw a nucleus of 2, sometimes 3, round lobes, and cytoplasm packed with coarse orange-red or pale granules."""
    body = shapes.fill(shapes.blob(field, radius, 0.08, rng), 0.4)
    count = rng.choice([2, 3], p=[0.85, 0.15])
    distance = _lobes(field, count, radius, rng.uniform(0.26, 0.38), rng.uniform(0.3, 0.6), rng)
    stain = _chromatin(field, distance, rng.uniform(0.7, 1.1), 0.15, 0.7, rng)
    cytoplasm = {EOSIN: rng.uniform(0.05, 0.3), BLUE: rng.uniform(0.0, 0.25)}
    stains, nucleus = _assemble(field, body, distance, stain, cytoplasm, rng)
    packed = rng.uniform(0.4, 0.7) if rng.random() < 0.15 else rng.uniform(0.75, 1)  # some have lost granules
    grains = shapes.granules(field, body, rng.uniform(0.8, 1.0), rng.uniform(0.34, 0.44), packed, rng)
    stains[..., EOSIN] += grains * rng.uniform(0.35, 0.9) * (1 - 0.6 * nucleus)
    stains[..., AZURE] += grains * rng.uniform(0.0, 0.12) * (1 - nucleus)  # brownish
    return Cell(stains, body, nucleus)


def _basophil(radius: float, field: shapes.Field, rng: np.random.Generator) -> Cell:
    """Draw coarse dark granules over the whole cell, which blur a pale folded nucleus; some are washed out."""
    body = shapes.fill(shapes.blob(field, radius, 0.1, rng), 0.5)
    distance = _lobes(field, rng.choice([2, 3]), radius, rng.uniform(0.32, 0.5), 1.2, rng)
    stain = _chromatin(field, distance, rng.uniform(0.45, 0.9), 0.12, 1.0, rng)
    cytoplasm = {EOSIN: rng.uniform(0.05, 0.35), BLUE: rng.uniform(0.0, 0.25), AZURE: rng.uniform(0.0, 0.15)}
    stains, nucleus = _assemble(field, body, distance, stain, cytoplasm, rng)
    left = rng.uniform(0.3, 0.5) if rng.random() < 0.15 else rng.uniform(0.5, 0.95)  # some dissolve in the stain
    grains = shapes.granules(field, body, rng.uniform(0.9, 1.3), rng.uniform(0.34, 0.5), left, rng)
    stains[..., AZURE] += grains * rng.uniform(0.6, 1.1)
    stains[..., EOSIN] += grains * rng.uniform(0.0, 0.2)
    return Cell(stains, body, nucleus)


def _lymphocyte(radius: float, field: shapes.Field, rng: np.random.Generator) -> Cell:
    """Draw a round dense nucleus that nearly fills the cell, and a rim of clear blue cytoplasm."""
    body = shapes.fill(shapes.blob(field, radius, 0.08, rng), 0.4)
    inner = radius * rng.uniform(0.68, 0.92)
    aside = shapes.turned([[(radius - inner) * rng.uniform(0.2, 0.9), 0]], rng.uniform(0, 2 * np.pi))[0]
    distance = shapes.blob(shapes.shifted(shapes.warped(field, 0.15, 2.0, rng), *aside), inner, 0.07, rng)
    stain = _chromatin(field, distance, rng.uniform(0.7, 1.15), 0.1, rng.uniform(0.8, 1.4), rng)
    cytoplasm = {BLUE: rng.uniform(0.1, 0.6), EOSIN: rng.uniform(0.0, 0.15), AZURE: rng.uniform(0.0, 0.1)}
    stains, nucleus = _assemble(field, body, distance, stain, cytoplasm, rng)
    return Cell(stains, body, nucleus)


def _monocyte(radius: float, field: shapes.Field, rng: np.random.Generator) -> Cell:
    """Draw the largest cell: a kidney- to horseshoe-shaped nucleus, gray-blue cytoplasm, some vacuoles."""
    body = shapes.fill(shapes.blob(shapes.warped(field, 0.3, 3.5, rng), radius, 0.09, rng), 0.5)
    arc = radius * rng.uniform(0.34, 0.42)
    angles = np.linspace(-0.5, 0.5, 9) * np.radians(rng.uniform(150, 270))
    points = np.stack([arc * np.cos(angles) - 0.25 * arc, arc * np.sin(angles)], axis=1)
    thick = radius * rng.uniform(0.27, 0.36) * (1 + 0.15 * np.cos(2 * angles + rng.normal(0, 0.5)))
    distance = shapes.tube(shapes.warped(field, 0.3, 2.5, rng), shapes.turned(points, rng.uniform(0, 2 * np.pi)), thick)
    stain = _chromatin(field, distance, rng.uniform(0.6, 1.0), 0.24, 0.55, rng)
    cytoplasm = {BLUE: rng.uniform(0.15, 0.5), EOSIN: rng.uniform(0.05, 0.25), AZURE: rng.uniform(0.0, 0.1)}
    stains, nucleus = _assemble(field, body, distance, stain, cytoplasm, rng)
    if rng.random() < 0.5:
        holes = shapes.granules(field, body * (1 - nucleus), 1.8, rng.uniform(0.35, 0.6), rng.uniform(0.1, 0.4), rng)
        stains *= 1 - 0.7 * holes[..., None]
    return Cell(stains, body, nucleus)


_DRAW = {
    "basophil": _basophil,
    "eosinophil": _eosinophil,
    "lymphocyte": _lymphocyte,
    "monocyte": _monocyte,
    "neutrophil": _neutrophil,
}
