"""Features of every image and view, each computed once and written to an array on disk."""

import dataclasses
import functools
import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt

from wbc.common.errors import UserError
from wbc.common.images import decode, resize, zoomed
from wbc.common.progress import prefetch, track
from wbc.embed.cache import KEY, FeatureCache, key
from wbc.embed.views import Augmentation, mean_feature, tta_images, view

LARGEST = float(np.finfo(np.float16).max)
TRIES = 3  # attempts, since a shard may be damaged on disk
SHARD = 64  # images per shard: 1.5 MB with 8 views; a kill costs some seconds of work


Forward = Callable[[Iterable[np.ndarray]], Iterator[np.ndarray]]  # from images to batches of features
Execute = Callable[[Sequence[Sequence["Work"]]], Iterator[int]]  # embeds shards, yields the number of images in each


class Work(NamedTuple):
    """Views of one image to embed."""

    file: str  # path of the image file
    sha256: str  # of its content, in hexadecimal
    views: tuple[int, ...]  # their numbers, see `ViewSpec`


@dataclasses.dataclass(frozen=True)
class ViewSpec:
    """Settings of the views: all that a feature depends on besides the image and the backbone.

    The first views, from number 0 on, show the image at each of `zooms`; the views after them are random. View 0, the
    unchanged image, is scored.
    """

    augmentation: Augmentation
    seed: int
    tta_views: int = 1  # orientations averaged in a view at a zoom: 1, the unchanged image, or ORIENTATIONS
    zooms: tuple[float, ...] = (1.0,)  # see `wbc.common.images.zoomed`; the first is 1

    def key(self, sha256: str, number: int) -> bytes:
        """Return the cache's key of a view. Keys of views at a zoom depend on neither seed nor augmentation."""
        if number >= len(self.zooms):
            return key(f"{sha256} {number - len(self.zooms) + 1} {self._views}")
        zoom = self.zooms[number]
        return key(f"{sha256} 0 {self.tta_views}" + (f" zoom {zoom:g}" if zoom != 1 else ""))

    def images(self, pixels: np.ndarray, size: int, number: int, seed: Sequence[int]) -> list[np.ndarray]:
        """Return the images (size, size, 3) whose mean feature is the feature of view `number`.

        Args:
            pixels: RGB uint8 array (height, width, 3).
            size: side of the backbone's input in pixels.
            number: number of the view.
            seed: integers, see `views.view`.
        """
        if number < len(self.zooms):
            return tta_images(resize(zoomed(pixels, self.zooms[number]), size), self.tta_views)
        return [view(resize(pixels, size), number - len(self.zooms) + 1, self.augmentation, seed)]

    def count(self, number: int) -> int:
        """Return the number of images that `images` returns for view `number`."""
        return self.tta_views if number < len(self.zooms) else 1

    @functools.cached_property
    def _views(self) -> str:
        return json.dumps([self.seed, self.augmentation.model_dump()], sort_keys=True)


def write_features(
    path: Path, images: Sequence[tuple[str, str]], views: int, spec: ViewSpec, cache: FeatureCache, execute: Execute
) -> None:
    """Write the features of all images as a float16 .npy array (images, zooms + views, n); [:, 0] is scored.

    float16 halves the file and drops the last bits, in which CPUs differ. Cached features aren't computed again. Memory
    holds only a few images, one shard, and 26 bytes for each view.

    Args:
        path: the .npy file to write.
        images: list of (path of the image file, its SHA-256 in hexadecimal). The hash seeds the views, so that an
            image's features don't depend on the other images.
        views: random views per image, 0 or more.
        spec: a `ViewSpec`.
        cache: a `FeatureCache` for this backbone.
        execute: execute(shards) embeds lists of `Work`, writes each to the cache, and then yields its number of
            images: see `executors`.

    Raises:
        UserError: a feature is NaN or beyond float16, or the cache returns damaged features repeatedly.
    """
    every = len(spec.zooms) + views
    rows = len(images) * every
    all_keys = (spec.key(sha256, number) for _, sha256 in images for number in range(every))
    keys = np.fromiter(all_keys, KEY, rows)
    order = np.argsort(keys, kind="stable")  # stable: of rows with equal keys, the first stays first
    keys, is_missing, used = keys[order], np.ones(rows, bool), set()
    is_first = np.append(True, keys[1:] != keys[:-1])[:rows]
    header = {"descr": "<f2", "fortran_order": False, "shape": (len(images), every, cache.length)}
    with path.open("wb") as file:  # not a memory map: a full disk would kill the process without a message
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()
        for _ in range(TRIES):
            used |= _take(cache, keys, order, is_missing, file, start)
            if not is_missing.any():
                break
            to_make = np.zeros(rows, bool)
            to_make[order[is_first & is_missing]] = True
            works = _works(images, to_make.reshape(len(images), every))
            parts = [works[first : first + SHARD] for first in range(0, len(works), SHARD)]
            _show(execute(parts), len(works))
        else:
            raise UserError(
                f"{is_missing.sum():,} features were written to {cache.folder} and could not be read back, {TRIES} "
                "times over. Check that disk, or choose another folder for the cache."
            )
    cache.trim(keep=used)


