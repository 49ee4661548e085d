"""Comparison of pairs of image files: each pair once, and each image decoded once as long as memory allows."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from wbc.common.images import decode
from wbc.common.progress import prefetch, track
from wbc.split.near_duplicates.canonical_frame import CanonicalPatch, frame, mean_color
from wbc.split.near_duplicates.comparison_cache import ComparisonCache
from wbc.split.near_duplicates.registration import compare, log_odds

KEPT = 16384  # images whose frames are kept, 26 kB each

Pair = tuple[int, int]  # numbers of two images, the lower first


class Comparisons:
    """Results of comparing pairs of image files.

    Args:
        files: paths of the image files; an image's number is its position here.
        digests: digest of each file's content.
        cache: results of earlier comparisons.
        framed: images that are already in their frames; the others are decoded when needed.
    """

    def __init__(
        self,
        files: Sequence[Path],
        digests: Sequence[bytes],
        cache: ComparisonCache,
        framed: Mapping[int, CanonicalPatch],
    ) -> None:
        self._digests, self._cache, self._kept = digests, cache, framed
        self._frame = functools.lru_cache(KEPT // 4)(lambda image: frame(decode(files[image])[0]))
        self.known: dict[Pair, tuple[float, float]] = {}  # {pair: (log odds, difference of mean color)}

    def of(self, pairs: Sequence[Pair], label: str | None = None) -> list[tuple[float, float]]:
        """Return (log odds that it is one cell, difference of mean color) of each pair, in order.

        Args:
            pairs: pairs of images.
            label: name of the progress bar; None shows none.
        """
        unknown = [pair for pair in dict.fromkeys(pairs) if pair not in self.known and not self._recall(pair)]
        results = prefetch(lambda pair: compare(*(self._framed(image) for image in pair)), unknown)
        if label:
            results = track(results, label, total=len(unknown), unit="pairs")
        for pair, features in zip(unknown, results, strict=True):
            self.known[pair] = (log_odds(features), features.color if features else np.inf)
            first, second = (self._digests[image] for image in pair)
            self._cache.put(first, second, *self.known[pair])
        return [self.known[pair] for pair in pairs]

    def _framed(self, image: int) -> CanonicalPatch:
        return self._kept[image] if image in self._kept else self._frame(image)

    def _recall(self, pair: Pair) -> bool:
        """Return whether a pair was compared before; if so, add it to `known`."""
        first, second = (self._digests[image] for image in pair)
        result = self._cache.get(first, second)
        if result:
            self.known[pair] = result
        return result is not None

    def mean_colors(self, images: Iterable[int]) -> np.ndarray:
        """Return the mean color of each image, array (images, 3)."""
        return np.array([mean_color(self._framed(image)) for image in images])
