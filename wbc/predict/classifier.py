"""A packaged classifier that predicts any number of images in flat memory."""

import collections
import copy
import functools
import importlib.resources
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from wbc.common.errors import UserError
from wbc.common.images import BadImage, central, decode, resize
from wbc.common.progress import prefetch
from wbc.embed import openvino_engine
from wbc.embed.views import mean_feature, tta_images
from wbc.embed.weights import BLOOD_SHA256
from wbc.export.decision import Decision, answer
from wbc.export.framing import Range
from wbc.export.packaging import BACKBONE, FINGERPRINTS, read_package
from wbc.fetch.zip_entries import DAMAGE
from wbc.plot.heat_maps import HeatMaps
from wbc.plot.overlay import lit
from wbc.predict.predictions import Prediction, Predictions
from wbc.predict.sources import Source, image_source, list_sources, shown
from wbc.split.foreground import foreground_share
from wbc.split.near_duplicates.fingerprints import Fingerprints
from wbc.train import exact
from wbc.train.head import mean_probabilities

DRAWN = "This classifier was trained on drawn cells, not on photographs: its predictions for photographs are not valid."
BATCH = 32  # images that are answered together

One = str | os.PathLike | Image.Image | np.ndarray  # a path, or an image in memory


def pretrained_folder() -> Path:
    """Return the folder of the pretrained classifier, which this package ships."""
    return Path(str(importlib.resources.files("wbc.predict") / "pretrained"))


def recognizer(weights_sha256: str | None) -> Callable[[npt.NDArray[np.uint8]], bool] | None:
    """Return a function that tests whether a decoded image shows a cell that a backbone was trained on.

    Args:
        weights_sha256: of the backbone's weights.

    Returns:
        None unless these are the pretrained weights, for which this package ships fingerprints.
    """
    if weights_sha256 != BLOOD_SHA256:
        return None
    return Fingerprints.load(pretrained_folder() / FINGERPRINTS).recognizer()


class Described(NamedTuple):
    """An image with its features."""

    source: Source
    features: npt.NDArray[np.float16] | None  # (n,), the mean over its orientations; None if it can't be read
    error: str  # why it can't be read, or ""
    foreground: float  # as in `Prediction`
    converted: tuple[str, ...] = ()  # as in `Prediction`
    overlap: bool = False  # as in `Prediction`


