"""plot: draw the figures and write the report and the cards.

    python -m stages.plot

The report is reports/README.md for GitHub and reports/index.html for a browser; the cards, of the classifiers and of
the data, are reports/model_card.md and reports/data_card.md.

Reads what every other stage wrote; writes only pictures and text, so that a change of style reruns nothing else. A
figure is drawn once and written twice: as a file with a heading of its own, and as a part of the page in its colors.
"""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from wbc.common import images
from wbc.common.errors import exit_on_user_error
from wbc.common.files import read_json, replacing, sha256
from wbc.common.params import load
from wbc.common.tables import read_csv
from wbc.plot import drawing, figures, report
from wbc.plot.overlay import lit
from wbc.plot.params import PlotParams
from wbc.plot.rendering import picture, render
from wbc.split.schemes import CROSSVAL, SCHEMES

RAW = Path("data/images")
REPORTS = Path("reports")
FIGURES = REPORTS / "figures"
PAGES = {
    "report.md.j2": "README.md",
    "report.html.j2": "index.html",
    "model_card.md.j2": "model_card.md",
    "data_card.md.j2": "data_card.md",
}
PICTURE = 96  # pixels a side of a cell in the page; a file's are as large as the classifier sees them


@exit_on_user_error
def main() -> None:
    """Draw the figures and write the pages."""
    params = load("params.yaml", "plot", PlotParams)
    results = {protocol: _results(protocol) for protocol in reversed(SCHEMES)}  # the one to believe first
    run = report.Run(
        read_json("data/fetch.json"),
        read_json("data/features/features.json"),
        read_csv("data/splits.csv"),
        read_json("reports/audit.json"),
        read_json("reports/truth.json"),
        read_json("reports/use.json"),
        read_json("reports/strangers.json"),
        read_csv("reports/reliability.csv").to_dict("records"),
        read_csv("reports/suspects.csv").to_dict("records"),
        results,
    )
    content = report.context(run, params.mistakes, params.min_cells)
    content["heat_maps"] = read_json("reports/heat_maps.json")
    sets = content["audit"]["largest_groups"][: params.near_duplicates]
    drawings = {}
    with replacing(FIGURES) as folder:
        folder.mkdir()
        for name, figure in _draw_plots(content, results, params):
            drawing.save(figure, folder / f"{name}.svg")
            drawings[name] = drawing.inline(figure, folder / f"{name}.svg", name)
        for name, figure in _draw_pictures(content, sets):
            drawing.save(figure, folder / f"{name}.png")
        content |= {"drawings": drawings, "sets": sets, "files": {path.name for path in folder.iterdir()}}
    content["pictures"] = {path: picture(_pixels(path, PICTURE)) for path in _shown(content)}
    content["lit"] = {
        protocol: {row["path"]: picture(_lit(content, protocol, row["path"], PICTURE)) for row in result["mistakes"]}
        for protocol, result in content["results"].items()
    }
    for template, page in PAGES.items():
        with replacing(REPORTS / page) as partial:
            partial.write_text(render(template, **content), encoding="utf-8", newline="\n")


