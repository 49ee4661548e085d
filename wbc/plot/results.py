"""The results of a run, as the report and the cards read them."""

from pathlib import Path
from typing import Any, NamedTuple, Self

import pandas as pd

from wbc.common.files import read_json, sha256
from wbc.common.tables import read_csv
from wbc.split.schemes import CROSSVAL, HOLDOUTS
from wbc.split.table import Splits

SHOWN = (CROSSVAL, *reversed(HOLDOUTS))  # the schemes in the order of the report: the recommended estimate first


class Run(NamedTuple):
    """All that a run has recorded of itself, without tables of images."""

    fetch: dict[str, Any]  # data/fetch.json
    features: dict[str, Any]  # data/features/features.json
    split: dict[str, Any]  # "split" of reports/details.json, see `wbc.split.audit`
    truth: dict[str, Any]  # "truth" of it: {"known": False}, or what `wbc.evaluate.truth` returns
    training: dict[str, dict[str, Any]]  # models/heads/training.json: {scheme: facts}
    metrics: dict[str, dict[str, Any]]  # {scheme: reports/<scheme>/metrics.json} in the order of `SHOWN`

    @classmethod
    def load(cls, data: Path, models: Path, reports: Path) -> Self:
        """Read the run's records from its three folders."""
        details = read_json(reports / "details.json")
        return cls(
            read_json(data / "fetch.json"),
            read_json(data / "features" / "features.json"),
            {"shared_groups": {}, "overlap": None} | details["split"],
            details["truth"],
            read_json(models / "heads" / "training.json"),
            {scheme: read_json(reports / scheme / "metrics.json") for scheme in SHOWN},
        )

    @property
    def classes(self) -> list[str]:
        """The class names, sorted."""
        return sorted(self.fetch["classes"])

    def unit(self, cell: str) -> str:
        """Return the word for what is never divided: the widest kind of given groups, else `cell`."""
        return cell if self.split["level"] == "photograph" else self.split["level"]


class Scored(NamedTuple):
    """The tables of one scheme."""

    predictions: pd.DataFrame  # reports/<scheme>/predictions.csv
    roc: pd.DataFrame  # roc.csv
    pr: pd.DataFrame  # pr.csv
    history: pd.DataFrame | None  # models/heads/<scheme>/history.csv; the heads of the cross-validation have none
    sha256: str  # of predictions.csv


class Results(NamedTuple):
    """A run with its tables."""

    run: Run
    splits: pd.DataFrame  # data/splits.csv
    label_errors: pd.DataFrame  # reports/label_errors.csv
    scored: dict[str, Scored]  # by scheme, in the order of `SHOWN`

    @classmethod
    def load(cls, data: Path, models: Path, reports: Path) -> Self:
        """Read everything that the report shows, but the images."""
        scored = {}
        for scheme in SHOWN:
            folder = reports / scheme
            tables = [read_csv(folder / f"{name}.csv") for name in ("predictions", "roc", "pr")]
            history = None if scheme == CROSSVAL else read_csv(models / "heads" / scheme / "history.csv")
            scored[scheme] = Scored(tables[0], tables[1], tables[2], history, sha256(folder / "predictions.csv"))
        label_errors = read_csv(reports / "label_errors.csv")
        return cls(Run.load(data, models, reports), Splits.load(data).table, label_errors, scored)
