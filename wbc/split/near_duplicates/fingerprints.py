"""Fingerprints of images, which recognize later copies without the images themselves.

A fingerprint describes the stained nucleus and its close surroundings, so that the size and the crop of the image don't
matter. Around each of five rings, the gray levels become Fourier coefficients. A rotation changes their phases, and a
reflection the signs of the phases. The correlation over all rotations decides whether two images show one cell, as in
`canonical_frame`. A fingerprint takes 75 bytes.

It recognizes copies that were resized, compressed, rotated, mirrored or cropped, as republished data sets often are. It
doesn't recognize sheared copies.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import cv2
import numpy as np
import numpy.typing as npt

from wbc.common.files import replacing, write_npz
from wbc.common.images import decode
from wbc.common.progress import prefetch, track
from wbc.split.near_duplicates.canonical_frame import PATCH, RINGS, cut

SAME = 0.85  # correlation at which two images count as one: see research/score_fingerprints.py
CROPS = (1.0, 0.9, 0.8, 0.7)  # shares of each side that an image may be cropped to
REACH = 1.6  # radii of the nucleus from the patch's center to its border
POOLED = 5  # rings of a fingerprint
WAVES = 8  # Fourier coefficients of each, the constant one among them
TURNS = 64  # rotations at which the correlation is computed
SIDE = 96  # pixels; side of the image on which the nucleus is found
STEPS = 4  # iterations of finding it
LEAST = 4.0  # smallest radius of a nucleus in that image, in pixels
FLAT = 1e-3  # an image whose coefficients are all smaller shows nothing, and matches nothing

_EDGES = np.linspace(0, RINGS, POOLED + 1).round().astype(int)[:-1]
_Y, _X = np.mgrid[:SIDE, :SIDE]
_TURNED = np.exp(-2j * np.pi * np.outer(np.arange(WAVES), np.arange(TURNS)) / TURNS)

Floats = npt.NDArray[np.floating]
Waves = npt.NDArray[np.complexfloating]  # (images, 8, 5)


class Fingerprints(NamedTuple):
    """Fingerprints of a set of images.

    >>> known = Fingerprints.load(Path("pretraining/fingerprints.npz"))             # doctest: +SKIP
    >>> known.matches([Path("data/images/basophil/0001.jpg")])                      # doctest: +SKIP
    array([False])
    """

    codes: npt.NDArray[
        np.int8
    ]  # (images, 75): real parts (8, 5), then imaginary parts (7, 5), scaled to 127 at most per image
    mean: npt.NDArray[np.float32]  # (5,), of the constant coefficients over the images
    spread: npt.NDArray[np.float32]  # (8, 5), of all coefficients

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read fingerprints."""
        with np.load(file, allow_pickle=False) as arrays:
            return cls(*(arrays[name] for name in cls._fields))

    def save(self, file: Path) -> None:
        """Write fingerprints; the same fingerprints give the same bytes."""
        with replacing(file) as partial:
            write_npz(partial, self._asdict())

    @classmethod
    def of(cls, files: Sequence[Path], scaled_by: int | None = None) -> Self:
        """Compute the fingerprints of image files.

        Args:
            files: image files.
            scaled_by: number of the first files from which mean and spread are computed; default: all. Blurred images
                among them make sharp images look alike.
        """
        described = prefetch(lambda file: _describe(decode(file)[0], (1.0,))[0], files)
        waves = np.array(list(track(described, "fingerprints", total=len(files))))
        is_flat = ~waves.any(axis=(1, 2))
        mean = waves[:scaled_by, 0].real.mean(axis=0)
        waves[:, 0] -= mean
        spread = np.sqrt((np.abs(waves[:scaled_by]) ** 2).mean(axis=0)) + 1e-6
        scaled = waves / spread
        parts = np.concatenate([scaled.real, scaled.imag[:, 1:]], axis=1).reshape(len(waves), -1)
        largest = np.abs(parts).max(axis=1, keepdims=True) + 1e-9
        codes = np.rint(127 * parts / largest).astype(np.int8)
        codes[is_flat] = 0
        return cls(codes, mean.astype(np.float32), spread.astype(np.float32))

    def matches(self, files: Sequence[Path]) -> npt.NDArray[np.bool_]:
        """Return a bool array that marks the image files of cells with a fingerprint."""
        recognizes = self.recognizer()
        matches = prefetch(lambda file: recognizes(decode(file)[0]), files)
        return np.array([*track(matches, "compare fingerprints", total=len(files))], bool)

    def matches_pixels(self, images: Iterable[npt.NDArray[np.uint8]]) -> npt.NDArray[np.bool_]:
        """Return `matches` of decoded images, RGB uint8 arrays (height, width, 3)."""
        return np.array([*map(self.recognizer(), images)], bool)

    def overlap(self, files: Sequence[Path], names: Sequence[str]) -> dict[str, Any]:
        """Return {"known": number of fingerprints, "images": files that match, "paths": their names}, for JSON."""
        matches = self.matches(files)
        paths = [name for name, match in zip(names, matches, strict=True) if match]
        return {"known": len(self.codes), "images": len(paths), "paths": paths}

    def recognizer(self) -> Callable[[npt.NDArray[np.uint8]], bool]:
        """Return a function that tells whether a decoded image shows a cell with a fingerprint."""
        waves = self.codes[:, : WAVES * POOLED].reshape(-1, WAVES, POOLED).astype(np.complex64)
        waves[:, 1:] += 1j * self.codes[:, WAVES * POOLED :].reshape(-1, WAVES - 1, POOLED)
        known = _normed(waves)
        sizes = np.abs(known).reshape(len(known), -1)
        return lambda pixels: self._best(_describe(pixels, CROPS), known, sizes) > SAME

    def _best(self, image: Waves, known: Waves, sizes: Floats) -> float:
        """Return the highest correlation of an image, for any crop in `CROPS`, with any fingerprint."""
        if not image.any():
            return 0.0
        image[:, 0] -= self.mean
        best = 0.0
        for one in _normed(image / self.spread):
            # The magnitudes of the coefficients limit the correlation of any rotation.
            likely = known[sizes @ np.abs(one).ravel() > SAME]
            for product in (likely.conj() * one, likely * one):
                best = max(best, float((product.sum(axis=2) @ _TURNED).real.max(initial=0)))
        return best


