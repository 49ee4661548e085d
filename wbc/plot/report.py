"""The numbers of the report and of the data card, as their templates take them."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from wbc.evaluate.results import Result
from wbc.plot import comparison
from wbc.plot.comparison import CLASS_METRICS, NEEDS_CELLS, Estimate, Gap, Row, Verdict, estimate, lookup
from wbc.plot.mistakes import confusion_squares, one_per_group, wrong
from wbc.plot.original_study import ORIGINAL, same_classes, whose
from wbc.plot.params import PlotParams, ReportParams
from wbc.plot.results import Results, Run
from wbc.split.schemes import CROSSVAL, HOLDOUTS, PARTS


class ClassScores(NamedTuple):
    """The scores of a class by one scheme, each image counting once."""

    metrics: dict[str, Estimate]  # by the names of `CLASS_METRICS`
    average_precision: float | None
    images: int
    cells: int


class Scheme(NamedTuple):
    """The numbers of one scheme in the report."""

    images: int  # scored ones
    groups: int  # scored ones
    right: int  # images classified correctly
    wrong: int
    worst: tuple[str, str, int] | None  # the most frequent mistake: true class, predicted class, images
    classes: dict[str, ClassScores]
    metrics: list[str]  # of CLASS_METRICS, those that are estimable for at least one class
    confusion: list[dict[str, Any]]  # see `mistakes.confusion_squares`
    mistakes: list[dict[str, Any]]  # rows of predictions.csv that are shown, one per group
    mistaken_groups: int
    training: dict[str, Any]  # see `Heads.facts`

    @property
    def undefined(self) -> bool:
        """Return whether a metric that is shown isn't defined for some class."""
        shown = (scores.metrics[key] for scores in self.classes.values() for key in self.metrics)
        return any(score.value is None and score.few is None for score in shown)


@dataclasses.dataclass(frozen=True)
class Report:
    """All numbers of the report; the templates get them by these names."""

    report: ReportParams
    plot: PlotParams
    run: Run
    unit: str  # see `Run.unit`
    classes: list[str]
    titles: dict[str, str]  # {scheme: its name}, the recommended one first
    schemes: dict[str, Scheme]
    recommended: Estimate  # balanced accuracy, cross-validated by group, each cell counting once
    gap: Gap
    verdicts: list[Verdict]
    averages: list[Row]
    recalls: list[Row]
    baselines: list[Row]
    averages_by_image: list[Row]
    recalls_by_image: list[Row]
    recall_schemes: list[str]  # those by which the recall of at least one class is estimable
    few: list[str]  # classes whose recall is not estimable by one of these schemes
    published: dict[str, Any] | None  # the original study's scores, where its classes are these
    whose: str  # whose images these are, see `original_study.whose`
    parts: dict[str, dict[str, dict[str, int]]]  # see `parts`
    label_errors: list[dict[str, Any]]  # rows of label_errors.csv, the most doubtful first
    too_small: bool  # whether the cells are smaller in these images than in the backbone's training images
    too_large: bool
    sha256: str  # of the cross-validation's predictions.csv

    @property
    def left_out(self) -> list[str]:
        """Return the names of the schemes by which no recall is estimable."""
        return [title for scheme, title in self.titles.items() if scheme not in self.recall_schemes]

    @property
    def totals(self) -> dict[str, list[int]]:
        """Return the images in each part, {scheme: [train, valid, test]}."""
        return {
            scheme: [sum(of_class[scheme][part] for of_class in self.parts.values()) for part in PARTS]
            for scheme in HOLDOUTS
        }

    @property
    def shown_errors(self) -> list[dict[str, Any]]:
        """Return the label errors of which the report shows a picture."""
        return self.label_errors[: self.plot.mistakes]

    @property
    def sets(self) -> list[dict[str, Any]]:
        """Return the sets of near-duplicates that the report shows."""
        return self.run.split["largest_groups"][: self.plot.near_duplicates]

    @property
    def series(self) -> dict[str, dict[str, Estimate]]:
        """Return the recall of each class and their mean by scheme, and by the original study: {scheme: {class: …}}."""
        rows = [*self.recalls, self.averages[0]._replace(key="mean")]
        series = {scheme: {row.key: row.scores[scheme] for row in rows} for scheme in self.titles}
        if self.published is None:
            return series
        recalls = {name: Estimate(self.published["per_class"][name]["recall"]) for name in self.classes}
        return series | {"published": recalls | {"mean": Estimate(self.published["balanced_accuracy"])}}

    @property
    def content(self) -> dict[str, Any]:
        """Return the variables of the templates."""
        names = [field.name for field in dataclasses.fields(self)]
        return {name: getattr(self, name) for name in (*names, "left_out", "totals", "shown_errors", "sets", "series")}


