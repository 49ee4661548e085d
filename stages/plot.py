"""plot: draw the figures and write the report and the data card.

    python -m stages.plot

The report is reports/README.md for GitHub and reports/index.html for a browser; reports/data_card.md describes the
images. Reads the results of the stages from fetch to evaluate, and the images that it shows. The heat maps of
misclassified images also need the heads and the backbone. Each figure is drawn once and written twice: as a file in
reports/figures/, and as a part of the page in its colors.
"""

from pathlib import Path

from wbc.common.errors import exit_on_user_error
from wbc.common.files import replacing
from wbc.common.params import load
from wbc.plot.params import PlotParams, ReportParams
from wbc.plot.pictures import Pictures, maps_of_mistakes
from wbc.plot.rendering import render, word
from wbc.plot.report import build
from wbc.plot.results import Results

DATA, MODELS, REPORTS = Path("data"), Path("models"), Path("reports")
PAGES = {"report.md.j2": "README.md", "report.html.j2": "index.html", "data_card.md.j2": "data_card.md"}


@exit_on_user_error
def main() -> None:
    """Draw the figures and write the pages."""
    plot = load("params.yaml", "plot", PlotParams)
    results = Results.load(DATA, MODELS, REPORTS)
    report = build(results, plot, load("params.yaml", "report", ReportParams))
    images = DATA / "images"
    maps = maps_of_mistakes(report, results, images)
    with replacing(REPORTS / "figures") as folder:
        folder.mkdir()
        pictures = Pictures(report, results, images, maps).save(folder)
    for template, page in PAGES.items():
        with replacing(REPORTS / page) as partial:
            partial.write_text(render(template, **report.content, **pictures), encoding="utf-8", newline="\n")
    print(f"wrote {', '.join(str(REPORTS / page) for page in PAGES.values())} and {len(pictures['files'])} figures")
    print(f"recommended estimate of the balanced accuracy: {word('plain', report.recommended)}")


if __name__ == "__main__":
    main()
