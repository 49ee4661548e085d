"""Synthetic data set: drawn white cells, each delivered as several augmented copies.

It replaces photographed cells if there is no network. Like the set of the original study, it has few cells, many
copies, and no information on which copies belong together. A copy is rotated by any angle, mirrored, sheared and
shifted; scale and light hardly change. In a set rebuilt like Kaggle's from BCCD's cells, 98 % of the tiles were close
to the median of their cell's copies: the scale within 0.95 and 1.03, the light within 0.97 and 1.03.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pydantic
from PIL import Image

from wbc.common.params import Section
from wbc.fetch.drawn import smear
from wbc.fetch.drawn.cells import CLASSES

JPEG_QUALITY = 85  # for saving the copies, with artifacts as in the study's files
_FILL = (218, 220, 215)  # color of the empty corners of a rotated copy: the gray of an empty slide


class SyntheticParams(Section):
    """Parameters of the synthetic data set."""

    seed: int = pydantic.Field(ge=0, le=2**32 - 1)  # another seed draws other cells
    cells_per_class: int = pydantic.Field(ge=2, le=500)  # at least one to train on and one to test on
    copies_per_cell: int = pydantic.Field(ge=1, le=200)  # near-duplicates, which make a split by file leak
    image_size: int = pydantic.Field(ge=32, le=smear.PIXELS)  # px, both sides; at most the drawn size


class Drawing(NamedTuple):
    """One image of the data set."""

    label: str  # one of CLASSES
    number: int  # 0, 1, ... within the class; independent of the source
    source: str  # the cell it shows, such as "neutrophil-07"; for testing the leakage audit, never for training
    image: Image.Image  # RGB


def draw_dataset(params: SyntheticParams) -> Iterator[Drawing]:
    """Yield every `Drawing` of the data set, class by class, the copies of a class in shuffled order.

    Cell i of a class does not depend on the number of cells or copies. 100 cells of 6 copies take about 10 s.

    >>> params = SyntheticParams(seed=1, cells_per_class=20, copies_per_cell=6, image_size=80)
    >>> first = next(draw_dataset(params))                          # doctest: +SKIP
    >>> first.image.save(f"{first.label}/{first.number:04d}.jpg", quality=JPEG_QUALITY)   # doctest: +SKIP
    """
    for index, label in enumerate(CLASSES):
        photos = [smear.photograph(label, _rng(params, index, cell)) for cell in range(params.cells_per_class)]
        order = _rng(params, index).permutation(params.cells_per_class * params.copies_per_cell)
        for number, place in enumerate(order):
            cell, copy = divmod(int(place), params.copies_per_cell)
            image = _augmented(photos[cell], params.image_size, _rng(params, index, cell, copy))
            yield Drawing(label, number, f"{label}-{cell:02d}", image)


def _rng(params: SyntheticParams, *key: int) -> np.random.Generator:
    """Return the random generator of one class, cell or copy; each key has its own."""
    return np.random.default_rng(np.random.SeedSequence(params.seed, spawn_key=key))


def _augmented(photo: Image.Image, size: int, rng: np.random.Generator) -> Image.Image:
    """Return a copy of `photo`, `size` px wide: rotated, mirrored, sheared, shifted, slightly zoomed and re-lit."""
    angle, shear = rng.uniform(0, 2 * np.pi), rng.uniform(-0.3, 0.3)
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ [[1, shear], [0, 1]] * rng.uniform(0.95, 1.05)
    matrix[0] *= rng.choice([-1, 1])
    # Pillow maps output pixels to input pixels: about the middle of the photo, slightly shifted.
    middle = np.full(2, smear.PIXELS / 2)
    offset = middle - matrix @ middle + rng.uniform(-0.06, 0.06, 2) * smear.PIXELS
    values = (*matrix[0], offset[0], *matrix[1], offset[1])
    turned = photo.transform(photo.size, Image.Transform.AFFINE, values, Image.Resampling.BICUBIC, fillcolor=_FILL)
    small = np.asarray(turned.resize((size, size), Image.Resampling.BOX), dtype=np.float64)
    bright = small * rng.uniform(0.97, 1.03)
    return Image.fromarray(np.rint(np.clip(bright, 0, 255)).astype(np.uint8))