def build(results: Results, plot: PlotParams, report: ReportParams) -> Report:
    """Return the report on a run."""
    run = results.run
    metrics, split, classes, unit = run.metrics, run.split, run.classes, run.unit(report.unit)
    units = {tuple(facts["units"]) for facts in run.training.values()}
    typical, trained = split["foreground"]["typical"], run.features["weights_foreground"] or (0, 1)
    recalls = comparison.recalls(metrics, classes, plot.min_cells)
    shown = comparison.estimable(recalls)
    return Report(
        report=report,
        plot=plot,
        run=run,
        unit=unit,
        classes=classes,
        titles=comparison.titles(unit, split["own_parts"]),
        schemes={name: _scheme(run, name, scored, plot) for name, scored in results.scored.items()},
        recommended=estimate(metrics[CROSSVAL], "cells", "balanced_accuracy"),
        gap=comparison.gap(metrics, split["leak"]["image"], split["shared_groups"]["image"], len(units) == 1),
        verdicts=comparison.against_baselines(metrics[CROSSVAL]),
        averages=comparison.averages(metrics),
        recalls=recalls,
        baselines=comparison.baselines(metrics),
        averages_by_image=comparison.averages_by_image(metrics),
        recalls_by_image=comparison.recalls_by_image(metrics, classes, plot.min_cells),
        recall_schemes=shown,
        few=[row.key for row in recalls if any(row.scores[scheme].few is not None for scheme in shown)],
        published=ORIGINAL if same_classes(classes) else None,
        whose=whose(run.fetch),
        parts=parts(results.splits),
        label_errors=results.label_errors.to_dict("records"),
        too_small=typical < trained[0],
        too_large=typical > trained[1],
        sha256=results.sha256,
    )


def parts(splits: pd.DataFrame, schemes: Sequence[str] = HOLDOUTS) -> dict[str, dict[str, dict[str, int]]]:
    """Count the images of each class in each part, as {class: {scheme: {part: images}}}.

    Args:
        splits: data frame with the columns label and one of train/valid/test per scheme.
        schemes: those to count.
    """
    return {
        label: {scheme: {part: int((rows[scheme] == part).sum()) for part in PARTS} for scheme in schemes}
        for label, rows in splits.groupby("label", sort=True)
    }


def average_precision(curves: pd.DataFrame, name: str) -> float | None:
    """Return the average precision of a class: the mean precision, weighted by the recall that each step adds.

    Args:
        curves: data frame of pr.csv: class, recall (falling) and precision.
        name: of the class; the result is None if it has no curve.
    """
    curve = curves[curves["class"] == name]
    if not len(curve):
        return None
    return float(-np.sum(np.diff(curve["recall"]) * curve["precision"].to_numpy()[:-1]))


def _scheme(run: Run, scheme: str, scored: Result, plot: PlotParams) -> Scheme:
    predictions, metrics, classes = scored.predictions, run.metrics[scheme], run.classes
    mistakes, each_group = wrong(predictions), one_per_group(predictions)
    pairs = mistakes.groupby(["label", "predicted"]).size().sort_values(ascending=False, kind="stable")
    scores = {
        name: ClassScores(
            {key: estimate(metrics, "per_class", name, key, min_cells=plot.min_cells) for key in CLASS_METRICS},
            average_precision(scored.pr, name),
            lookup(metrics, "per_class", name, "support") or 0,
            comparison.cells(metrics, name),
        )
        for name in classes
    }
    estimable = any(entry.cells >= plot.min_cells for entry in scores.values())
    return Scheme(
        images=len(predictions),
        groups=predictions["group"].nunique(),
        right=len(predictions) - len(mistakes),
        wrong=len(mistakes),
        worst=next(((true, predicted, int(count)) for (true, predicted), count in pairs.items()), None),
        classes=scores,
        metrics=[key for key in CLASS_METRICS if estimable or key not in NEEDS_CELLS],
        confusion=confusion_squares(predictions, classes, pictures=plot.mistakes > 0),
        mistakes=each_group.head(plot.mistakes).to_dict("records"),
        mistaken_groups=len(each_group),
        training=run.training[scheme],
    )
