"""The figures of a report, the heat maps of its mistakes, and the pictures inside its page."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from wbc.common.images import decode, resize
from wbc.common.progress import track
from wbc.plot import drawing, figures
from wbc.plot.heat_maps import HeatMaps
from wbc.plot.overlay import lit
from wbc.plot.rendering import picture, word
from wbc.plot.report import Report
from wbc.plot.results import Results, Run
from wbc.split.schemes import CROSSVAL

Maps = dict[str, npt.NDArray[np.float64]]  # {path: map}, see `HeatMaps.map`

SIDE = 96  # pixels of a picture in the page; pictures in files have the classifier's input size


def note_of(run: Run, note: str | None) -> str:
    """Return the note on every figure: a warning of drawn cells, and the project's own note."""
    return " ".join(filter(None, (word("SYNTHETIC") + "." if run.fetch["synthetic"] else "", note)))


def maps_of_mistakes(report: Report, results: Results, images: Path) -> dict[str, Maps]:
    """Return heat maps of the mistakes in the report, for the predicted class, by the heads that predicted it.

    Args:
        report: its numbers.
        results: the backbone and the heads, which are read only if there is a mistake to show.
        images: folder of the images.

    Returns:
        {scheme: {path: map}}.
    """
    features, heads = results.features, results.heads
    of_fold = functools.cache(heads.of_fold)  # several mistakes are of one fold
    maps: dict[str, Maps] = {scheme: {} for scheme in report.schemes}
    mistakes = [(scheme, row) for scheme, shown in report.schemes.items() for row in shown.mistakes]
    if not mistakes:
        return maps
    maker = HeatMaps(features.graph, features.image_size, features.facts["tta_views"])
    for scheme, row in track(mistakes, "plot", unit="heat maps"):
        made_by = of_fold(row["fold"]) if scheme == CROSSVAL else [heads.head(scheme)]
        image = resize(decode(images / row["path"])[0], features.image_size)
        maps[scheme][row["path"]] = maker.map(image, made_by, report.classes.index(row["predicted"]))
    return maps


class Pictures:
    """Draws the figures and pictures of one report.

    Args:
        report: its numbers.
        results: the tables behind them.
        images: folder of the images.
        maps: {scheme: {path: heat map}} of the mistakes that are shown.
    """

    def __init__(self, report: Report, results: Results, images: Path, maps: dict[str, Maps]) -> None:
        self._report, self._results, self._images, self._maps = report, results, images, maps
        self._note = note_of(report.run, report.report.note)
        self._pixels = functools.lru_cache(1024)(self._read)  # the page shows most pictures that the figures show

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the figures into an empty folder, and return the variables of the templates that hold pictures.

        Returns:
            {"drawings": {figure: SVG element}, "files": names in the folder, "pictures": {path: address}, "lit":
            {scheme: {path: address}} of mistakes under their heat maps}.
        """
        drawings = {}
        for name, figure in self._plots():
            drawing.save(figure, folder / f"{name}.svg")
            drawings[name] = drawing.inline(figure, folder / f"{name}.svg", name)
        for name, figure in self._photographs():
            drawing.save(figure, folder / f"{name}.png")
        return {
            "drawings": drawings,
            "files": {path.name for path in folder.iterdir()},
            "pictures": {path: picture(self._pixels(path, SIDE)) for path in self._shown()},
            "lit": {
                scheme: {row["path"]: picture(self._lit(scheme, row["path"], SIDE)) for row in shown.mistakes}
                for scheme, shown in self._report.schemes.items()
            },
        }

    def _plots(self) -> Iterator[tuple[str, Figure]]:
        """Yield (name, figure) of everything that is drawn from numbers."""
        report, note = self._report, self._note
        titles = word("TITLES")
        counts = {name: (facts["images"], facts["groups"]) for name, facts in report.run.split["classes"].items()}
        yield "composition", figures.composition(counts, word("composition_title", report.unit), note, report.unit)
        names = report.titles | {"published": word("published_series", report.whose)}
        series = {
            names[key]: {word("MEAN") if name == "mean" else name: score for name, score in row.items()}
            for key, row in report.series.items()
        }
        yield "recall", figures.recalls(series, titles["recall"], word("recall_key", report.unit), note)
        for scheme, scored in self._results.scored.items():
            shown = report.schemes[scheme]
            title = {kind: f"{text}, {report.titles[scheme]}" for kind, text in titles.items()}
            predictions = scored.predictions
            named = (predictions["label"], predictions["predicted"], predictions["group"])
            yield (
                f"{scheme}_confusion",
                figures.confusion(*named, report.classes, title["confusion"], note, report.plot.colormap, report.unit),
            )
            auc = {name: word("auc", scores.metrics["auc"], report.unit) for name, scores in shown.classes.items()}
            yield f"{scheme}_roc", figures.roc(scored.roc, auc, title["roc"], note)
            prevalence = {name: float((predictions["label"] == name).mean()) for name in report.classes}
            precision = {name: scores.average_precision for name, scores in shown.classes.items()}
            yield f"{scheme}_pr", figures.pr(scored.pr, prevalence, precision, title["pr"], note)
            if scheme != CROSSVAL:
                history, epoch = self._results.heads.history(scheme), shown.training["best_epoch"]
                yield f"{scheme}_history", figures.history(history, epoch, title["history"], note)

    def _photographs(self) -> Iterator[tuple[str, Figure]]:
        """Yield (name, figure) of everything that shows cells."""
        report, size = self._report, self._results.features.image_size
        titles = word("TITLES")
        if report.sets:
            rows = [
                (found["label"], found["images"], [self._pixels(path, size) for path in found["examples"]])
                for found in report.sets
            ]
            yield "near_duplicates", figures.near_duplicates(rows, titles["near_duplicates"], self._note)
        for scheme, shown in report.schemes.items():
            thumbnails = [
                (
                    np.concatenate([self._pixels(row["path"], size), self._lit(scheme, row["path"], size)], axis=1),
                    *(row[key] for key in ("label", "predicted", "probability")),
                )
                for row in shown.mistakes
            ]
            if thumbnails:
                title = f"{titles['mistakes']}, {report.titles[scheme]}"
                yield f"{scheme}_mistakes", figures.mistakes(thumbnails, title, self._note)

    def _shown(self) -> list[str]:
        """Return the paths of all images that the page shows."""
        paths = {path for found in self._report.sets for path in found["examples"]}
        paths |= {row["path"] for row in self._report.shown_errors}
        for shown in self._report.schemes.values():
            paths |= {row["path"] for row in shown.mistakes}
            squares = [square for row in shown.confusion for square in row["squares"]]
            paths |= {example["path"] for square in squares for example in square["examples"]}
        return sorted(paths)

    def _read(self, path: str, size: int) -> npt.NDArray[np.uint8]:
        """Return an image as the classifier sees it, uint8 (size, size, 3)."""
        return resize(decode(self._images / path)[0], size)

    def _lit(self, scheme: str, path: str, size: int) -> npt.NDArray[np.uint8]:
        """Return an image of that size, bright where it is evidence for the predicted class."""
        return lit(self._pixels(path, size), self._maps[scheme][path])
