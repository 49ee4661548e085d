"""plot: draw the figures and write the reports, reports/README.md for GitHub and reports/index.html for a browser.

    python -m stages.plot

Reads what every other stage wrote; writes only pictures and text, so that a change of style reruns nothing else.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from wbc.core.errors import exit_on_user_error
from wbc.core.files import read_json, replacing
from wbc.core.params import Section, load
from wbc.core.protocols import CROSSVAL, SCHEMES
from wbc.core.tables import read_csv
from wbc.data import images
from wbc.reporting import figures, report

RAW = Path("data/raw")
REPORTS = Path("reports")
FIGURES = REPORTS / "figures"


class Plot(Section):
    """Section `plot` of params.yaml."""

    # Each runs from light to dark in one direction, so that it reads in gray print and with every color vision.
    colormap: Literal["Blues", "Greens", "Greys", "Oranges", "Purples"]
    mistakes: int = Field(ge=0, le=60)  # shown a protocol; 0 keeps pictures of the cells out of the report, and of Git
    near_duplicates: int = Field(ge=0, le=10)  # groups shown; 0 likewise
    min_cells: int = Field(ge=2, le=100)  # from fewer cells of a class its recall is called not estimable


@exit_on_user_error
def main():
    params = load("params.yaml", "plot", Plot)
    fetch, features = read_json("data/fetch.json"), read_json("data/features/features.json")
    splits, audit = read_csv("data/splits.csv"), read_json("reports/audit.json")
    truth = read_json("reports/truth.json")
    results = {protocol: _results(protocol) for protocol in reversed(SCHEMES)}  # the one to believe first
    content = report.context(fetch, splits, features, audit, truth, results, params.mistakes, params.min_cells)
    with replacing(FIGURES) as folder:
        folder.mkdir()
        _draw_images(folder, content, params)
        for protocol, result in results.items():
            _draw_scores(folder, protocol, result, content, params)
        recalls = figures.recalls(
            content["recalls"], f"Recall of each class, each {content['unit']} counting once", content["label"]
        )
        figures.save(recalls, folder / "recall.svg")
    for template, page in (("report.md.j2", "README.md"), ("report.html.j2", "index.html")):
        text = report.render(template, FIGURES, **content)
        with replacing(REPORTS / page) as partial:
            partial.write_text(text, encoding="utf-8", newline="\n")


def _draw_images(folder, content, params):
    """Draw what the images are: how many show how many cells, and the largest sets of near-duplicates."""
    note, audit = content["label"], content["audit"]
    counts = {name: (found["images"], found["groups"]) for name, found in audit["classes"].items()}
    figures.save(figures.composition(counts, "Images, and the cells that they show", note), folder / "composition.svg")
    groups = [
        (group["label"], group["images"], [_thumbnail(path, content) for path in group["examples"]])
        for group in audit["largest_groups"][: params.near_duplicates]
    ]
    if groups:
        figures.save(
            figures.near_duplicates(groups, "Largest sets of near-duplicates", note), folder / "near_duplicates.png"
        )


def _draw_scores(folder, protocol, result, content, params):
    """Draw the figures of one protocol, as `folder`/PROTOCOL_KIND.svg."""
    classes, note = content["classes"], content["label"]
    titles = {kind: f"{title}, {content['protocols'][protocol]}" for kind, (title, _) in report.FIGURES.items()}
    predictions, per_class = result["predictions"], content["results"][protocol]["per_class"]
    auc = {name: row["auc"].few or f"AUC {row['auc'].text}" for name, row in per_class.items()}
    prevalence = {name: float((predictions["label"] == name).mean()) for name in classes}
    drawn = {
        "confusion": figures.confusion(
            *(predictions[column] for column in ("label", "predicted", "group")),
            classes,
            titles["confusion"],
            note,
            params.colormap,
        ),
        "roc": figures.roc(result["roc"], auc, titles["roc"], note),
        "pr": figures.pr(result["pr"], prevalence, titles["pr"], note),
    }
    if "history" in result:
        best_epoch = result["training"]["best_epoch"]
        drawn["history"] = figures.history(result["history"], best_epoch, titles["history"], note)
    for kind, figure in drawn.items():
        figures.save(figure, folder / f"{protocol}_{kind}.svg")
    thumbnails = [
        (_thumbnail(row["path"], content), *(row[key] for key in ("label", "predicted", "probability")))
        for row in content["results"][protocol]["mistakes"]
    ]
    if thumbnails:
        figures.save(figures.mistakes(thumbnails, titles["mistakes"], note), folder / f"{protocol}_mistakes.png")


def _thumbnail(path, content):
    """The picture as the classifier sees it."""
    return images.resize(images.decode(RAW / path)[0], content["features"]["image_size"])


def _results(protocol):
    """Read what was written of one protocol; the cross-validation keeps no model, and so no training."""
    folder = REPORTS / protocol
    tables = {name: read_csv(folder / f"{name}.csv") for name in ("predictions", "roc", "pr")}
    if protocol != CROSSVAL:
        tables |= {"training": read_json(folder / "training.json"), "history": read_csv(folder / "history.csv")}
    return {"metrics": read_json(folder / "metrics.json"), **tables}


if __name__ == "__main__":
    main()
