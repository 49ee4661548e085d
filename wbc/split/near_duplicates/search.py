"""Search for near-duplicates, files that show the same cell, from pixels alone.

Every image has a descriptor that hardly changes with rotation, reflection, shear, zoom, stain and light
(`canonical_frame`). Images with similar descriptors are candidates. Each candidate pair is registered and compared
octave by octave (`registration`). Pairs that show the same cell join their groups if more than one pair agrees: a chain
of look-alikes must not merge two cells.

A cell that was photographed twice, for example in a second pass over a slide, shows the same shapes in another light.
Its photographs have different numbers but form one group, which a split must not divide either.

If most images have a copy, a program made the set, and an image without a copy is probably an unrecognized copy. It is
compared with many more images, and photographs that only probably show one cell are kept in one group. This restricts a
split a little, but a copy on the other side would invalidate the score. Photographs that might show one cell, but
probably don't, are reported as doubtful pairs. A cross-validation can exclude one of them when it scores the other.
"""

import collections
import hashlib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import DisjointSet
from sklearn.decomposition import PCA

from wbc.common.images import decode
from wbc.common.progress import prefetch, track
from wbc.split.near_duplicates.canonical_frame import CanonicalPatch, describe, frame
from wbc.split.near_duplicates.comparison_cache import ComparisonCache
from wbc.split.near_duplicates.comparisons import KEPT, Comparisons, Pair
from wbc.split.near_duplicates.neighbors import Neighbors

NEIGHBORS = 10  # candidates per image
FIRST = 3  # candidates of an image without a near match, as most images are in a set without near-duplicates
FAR = 0.75  # distance of descriptors beyond which no copy was seen; neighbors are typically at 0.5
SAME = 1.0  # log odds at which two images count as one cell: see research/fit_near_duplicates.py
TOGETHER = 0.0  # log odds at which a pair counts if two must agree, or joins groups if most images have copies
DOUBTFUL = -2.0  # log odds of a doubtful pair if most images have copies; chosen on seeds 1 of research/copies.py
NEAR = -4.0  # log odds at which an image's further candidates are compared
PHOTOGRAPH = 1.5  # largest difference of mean color between copies of a photograph, of 255 levels; JPEG causes 1.4
DIMENSIONS = 48  # of the descriptor, for the search
WITNESSES = 6  # pairs compared between two groups before they become one; two of them must agree
ROUNDS = 3  # rounds of joining groups of one cell that no pair of neighbors has joined
REACH = 60  # images compared with an image without a copy, if most have copies
SAMPLE = 400  # images whose nearest neighbors give the variation of light and stain among copies
BATCH = 256  # pairs compared between updates of the groups; it affects the result, so it doesn't depend on the cores


class NearDuplicates(NamedTuple):
    """Numbers of the photograph and the group of each image; int arrays, numbered in the order of appearance."""

    photo_id: np.ndarray  # equal for copies of one photograph of a cell
    group: np.ndarray  # equal for images that show or probably show one cell, photographed once or more
    pixels: np.ndarray  # equal for images whose decoded pixels are identical
    doubtful: (
        np.ndarray
    )  # (pairs, 2) of photo_id that might show one cell and are not in one group, the likeliest first


def find_near_duplicates(files: Sequence[Path], cache: Path | None = None) -> NearDuplicates:
    """Find the `NearDuplicates` among image files.

    Memory grows by 4 kB per image, for its descriptor and the results of about ten pairs. The frames of images take at
    most 0.5 GB.

    Args:
        files: paths of image files.
        cache: folder for the results of compared pairs, which then aren't compared again; None keeps nothing.
    """
    identical, first, descriptors, framed = _describe_all(files)
    pixels = np.array(identical, dtype=int)
    photos, groups = np.zeros(1, int), np.zeros(1, int)
    doubtful: list[Pair] = []
    if len(first) > 1:
        known = ComparisonCache(cache)
        try:
            different = [files[index] for index in first.values()]
            photos, groups, doubtful = _Search(different, [*first], descriptors, known, framed).run()
        finally:
            known.flush()
    photo_id = _renumber(photos[pixels])
    number = dict(zip(photos[pixels].tolist(), photo_id.tolist(), strict=True))
    pairs = dict.fromkeys(tuple(sorted(number[photos[image]] for image in pair)) for pair in doubtful)
    return NearDuplicates(photo_id, _renumber(groups[pixels]), pixels, np.array([*pairs], int).reshape(-1, 2))


def only_identical(digests: npt.ArrayLike) -> NearDuplicates:
    """Return the `NearDuplicates` without a search: only files with the same bytes.

    Args:
        digests: SHA-256 of each file.
    """
    numbers = _renumber(np.array(digests))
    return NearDuplicates(numbers, numbers, numbers, np.empty((0, 2), int))


