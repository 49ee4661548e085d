"""plot: draw the figures and write the reports, reports/README.md for GitHub and reports/index.html for a browser.

    python -m stages.plot

Reads what every other stage wrote; writes only pictures and text, so that a change of style reruns nothing else.
"""

from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import Field

from stages.lib import figures, images, report
from stages.lib.errors import speaks_to_people
from stages.lib.files import read_json, replacing
from stages.lib.params import Section, load

RAW = Path("data/raw")
REPORTS = Path("reports")
FIGURES = REPORTS / "figures"


class Plot(Section):
    """Section `plot` of params.yaml."""

    # Each runs from light to dark in one direction, so that it reads in grey print and with every colour vision.
    colormap: Literal["Blues", "Greens", "Greys", "Oranges", "Purples"]
    mistakes: int = Field(ge=0, le=60)  # shown a protocol; 0 keeps pictures of the cells out of the report, and of Git


@speaks_to_people
def main():
    params = load("params.yaml", "plot", Plot)
    fetch, features = read_json("data/fetch.json"), read_json("data/features/features.json")
    splits = _csv("data/splits.csv")
    results = {protocol: _results(REPORTS / protocol) for protocol in report.PROTOCOLS}
    content = report.context(fetch, splits, features, results, params.mistakes)
    with replacing(FIGURES) as folder:
        folder.mkdir()
        for protocol, result in results.items():
            _draw(folder, protocol, result, content, params)
        metrics = {protocol: result["metrics"] for protocol, result in results.items()}
        scores = report.recalls(metrics, content["classes"], fetch)
        figures.save(
            figures.recalls(scores, "Recall of each class, by protocol", content["label"]), folder / "recall.svg"
        )
    for template, page in (("report.md.j2", "README.md"), ("report.html.j2", "index.html")):
        text = report.render(template, FIGURES, **content)
        with replacing(REPORTS / page) as partial:
            partial.write_text(text, encoding="utf-8", newline="\n")


def _draw(folder, protocol, result, content, params):
    """Draw the figures of one protocol, as `folder`/PROTOCOL_KIND.svg."""
    classes, note = content["classes"], content["label"]
    titles = {
        kind: f"{title}, protocol {protocol} ({report.PROTOCOLS[protocol]})"
        for kind, (title, _) in report.FIGURES.items()
    }
    predictions, per_class = result["predictions"], result["metrics"]["per_class"]
    auc = {name: per_class.get(name, {}).get("auc") for name in classes}
    prevalence = {name: float((predictions["label"] == name).mean()) for name in classes}
    drawn = {
        "confusion": figures.confusion(
            predictions["label"], predictions["predicted"], classes, titles["confusion"], note, params.colormap
        ),
        "history": figures.history(result["history"], result["training"]["best_epoch"], titles["history"], note),
        "roc": figures.roc(result["roc"], auc, titles["roc"], note),
        "pr": figures.pr(result["pr"], prevalence, titles["pr"], note),
    }
    for kind, figure in drawn.items():
        figures.save(figure, folder / f"{protocol}_{kind}.svg")
    size = content["features"]["image_size"]  # the pictures as the classifier sees them
    thumbnails = [
        (
            images.resize(images.decode(RAW / row["path"])[0], size),
            *(row[key] for key in ("label", "predicted", "probability")),
        )
        for row in content["results"][protocol]["mistakes"]
    ]
    if thumbnails:
        figures.save(figures.mistakes(thumbnails, titles["mistakes"], note), folder / f"{protocol}_mistakes.png")


def _results(folder):
    """Read what `train` and `evaluate` wrote for one protocol."""
    return {
        "metrics": read_json(folder / "metrics.json"),
        "training": read_json(folder / "training.json"),
        **{name: _csv(folder / f"{name}.csv") for name in ("predictions", "roc", "pr", "history")},
    }


def _csv(path):
    # A class may be called "1", "NA" or "None": names stay text.
    names = dict.fromkeys(("path", "label", "predicted", "class"), str)
    return pd.read_csv(path, dtype=names, keep_default_na=False)


if __name__ == "__main__":
    main()
