"""Predicting a stream of images with what was shipped, in flat memory."""

import collections
import copy
import functools
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from wbc.common.errors import UserError
from wbc.common.images import BadImage, central, decode, resize
from wbc.common.progress import prefetch
from wbc.embed import openvino_engine
from wbc.embed.views import mean_feature, tta_images
from wbc.export.decision import Decision, answer, from_json, load_reference
from wbc.export.framing import Range
from wbc.export.ood import Reference
from wbc.export.packaging import BACKBONE, REFERENCE, read_facts
from wbc.fetch.zip_entries import DAMAGE
from wbc.plot.heat_maps import HeatMaps
from wbc.plot.overlay import lit
from wbc.predict.sources import Source, list_sources, shown
from wbc.split.foreground import foreground_share
from wbc.train import exact
from wbc.train.head import Head, load_head, mean_probabilities

DRAWN = (
    "This classifier has learned from drawn cells, not from photographs: what it says of photographs can't be believed."
)
BATCH = 32  # images whose answers are worked out together


class Prediction(NamedTuple):
    """What the classifier says of one image."""

    path: str
    label: str  # the likeliest class; "" of an image that can't be read
    probabilities: list[float]  # calibrated, one per class; empty of an image that can't be read
    members: list[str]  # the prediction set
    distance: float  # from the images that it learned from, 0-2
    reason: str  # why it abstains from the label, or ""
    error: str  # why the image can't be read, or ""
    filled: (
        float  # share of the picture, as it was looked at, that the cell covers: `wbc.split.foreground`; 0 if unseen
    )


class Described(NamedTuple):
    """An image by its features."""

    source: Source
    features: npt.NDArray[np.float16] | None  # (n,), the mean over its orientations; None of one that can't be read
    error: str  # why it can't be read, or ""
    filled: float  # as in `Prediction`


class Classifier:
    """The classifier that was shipped, made ready.

    >>> classifier = Classifier("shipped")                                        # doctest: +SKIP
    >>> for prediction in classifier.predict(["cells/", "slide.zip"]):            # doctest: +SKIP
    ...     print(prediction.path, prediction.label, prediction.reason)

    Args:
        folder: with what the stage `export` wrote.
        crop: share of an image's height and width, 0-1, that is looked at, in its middle: for pictures that show more
            of a cell's surroundings than those that it learned from.

    Raises:
        UserError: something of it is missing or damaged.
    """

    def __init__(self, folder: Path | str, crop: float = 1.0) -> None:
        folder, self.crop = Path(folder), crop
        self.facts = read_facts(folder)
        self.decision: Decision = from_json(self.facts)
        self.reference: Reference = load_reference(folder / REFERENCE)
        self.heads: list[Head] = [load_head(folder / name) for name in self.facts["heads"]]
        self.size, self.test_views = self.facts["image_size"], self.facts["test_views"]
        self.caution: str = DRAWN if self.facts["synthetic"] else ""  # to be shown with whatever it says
        self.foreground: Range = tuple(self.facts["foreground"])
        graph = (folder / BACKBONE).read_bytes()
        # Made ready when first asked for, and once for all that `cropped` returns.
        self._forward = functools.cache(functools.partial(openvino_engine.load, graph, self.size))
        self._maps = functools.cache(functools.partial(HeatMaps, graph, self.size, self.test_views))

    def cropped(self, crop: float) -> Self:
        """Return this classifier, looking at another share of an image's height and width, 0-1."""
        other = copy.copy(self)
        other.crop = crop
        return other

    def predict(self, arguments: Iterable[str]) -> Iterator[Prediction]:
        """Yield a prediction for every image that the arguments name (see `list_sources`), in order."""
        yield from self.predict_sources(list_sources(arguments))

    def lit(self, source: Source, label: str) -> npt.NDArray[np.uint8]:
        """Return a readable image as the classifier sees it, bright where it speaks for a class.

        Args:
            source: the image.
            label: name of the class.

        Returns:
            RGB array (size, size, 3).
        """
        seen, error = self._look(source)
        if seen is None:
            raise UserError(f"{shown(source)}: {error}.")
        image = resize(seen, self.size)
        return lit(image, self._maps().map(image, self.heads, self.decision.classes.index(label)))

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
                    yield next(answered)._replace(path=name, filled=image.filled)

    def describe(self, sources: Iterable[Source]) -> Iterator[Described]:
        """Yield the features of each source, in order, as the heads take them."""
        waiting: collections.deque[Described] = collections.deque()  # read, and their features not yet there

        def images() -> Iterator[npt.NDArray[np.uint8]]:
            listed, read = itertools.tee(sources)
            for source, (image, error, filled) in zip(listed, prefetch(self._load, read), strict=True):
                waiting.append(Described(source, None, error, filled))
                if image is not None:
                    yield from tta_images(image, self.test_views)

        rows = itertools.chain.from_iterable(self._forward()(images()))
        while views := list(itertools.islice(rows, self.test_views)):
            while waiting[0].error:
                yield waiting.popleft()
            features = mean_feature(views).astype(np.float16)  # as those are stored that the heads learned from
            yield waiting.popleft()._replace(features=features)
        yield from waiting

    def _answers(self, features: npt.NDArray[np.float16]) -> Iterator[Prediction]:
        """Yield what is said of the images of some features, without their names."""
        probabilities: exact.Floats = mean_probabilities(self.heads, features)
        distances = self.reference.distances(features, self.decision.neighbors)
        answers = answer(self.decision, probabilities, distances)
        classes = self.decision.classes
        for row, members, distance, reason in zip(*answers, strict=True):
            inside = [name for name, is_in in zip(classes, members, strict=True) if is_in]
            label = classes[int(row.argmax())]
            yield Prediction("", label, row.round(4).tolist(), inside, round(float(distance), 4), reason, "", 0.0)

    def _load(self, source: Source) -> tuple[npt.NDArray[np.uint8] | None, str, float]:
        """Return (image, "", share that the cell covers) of a source, or (None, why it can't be read, 0)."""
        seen, error = self._look(source)
        return (None, error, 0.0) if seen is None else (resize(seen, self.size), "", foreground_share(seen))

    def _look(self, source: Source) -> tuple[npt.NDArray[np.uint8] | None, str]:
        """Return (what is looked at of a source, ""), or (None, why it can't be read)."""
        try:
            pixels, _ = decode(source.read(), suffix=source.suffix)
        except BadImage as error:
            return None, str(error)
        except DAMAGE as error:
            return None, getattr(error, "strerror", None) or str(error) or type(error).__name__
        return central(pixels, self.crop), ""