def _take(
    cache: FeatureCache, keys: np.ndarray, order: np.ndarray, is_missing: np.ndarray, file: IO[bytes], start: int
) -> set[str]:
    """Copy missing rows from the cache to a file, and return the shards that were used.

    Args:
        cache, file: source and target of the rows.
        keys, order, is_missing: sorted keys, the row of each, and whether it is missing; copied rows are unmarked.
        start: position in the file at which the rows begin.
    """
    used = set()
    for shard, found in cache.shards():
        starts, ends = (np.searchsorted(keys, found, side) for side in ("left", "right"))
        wanted = [row for row in np.flatnonzero(ends > starts).tolist() if is_missing[starts[row]]]
        if wanted and (features := cache.read(shard, len(found))) is not None:
            used.add(shard)
            for row in wanted:
                for target in order[starts[row] : ends[row]].tolist():
                    file.seek(start + target * 2 * cache.length)
                    file.write(features[row].tobytes())
                is_missing[starts[row] : ends[row]] = False
    return used


def _works(images: Sequence[tuple[str, str]], to_make: np.ndarray) -> list[Work]:
    """Return the `Work` for the views in `to_make`, a bool array (images, zooms + views)."""
    works = []
    for (file, sha256), views in zip(images, to_make, strict=True):
        if views.any():
            works.append(Work(str(file), sha256, tuple(np.flatnonzero(views).tolist())))
    return works


def _show(done: Iterable[int], total: int) -> None:
    """Wait for shards and show the number of finished images."""
    for _ in track(itertools.chain.from_iterable(range(count) for count in done), "embed", total=total):
        pass


def embed(works: Sequence[Work], forward: Forward, size: int, spec: ViewSpec) -> Iterator[npt.NDArray[np.float16]]:
    """Yield the features of each `Work`, float16 (views, n), in order.

    Decoding and augmenting run ahead in threads while the backbone computes.

    Args:
        works: list of `Work`.
        forward: from an iterable of images to batches of features, see `engines.Engine.load`.
        size: side of its input images in pixels.
        spec: a `ViewSpec`.

    Raises:
        UserError: a feature is NaN or beyond float16, or an image file doesn't match its hash.
    """

    def prepare(work: Work) -> list[np.ndarray]:
        content = Path(work.file).read_bytes()
        if hashlib.sha256(content).hexdigest() != work.sha256:
            raise UserError(f"{work.file} is not the image that was fetched: its SHA-256 is another. Fetch it again.")
        pixels, seed = decode(content)[0], [spec.seed, int(work.sha256[:16], 16)]
        return [image for number in work.views for image in spec.images(pixels, size, number, seed)]

    rows = itertools.chain.from_iterable(forward(image for images in prefetch(prepare, works) for image in images))
    for work in works:
        views = [mean_feature(list(itertools.islice(rows, spec.count(number)))) for number in work.views]
        yield _checked(np.stack(views))


def _checked(batch: np.ndarray) -> npt.NDArray[np.float16]:
    if not np.abs(batch).max() <= LARGEST:  # negated, so that NaN is found too
        raise UserError(
            f"The backbone gives features of {np.abs(batch).max():g}; float16, in which they are kept, ends at "
            f"{LARGEST:g}. These weights can't be used: choose others."
        )
    return batch.astype(np.float16)
