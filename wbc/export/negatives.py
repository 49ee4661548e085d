"""Pictures without a white blood cell, on which the classifier should abstain."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_image

from wbc.fetch.drawn import smear

SIDE = 128  # pixels
EACH = 10  # pictures of each kind
FOLDER = Path(__file__).parent / "pictures"
WORDS = ("blood", "film", "slide 7", "Giemsa", "x 1000", "neg.", "see note", "void")

Pixels = npt.NDArray[np.uint8]  # (SIDE, SIDE, 3), RGB


def negatives() -> dict[str, list[Pixels]]:
    """Return `EACH` pictures of each kind, always the same."""
    return {
        kind: [draw(np.random.default_rng([number, position])) for number in range(EACH)]
        for position, (kind, draw) in enumerate(KINDS.items())
    }


def _white(random: np.random.Generator) -> Pixels:
    return np.full((SIDE, SIDE, 3), random.integers(235, 256), np.uint8)


def _black(random: np.random.Generator) -> Pixels:
    return np.full((SIDE, SIDE, 3), random.integers(0, 20), np.uint8)


def _noise(random: np.random.Generator) -> Pixels:
    return random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def _text(random: np.random.Generator) -> Pixels:
    page = Image.new("RGB", (SIDE, SIDE), (250, 250, 245))
    pen = ImageDraw.Draw(page)
    for line in range(5):
        words = " ".join(random.choice(WORDS, 2))
        pen.text((6, 6 + 24 * line), words, (20, 20, 60), ImageFont.load_default(int(random.integers(12, 20))))
    return np.asarray(page)


def _red_cells(random: np.random.Generator) -> Pixels:
    return np.asarray(smear.photograph_between(random).resize((SIDE, SIDE), Image.Resampling.BOX))


def _photograph(random: np.random.Generator) -> Pixels:
    """Return a piece of one of scikit-learn's two photographs, of a temple and of a flower."""
    return _piece(load_sample_image(str(random.choice(["china.jpg", "flower.jpg"]))), random)


def _of_file(name: str, random: np.random.Generator) -> Pixels:
    """Return a piece of a picture in `FOLDER`."""
    with Image.open(FOLDER / name) as picture:
        return _piece(np.asarray(picture), random)


def _piece(photo: Pixels, random: np.random.Generator) -> Pixels:
    """Return a random square of a picture, resized to `SIDE`; the picture must be larger than that."""
    side = int(random.integers(SIDE, min(400, *photo.shape[:2])))
    top, left = (int(random.integers(0, length - side)) for length in photo.shape[:2])
    piece = Image.fromarray(photo[top : top + side, left : left + side])
    return np.asarray(piece.resize((SIDE, SIDE), Image.Resampling.BOX))


KINDS: dict[str, Callable[[np.random.Generator], Pixels]] = {
    "white": _white,
    "black": _black,
    "noise": _noise,
    "text": _text,
    "photographs": _photograph,
    "a cat": functools.partial(_of_file, "cat.jpg"),
    "stained tissue": functools.partial(_of_file, "tissue.jpg"),
    "drawn red cells": _red_cells,
}