def _describe_all(files: Sequence[Path]) -> tuple[list[int], dict[bytes, int], np.ndarray, dict[int, CanonicalPatch]]:
    """Assign numbers to images by their pixels, and describe each different image.

    Returns:
        (number of each image, {digest: first image}, descriptors, {number: the image in its frame} of the first `KEPT`)
    """
    numbers: dict[bytes, int] = {}
    first: dict[bytes, int] = {}
    kept: dict[int, CanonicalPatch] = {}
    identical, descriptors = [], []
    for index, (digest, framed) in enumerate(track(prefetch(_framed, files), "describe", total=len(files))):
        if digest not in numbers:
            numbers[digest] = len(numbers)
            first[digest] = index
            descriptors.append(describe(framed.waves))
            if len(kept) < KEPT:
                kept[numbers[digest]] = framed
        identical.append(numbers[digest])
    return identical, first, np.array(descriptors), kept


def _framed(file: Path) -> tuple[bytes, CanonicalPatch]:
    pixels, _ = decode(file)
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
    return digest, frame(pixels)


class _Search:
    """Search for groups among images of different pixels."""

    def __init__(
        self,
        files: list[Path],
        digests: list[bytes],
        descriptors: np.ndarray,
        cache: ComparisonCache,
        framed: dict[int, CanonicalPatch],
    ) -> None:
        self.count = count = len(files)
        dimensions = min(DIMENSIONS, *descriptors.shape)
        with np.errstate(invalid="ignore"):  # images that all look alike have no variance to explain
            self.points = PCA(dimensions, svd_solver="full").fit_transform(descriptors).astype(np.float32)
        self.index = Neighbors(self.points)
        self.nearest = self.index.nearest(NEIGHBORS + 1)
        self.photos, self.groups = DisjointSet(range(count)), DisjointSet(range(count))
        self.best = np.full(count, -np.inf)  # log odds of each image's best match so far
        self.comparisons = Comparisons(files, digests, cache, framed)
        self.copied, self.tolerance, self.color_evidence = self._colors()

    def run(self) -> tuple[np.ndarray, np.ndarray, list[Pair]]:
        """Return the number of each image's photograph and of its group, and the doubtful pairs of images."""
        self._join_neighbors(1, FIRST, range(self.count))
        promising = np.flatnonzero(self.best > NEAR)
        self._join_neighbors(FIRST + 1, NEIGHBORS, promising)
        for _ in range(ROUNDS):
            if not self._join_groups():
                break
        if self.copied:
            self._join_lonely()
        for subset in self.photos.subsets():
            self._unite(self.groups, sorted(subset))
        if self.copied:
            for pair, (odds, color) in self.comparisons.known.items():
                if odds > TOGETHER and color <= self.tolerance:
                    self.groups.merge(*pair)
        return self._numbers(self.photos), self._numbers(self.groups), self._doubtful()

    def _doubtful(self) -> list[Pair]:
        """Return pairs that might show one cell and are in different groups, the likeliest first.

        There are none unless most images have copies.
        """
        doubtful = [
            (-round(odds, 6), pair)
            for pair, (odds, color) in self.comparisons.known.items()
            if self.copied and odds > DOUBTFUL and color <= self.tolerance and not self.groups.connected(*pair)
        ]
        return [pair for _, pair in sorted(doubtful)]

    def _colors(self) -> tuple[bool, float, float]:
        """Return whether most images have a copy, the color tolerance of copies, and the log odds of equal colors.

        If most images have a copy, a program made the set and the variations among the copies. Equal colors are then
        evidence, and more so if they are rarely equal by chance. If few images have a copy, those are rather cells
        photographed twice, and only shapes are evidence.
        """
        sample = np.unique(np.linspace(0, self.count - 1, SAMPLE).astype(int))
        pairs = [self._pair(image, self._near(image)[0][1]) for image in sample]
        gaps = [color for odds, color in self.comparisons.of(pairs, "sample") if odds > SAME]
        if len(gaps) < len(sample) / 2:
            return False, PHOTOGRAPH, 0.0
        tolerance = max(PHOTOGRAPH, 2 * float(np.percentile(gaps, 95)))
        colors = self.comparisons.mean_colors(sample)
        chance = np.linalg.norm(colors[:, None] - colors[None], axis=2)[np.triu_indices(len(sample), 1)] <= tolerance
        return True, tolerance, float(-np.log(max(1, chance.sum()) / len(chance)))

    def _near(self, image: int, nearest: tuple[np.ndarray, np.ndarray] | None = None) -> list[tuple[float, int]]:
        """Return (distance, image) of the neighbors of an image, nearest first, without itself.

        Args:
            image: number of the image.
            nearest: the index's answer for this image; by default its `NEIGHBORS` nearest.
        """
        distance, neighbor = nearest or (column[image] for column in self.nearest)
        near = zip(distance.tolist(), neighbor.tolist(), strict=True)
        return [(round(gap, 6), number) for gap, number in near if number != image]

    def _pair(self, image: int, neighbor: int) -> Pair:
        return (int(min(image, neighbor)), int(max(image, neighbor)))

    def _join_neighbors(self, nearest: int, farthest: int, images: Iterable[int]) -> None:
        """Compare images with their neighbors of ranks `nearest` to `farthest`, nearest pairs first; join matches."""
        distance = {}
        for image in images:
            for gap, neighbor in self._near(image)[nearest - 1 : farthest]:
                if gap < FAR:
                    distance[self._pair(image, neighbor)] = gap
        pairs = sorted(distance, key=lambda pair: (distance[pair], pair))
        batches = [pairs[start : start + BATCH] for start in range(0, len(pairs), BATCH)]
        for batch in track(batches, "compare", unit=f"batches of {BATCH} pairs"):
            waiting = [pair for pair in batch if not self.photos.connected(*pair)]
            for pair, (odds, color) in zip(waiting, self.comparisons.of(waiting), strict=True):
                for image in pair:
                    self.best[image] = max(self.best[image], odds)
                if self.photos.connected(*pair):
                    continue
                if not self._same(odds, color):
                    if odds > SAME:
                        self.groups.merge(*pair)
                elif self._agreed(self.photos.subset(pair[0]), self.photos.subset(pair[1]), witnesses=1):
                    self.photos.merge(*pair)

    def _join_groups(self) -> bool:
        """Join groups whose centers are near; return whether any were joined."""
        groups = [sorted(subset) for subset in self.photos.subsets()]
        groups.sort()
        if len(groups) < 2:
            return False
        centers = np.stack([self.points[members].mean(axis=0) for members in groups])
        _, near = Neighbors(centers).nearest(NEIGHBORS // 2 + 1)
        numbers = {self._pair(group, other) for group, row in enumerate(near) for other in row if group != other}
        pairs = [(groups[first], groups[second]) for first, second in sorted(numbers)]
        pairs = [pair for pair in pairs if max(map(len, pair)) > 1]
        joined = False
        for first, second in track(pairs, "join", unit="pairs of groups"):
            if not self.photos.connected(first[0], second[0]) and self._agreed(first, second):
                joined |= self.photos.merge(first[0], second[0])
        return joined

    def _join_lonely(self) -> None:
        """Compare images without a copy with many more, since blur or a close crop may change a descriptor a lot."""
        lonely = sorted(min(subset) for subset in self.photos.subsets() if len(subset) == 1)
        nearest = zip(*self.index.nearest(REACH + 1, lonely), strict=True) if lonely else []
        for image, neighbors in zip(track(lonely, "search on", unit="images without a copy"), nearest, strict=True):
            if len(self.photos.subset(image)) > 1:
                continue  # joined by an earlier image
            candidates = [candidate for gap, candidate in self._near(image, neighbors) if gap < FAR]
            compared = self.comparisons.of([self._pair(image, candidate) for candidate in candidates])
            votes = collections.defaultdict(list)
            for candidate, (odds, color) in zip(candidates, compared, strict=True):
                if self._same(odds, color, TOGETHER):
                    votes[self.photos[candidate]].append((odds, candidate))
            agreeing = [  # two single images have only one pair
                max(group)
                for root, group in votes.items()
                if max(group)[0] + self.color_evidence > SAME and len(group) >= min(2, len(self.photos.subset(root)))
            ]
            if agreeing:
                self.photos.merge(image, max(agreeing)[1])

    def _agreed(self, first: Collection[int], second: Collection[int], witnesses: int = 0) -> bool:
        """Return whether two of the nearest pairs between two groups agree that they show one cell.

        Args:
            first, second: images of the groups.
            witnesses: pairs that have agreed already. If a group is a single image, one is enough.
        """
        if witnesses and min(len(first), len(second)) == 1:
            return True
        some_first, some_second = (sorted(members)[:: max(1, len(members) // 12)] for members in (first, second))
        gaps = np.linalg.norm(self.points[some_first][:, None] - self.points[some_second][None], axis=2)
        pairs = []
        taken: collections.Counter[int] = collections.Counter()
        for flat in np.argsort(gaps, axis=None, kind="stable"):
            row, column = np.unravel_index(flat, gaps.shape)
            # Each image is in at most two pairs, four for a single image, so that one odd image can't decide alone.
            mine, theirs = some_first[row], some_second[column]
            if gaps[row, column] < FAR and max(taken[mine], taken[theirs]) < 2 + 2 * (len(some_first) == 1):
                pairs.append(self._pair(mine, theirs))
                taken.update([mine, theirs])
            if len(pairs) == WITNESSES:
                break
        agreeing = sum(self._same(*result, TOGETHER) for result in self.comparisons.of(pairs))
        return witnesses + agreeing >= 2

    def _same(self, odds: float, color: float, least: float = SAME) -> bool:
        """Return whether a compared pair shows copies of one photograph; equal colors are evidence too."""
        return color <= self.tolerance and odds + self.color_evidence > least

    def _unite(self, sets: DisjointSet, members: Sequence[int]) -> None:
        for member in members[1:]:
            sets.merge(members[0], member)

    def _numbers(self, sets: DisjointSet) -> np.ndarray:
        numbers = np.empty(self.count, int)
        for number, subset in enumerate(sets.subsets()):
            numbers[sorted(subset)] = number
        return numbers


def _renumber(numbers: np.ndarray) -> np.ndarray:
    """Assign new numbers to sets, in the order of their first appearance."""
    numbered: dict[object, int] = {}
    return np.array([numbered.setdefault(number, len(numbered)) for number in numbers.tolist()], dtype=int)