def _describe(pixels: npt.NDArray[np.uint8], crops: Sequence[float]) -> Waves:
    """Return the Fourier coefficients, complex (different nuclei, 8, 5), of an image for each assumed crop.

    The crop sets the circle in the middle from which the search for the nucleus starts.
    """
    green = cv2.resize(np.ascontiguousarray(pixels[..., 1]), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    green = cv2.GaussianBlur(green, (0, 0), 1.0)
    scale = np.array(pixels.shape[1::-1]) / SIDE
    waves = []
    for center, radius in dict.fromkeys(_nucleus(green, SIDE / 4 / crop) for crop in crops):
        matrix = np.diag(scale * radius * REACH / (PATCH / 2))
        patch = cut(pixels, matrix, scale * (np.array(center) + 0.5) - 0.5)
        waves.append(np.add.reduceat(patch.waves[..., :WAVES].mean(axis=0), _EDGES, axis=0).T)
    described = np.array(waves)
    return described if np.abs(described).max() > FLAT else np.zeros_like(described)


def _nucleus(green: np.ndarray, radius: float) -> tuple[tuple[float, float], float]:
    """Return center (x, y) and radius of the nucleus, found from a circle of `radius` pixels in the middle.

    `green` is the green channel, uint8 (96, 96).

    The nucleus is the area darker than a threshold (Otsu's, see `wbc.split.foreground`) within twice the radius. Its
    center and radius give the next circle. Pixels outside don't count, so a crop gives the same nucleus.
    """
    x = y = SIDE / 2
    for _ in range(STEPS):
        near = np.hypot(_X - x, _Y - y) <= 2 * radius
        threshold, _ = cv2.threshold(green[near], 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
        dark = (green <= threshold) & near
        area = int(dark.sum())
        if area == 0:
            break
        x, y, radius = float(_X[dark].mean()), float(_Y[dark].mean()), max(LEAST, float(np.sqrt(area / np.pi)))
    return (x, y), radius


def _normed(waves: Waves) -> Waves:
    """Scale coefficients (images, waves, rings) to a sum of squares of 1 for each image; zeros stay zeros."""
    return waves / (np.sqrt((np.abs(waves) ** 2).sum(axis=(1, 2), keepdims=True)) + 1e-9)