def _draw_plots(content: dict[str, Any], results: dict[str, Any], params: PlotParams) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of everything that is drawn from numbers."""
    note, unit, use = content["label"], content["unit"], content["use"]
    counts = {name: (facts["images"], facts["groups"]) for name, facts in content["audit"]["classes"].items()}
    yield "composition", figures.composition(counts, f"Images, and the {unit}s that they show", note, unit)
    yield "recall", figures.recalls(content["recalls"], f"Recall of each class, each {unit} counting once", note)
    bins, error = content["reliability"], use["ece"]
    title = f"{report.FIGURES['reliability'][0]}, {content['protocols'][CROSSVAL]}"
    yield "reliability", figures.reliability(bins, error["before"], error["after"], title, note)
    risk = {float(part.removesuffix(" %")) / 100: share for part, share in use["risk"].items()}
    yield "risk", figures.risk_coverage(risk, f"{report.FIGURES['risk'][0]}, {content['protocols'][CROSSVAL]}", note)
    for protocol, result in results.items():
        for kind, figure in _draw_scores(protocol, result, content, params):
            yield f"{protocol}_{kind}", figure


def _draw_scores(
    protocol: str, result: dict[str, Any], content: dict[str, Any], params: PlotParams
) -> Iterator[tuple[str, Figure]]:
    """Yield (kind, figure) of the scores by one protocol."""
    classes, note = content["classes"], content["label"]
    titles = {kind: f"{title}, {content['protocols'][protocol]}" for kind, (title, _) in report.FIGURES.items()}
    predictions, per_class = result["predictions"], content["results"][protocol]["per_class"]
    named = (predictions["label"], predictions["predicted"], predictions["group"])
    yield "confusion", figures.confusion(*named, classes, titles["confusion"], note, params.colormap, content["unit"])
    auc = {name: row["auc"].few or f"AUC {row['auc'].text}" for name, row in per_class.items()}
    yield "roc", figures.roc(result["roc"], auc, titles["roc"], note)
    prevalence = {name: float((predictions["label"] == name).mean()) for name in classes}
    precision = {name: row["average_precision"] for name, row in per_class.items()}
    yield "pr", figures.pr(result["pr"], prevalence, precision, titles["pr"], note)
    if "history" in result:
        best_epoch = result["training"]["best_epoch"]
        yield "history", figures.history(result["history"], best_epoch, titles["history"], note)


def _draw_pictures(content: dict[str, Any], sets: list[dict[str, Any]]) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of everything that shows cells."""
    note, size = content["label"], content["features"]["image_size"]
    if sets:
        rows = [
            (group["label"], group["images"], [_pixels(path, size) for path in group["examples"]]) for group in sets
        ]
        yield "near_duplicates", figures.near_duplicates(rows, "Largest sets of near-duplicates", note)
    for protocol, result in content["results"].items():
        thumbnails = [
            (
                np.concatenate([_pixels(row["path"], size), _lit(content, protocol, row["path"], size)], axis=1),
                *(row[key] for key in ("label", "predicted", "probability")),
            )
            for row in result["mistakes"]
        ]
        if thumbnails:
            title = f"{report.FIGURES['mistakes'][0]}, {content['protocols'][protocol]}"
            yield f"{protocol}_mistakes", figures.mistakes(thumbnails, title, note)


def _shown(content: dict[str, Any]) -> list[str]:
    """Return the paths of all images of which the page shows a picture."""
    paths = {path for group in content["sets"] for path in group["examples"]}
    paths |= {row["path"] for row in content["suspects"]}
    for result in content["results"].values():
        paths |= {row["path"] for row in result["mistakes"]}
        squares = [square for row in result["confusion"] for square in row["squares"]]
        paths |= {example["path"] for square in squares for example in square["examples"]}
    return sorted(paths)


@functools.lru_cache(1024)  # the page shows most pictures that the figures show
def _pixels(path: str, size: int) -> npt.NDArray[np.uint8]:
    """Return an image as the classifier sees it, uint8 (size, size, 3)."""
    return images.resize(images.decode(RAW / path)[0], size)


def _lit(content: dict[str, Any], protocol: str, path: str, size: int) -> npt.NDArray[np.uint8]:
    """Return an image of that size, lit where it speaks for the class that it was given."""
    return lit(_pixels(path, size), content["heat_maps"][protocol][path])


def _results(protocol: str) -> dict[str, Any]:
    """Read what was written of one protocol; of the cross-validation's many heads, no epochs were."""
    folder = REPORTS / protocol
    tables = {name: read_csv(folder / f"{name}.csv") for name in ("predictions", "roc", "pr")}
    if protocol != CROSSVAL:
        tables["history"] = read_csv(folder / "history.csv")
    return {
        "metrics": read_json(folder / "metrics.json"),
        "training": read_json(folder / "training.json"),
        "sha256": sha256(folder / "predictions.csv"),
        **tables,
    }


if __name__ == "__main__":
    main()
