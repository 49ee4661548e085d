"""The model card of the deployed classifier: its scores, its calibration, and when it abstains."""

from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from wbc.common.files import replacing
from wbc.plot import comparison, figures
from wbc.plot.drawing import save
from wbc.plot.params import ReportParams
from wbc.plot.pictures import note_of
from wbc.plot.rendering import render, word
from wbc.plot.results import Run
from wbc.split.schemes import CROSSVAL

FIGURES = "model_card"  # folder of the card's figures, next to the card


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
    """Return the model card as Markdown; its links start from reports/.

    Args:
        run: the run that trained the classifier; of its metrics, the cross-validation's are needed.
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


def save_model_card(folder: Path, run: Run, deployed: Deployed, report: ReportParams) -> None:
    """Write model_card.md and its figures, model_card/*.svg, into a folder of reports; see `render_model_card`."""
    with replacing(folder / FIGURES) as partial:
        partial.mkdir()
        for name, figure in draw_figures(run, deployed, report).items():
            save(figure, partial / f"{name}.svg")
    page = render_model_card(run, deployed, report)
    with replacing(folder / "model_card.md") as partial:
        partial.write_text(page, encoding="utf-8", newline="\n")


def draw_figures(run: Run, deployed: Deployed, report: ReportParams) -> dict[str, Figure]:
    """Return the figures of the card by the names of their files, without ending: reliability and risk."""
    note, titles = note_of(run, report.note), word("TITLES")
    before, after = deployed.ece
    return {
        "reliability": figures.reliability(deployed.reliability, before, after, titles["reliability"], note),
        "risk": figures.risk_coverage(deployed.risk, titles["risk"], note),
    }
