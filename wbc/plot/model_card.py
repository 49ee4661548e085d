"""The model card of the deployed classifier: its scores, its calibration, and when it abstains."""

from pathlib import Path
from typing import NamedTuple

from wbc.common.files import replacing
from wbc.plot import comparison, drawing, figures
from wbc.plot.params import ReportParams
from wbc.plot.pictures import note_of
from wbc.plot.rendering import render, word
from wbc.plot.results import Run
from wbc.split.schemes import CROSSVAL

CARD, FIGURES = "model_card.md", "model_card"  # the page, and the folder of its figures beside it


class Change(NamedTuple):
    """A measure of calibration, lower is better."""

    before: float  # of the uncalibrated probabilities
    after: float


class Abstention(NamedTuple):
    """The answers to images that show none of the classes; to abstain is right."""

    images: int
    abstained: float  # share of them, 0-1
    ood: float  # share found out of distribution


class Deployed(NamedTuple):
    """The deployed classifier's answers, measured on out-of-fold predictions, each group counting once."""

    temperature: float
    coverage_asked: float  # share of the images of new groups whose prediction set must hold the true class
    coverage: float  # the share that was measured
    set_size: float  # mean number of classes in a set
    ood: float  # share of the images of known classes that are found out of distribution
    accuracy: float
    answered: float  # share of the images that it doesn't abstain from
    accuracy_answered: float | None  # None if it abstains from all
    ece: Change  # expected calibration error
    log_loss: Change
    risk: dict[float, float]  # {share of the images answered, the most confident first: share of mistakes among them}
    reliability: list[dict[str, float]]  # bins with confidence, accuracy and weight, see `wbc.export.calibration`
    negatives: dict[str, Abstention]  # {kind of image without a cell: answers}


def render_model_card(run: Run, deployed: Deployed, report: ReportParams) -> str:
    """Return the model card as Markdown; its links are those of a page in reports/.

    Args:
        run: the run that trained the classifier, see `Run.load`.
        deployed: what the stage `export` measured.
        report: section `report` of params.yaml.
    """
    unit = run.unit(report.unit)
    return render(
        "model_card.md.j2",
        run=run,
        deployed=deployed,
        report=report,
        unit=unit,
        titles=comparison.titles(unit, run.split["own_parts"]),
        averages=comparison.averages(run.metrics),
        verdicts=comparison.against_baselines(run.metrics[CROSSVAL]),
        figures=FIGURES,
    )


def save_model_card(run: Run, deployed: Deployed, report: ReportParams, folder: Path) -> None:
    """Write model_card.md into a folder, and its figures into model_card/ beside it; see `render_model_card`."""
    note, titles = note_of(run, report.note), word("TITLES")
    with replacing(folder / FIGURES) as partial:
        partial.mkdir()
        bins, ece = deployed.reliability, deployed.ece
        drawing.save(
            figures.reliability(bins, ece.before, ece.after, titles["reliability"], note), partial / "reliability.svg"
        )
        drawing.save(figures.risk_coverage(deployed.risk, titles["risk"], note), partial / "risk.svg")
    with replacing(folder / CARD) as partial:
        partial.write_text(render_model_card(run, deployed, report), encoding="utf-8", newline="\n")
