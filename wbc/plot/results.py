"""The results of a run, as the report and the cards read them."""

from pathlib import Path
from typing import Any, NamedTuple, Self

import pandas as pd

from wbc.common.files import read_json, sha256
from wbc.common.tables import read_csv
from wbc.embed.features import Features
from wbc.evaluate.results import Details, Result
from wbc.split.schemes import CROSSVAL, HOLDOUTS
from wbc.train.heads import Heads

SHOWN = (CROSSVAL, *reversed(HOLDOUTS))  # the schemes in the order of the report: the recommended estimate first


class Run(NamedTuple):
    """The records of a run, without tables of images."""

    fetch: dict[str, Any]  # content of data/fetch.json, see `wbc.fetch.record`
    features: dict[str, Any]  # see `Features.facts`
    split: dict[str, Any]  # see `wbc.split.audit`
    truth: dict[str, Any]  # {"known": False}, or what `wbc.evaluate.truth` returns
    training: dict[str, dict[str, Any]]  # see `Heads.facts`
    metrics: dict[str, dict[str, Any]]  # {scheme: see `Result.metrics`}, the recommended estimate first

    @property
    def classes(self) -> list[str]:
        """Return the class names, sorted."""
        return sorted(self.fetch["classes"])

    @property
    def overlap(self) -> dict[str, Any]:
        """Return the scores over the images that did not train the backbone; {} where none did."""
        return self.metrics[CROSSVAL].get("overlap", {})

    def unit(self, cell: str) -> str:
        """Return the word for a group: the widest kind of given groups, else `cell`."""
        return cell if self.split["level"] == "photograph" else self.split["level"]


class Results(NamedTuple):
    """A run with its tables."""

    run: Run
    features: Features
    heads: Heads
    splits: pd.DataFrame  # data/splits.csv
    label_errors: pd.DataFrame  # reports/label_errors.csv
    scored: dict[str, Result]  # by scheme, in the order of `SHOWN`
    sha256: str  # of reports/crossval/predictions.csv

    @classmethod
    def load(cls, data: Path, models: Path, reports: Path) -> Self:
        """Read everything that the report shows, except the images."""
        splits, details = read_csv(data / "splits.csv"), Details.load(reports / "details.json")
        features, heads = Features.load(data / "features", len(splits)), Heads.load(models / "heads")
        scored = {scheme: Result.load(reports / scheme) for scheme in SHOWN}
        run = Run(
            read_json(data / "fetch.json"),
            features.facts,
            details.split,
            details.truth,
            heads.facts,
            {scheme: result.metrics for scheme, result in scored.items()},
        )
        label_errors = read_csv(reports / "label_errors.csv")
        return cls(run, features, heads, splits, label_errors, scored, sha256(reports / CROSSVAL / "predictions.csv"))