class Classifier:
    """A packaged classifier.

    >>> classifier = Classifier.pretrained()                                      # doctest: +SKIP
    >>> for prediction in classifier.predict(["cells/", "slide.zip"]):            # doctest: +SKIP
    ...     print(prediction.path, prediction.label, prediction.reason)

    Args:
        folder: of the classifier, such as `models/deployed`, which the stage `export` writes.
        crop: central share of an image's height and width that is used, 0-1; for images that show more of a cell's
            surroundings than the training images.

    Raises:
        UserError: a file of the classifier is missing or damaged.
    """

    def __init__(self, folder: Path | str, crop: float = 1.0) -> None:
        if not 0 < crop <= 1:
            raise UserError(f"`crop` is {crop:g}; expected more than 0 and at most 1.")
        self.folder, self.crop = Path(folder), crop
        self.facts, self.heads, self.reference, graph = read_package(self.folder)
        self.decision: Decision = self.facts.decision
        self.size, self.tta_views = self.facts.image_size, self.facts.tta_views
        self.caution: str = DRAWN if self.facts.synthetic else ""  # shown with its predictions
        self.foreground: Range = self.facts.foreground
        # Built at first use, and shared by all classifiers that `cropped` returns.
        self._forward = functools.cache(functools.partial(openvino_engine.load, graph, self.size))
        self._maps = functools.cache(functools.partial(HeatMaps, graph, self.size, self.tta_views))
        self._recognizer = functools.cache(functools.partial(recognizer, self.facts.weights_sha256))

    @classmethod
    def pretrained(cls, crop: float = 1.0) -> Self:
        """Return the pretrained classifier, trained on photographed cells.

        Args:
            crop: as for the class.
        """
        return cls(pretrained_folder(), crop)

    @property
    def classes(self) -> list[str]:
        """Return the class names in the order of the probabilities."""
        return self.decision.classes

    def cropped(self, crop: float) -> Self:
        """Return this classifier with another `crop`, 0-1."""
        other = copy.copy(self)
        other.crop = crop
        return other

    def predict(self, images: One | Iterable[One]) -> Predictions:
        """Return a prediction for every image, in order.

        Args:
            images: one or several of: paths of files, folders and zips, patterns such as `slides/**/*.png`, Pillow
                images, uint8 arrays (height, width, 3) of RGB or (height, width) of gray levels.

        Raises:
            UserError: there is no such file or folder, or an array has another type or shape. An image that can't be
                read is a prediction with an `error`.
        """
        return Predictions(self.stream(images), self.classes)

    def stream(self, images: One | Iterable[One]) -> Iterator[Prediction]:
        """Yield the predictions of `predict` image by image, in flat memory."""
        listed = [images] if isinstance(images, One) else images

        def sources() -> Iterator[Source]:
            for number, image in enumerate(listed, start=1):
                if isinstance(image, str | os.PathLike):
                    yield from list_sources([os.fspath(image)])
                else:
                    yield image_source(image, f"image {number}")

        yield from self.predict_sources(sources())

    def heat_map(self, source: Source, label: str) -> npt.NDArray[np.uint8]:
        """Return a readable image as the classifier sees it, bright where it supports a class.

        Args:
            source: the image.
            label: name of the class.

        Returns:
            RGB array (size, size, 3).
        """
        seen, error, _ = self.look(source)
        if seen is None:
            raise UserError(f"{shown(source)}: {error}.")
        image = resize(seen, self.size)
        return lit(image, self._maps().map(image, self.heads, self.classes.index(label)))

    def predict_sources(self, sources: Iterable[Source]) -> Iterator[Prediction]:
        """Yield a prediction for each source, in order; only some images are in memory at a time."""
        described = self.describe(sources)
        while batch := list(itertools.islice(described, BATCH)):
            rows = [image.features for image in batch if image.features is not None]
            answered = iter(self._answers(np.stack(rows)) if rows else ())
            for image in batch:
                name = shown(image.source)
                if image.features is None:
                    yield Prediction(name, "", [], [], float("nan"), "", image.error, 0.0)
                else:
                    facts = {name: getattr(image, name) for name in ("foreground", "converted", "overlap")}
                    yield next(answered)._replace(path=name, **facts)

    def describe(self, sources: Iterable[Source]) -> Iterator[Described]:
        """Yield each source with its features, in order."""
        waiting: collections.deque[Described] = collections.deque()  # read images whose features are pending

        def images() -> Iterator[npt.NDArray[np.uint8]]:
            for image, described in prefetch(self._load, sources):
                waiting.append(described)
                if image is not None:
                    yield from tta_images(image, self.tta_views)

        rows = itertools.chain.from_iterable(self._forward()(images()))
        while views := list(itertools.islice(rows, self.tta_views)):
            while waiting[0].error:
                yield waiting.popleft()
            features = mean_feature(views).astype(np.float16)  # the precision of the heads' training features
            if features.shape != self.reference.mean.shape:
                raise UserError(
                    f"{self.folder / BACKBONE} gives {len(features):,} features, and the heads take "
                    f"{self.reference.mean.size:,}: they don't belong together."
                )
            if not np.isfinite(features).all():
                raise UserError(f"{self.folder / BACKBONE} is damaged: it gives features that are not finite.")
            yield waiting.popleft()._replace(features=features)
        yield from waiting

    def _answers(self, features: npt.NDArray[np.float16]) -> Iterator[Prediction]:
        """Yield the predictions for images' features, without the images' names."""
        probabilities: exact.Floats = mean_probabilities(self.heads, features)
        distances = self.reference.distances(features, self.decision.neighbors)
        answers = answer(self.decision, probabilities, distances)
        for row, members, distance, reason in zip(*answers, strict=True):
            inside = [name for name, is_in in zip(self.classes, members, strict=True) if is_in]
            label = self.classes[int(row.argmax())]
            yield Prediction("", label, row.round(4).tolist(), inside, round(float(distance), 4), reason, "", 0.0)

    def _load(self, source: Source) -> tuple[npt.NDArray[np.uint8] | None, Described]:
        """Return the backbone's input, or None if the source can't be read, and the source without features."""
        seen, error, converted = self.look(source)
        if seen is None:
            return None, Described(source, None, error, 0.0)
        recognizes = self._recognizer()
        overlap = recognizes is not None and recognizes(seen)
        return resize(seen, self.size), Described(source, None, "", foreground_share(seen), converted, overlap)

    def look(self, source: Source) -> tuple[npt.NDArray[np.uint8] | None, str, tuple[str, ...]]:
        """Return (cropped pixels of a source, "", conversions), or (None, why it can't be read, ())."""
        try:
            pixels, notes = decode(source.read(), suffix=source.suffix)
        except BadImage as error:
            return None, str(error), ()
        except DAMAGE as error:
            return None, getattr(error, "strerror", None) or str(error) or type(error).__name__, ()
        return central(pixels, self.crop), "", tuple(notes)
