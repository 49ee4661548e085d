"""external: what the classifier for use is worth on the images of another laboratory.

    python -m stages.external NAME

Runs once for each data set that section `external` of params.yaml names, so that a new one reruns only itself. No image
of it has a part in anything else. Reads the data set's archive, models/deployed/ and what the cross-validation scored on the
own images. Writes reports/external/NAME/:

    metrics.json       scores with their intervals, calibration, coverage, and what was said of classes it doesn't know
    predictions.csv    what was said of each image
    README.md          the same, beside the own laboratory's scores
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pydantic
from wbc.plot.sentences import SYNTHETIC, foreground_sentence

from wbc.common import params
from wbc.common.errors import UserError, advise, exit_on_user_error
from wbc.common.files import read_json, replacing, write_csv, write_json
from wbc.common.progress import track
from wbc.evaluate.intervals import IntervalParams
from wbc.evaluate.metrics import rounded
from wbc.evaluate.scoring import describe
from wbc.export.appraisal import abstention, appraise
from wbc.export.decision import Answers
from wbc.plot.rendering import render
from wbc.predict import labelled
from wbc.predict.classifier import Classifier, Prediction
from wbc.split.foreground import summarize
from wbc.split.given import level_of, read_groups, united

GIVEN = Path("data/given")
ADVICE = "Put that right in section `external` of params.yaml, or take the data set out there; then type `dvc repro`."


class SiteParams(params.Section):
    """One data set of another laboratory."""

    archive: str = pydantic.Field(min_length=1)  # a zip or a folder of class folders
    labels: dict[str, str] = pydantic.Field(default_factory=dict)  # their class: ours, where the names differ
    crop: float = pydantic.Field(1.0, gt=0, le=1)  # share of each side that is looked at, in the middle
    groups: str | None = pydantic.Field(None, min_length=1)  # a CSV in data/given/ or a pattern, as `split.groups`


Name = Annotated[str, pydantic.StringConstraints(pattern=r"^[\w-]{1,60}$")]


class ExternalParams(pydantic.RootModel[dict[Name, SiteParams]]):
    """Section `external` of params.yaml: data sets by their names."""


@exit_on_user_error
def main() -> None:
    """Score the classifier for use on the data set that the command line names."""
    sites = params.load("params.yaml", "external", ExternalParams).root
    intervals = params.load("params.yaml", "intervals", IntervalParams)
    if len(sys.argv) != 2 or sys.argv[1] not in sites:
        raise UserError(f"Which data set? Type python -m stages.external NAME, NAME one of: {', '.join(sites)}.")
    name = sys.argv[1]
    with advise(ADVICE):
        classifier = Classifier("models/deployed", sites[name].crop)
        labels, predictions, bad = predict(classifier, sites[name])
        groups, level = groups_of(sites[name], predictions)
        content = score(classifier, labels, predictions, groups, intervals) | {"level": level}
    content["unreadable"] = [{"path": path, "reason": reason} for path, reason in bad]
    shares = [prediction.filled for prediction in predictions]
    content["foreground"] = foreground(labels, shares, read_json("reports/audit.json")["foreground"]["classes"])
    zooms = read_json("data/features/features.json")["zooms"]
    own = {"metrics": read_json("reports/crossval/metrics.json"), "use": read_json("reports/use.json")}
    with replacing(Path("reports/external", name)) as folder:
        folder.mkdir(parents=True)
        write_json(folder / "metrics.json", content)
        write_csv(folder / "predictions.csv", table(labels, predictions, classifier.decision.classes))
        drawn = SYNTHETIC if own["metrics"]["synthetic"] else ""
        filled = foreground_sentence(content["foreground"], sites[name].crop, zooms)
        text = render(
            "external.md.j2", name=name, site=sites[name], content=content, own=own, label=drawn, filled=filled
        )
        (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")
    known = content["known"]
    print(
        f"{name}: balanced accuracy {known['balanced_accuracy']:.3f} on {content['images']:,} images of known classes, "
        f"{own['metrics']['cells']['balanced_accuracy']:.3f} at home"
    )


def predict(classifier: Classifier, site: SiteParams) -> tuple[list[str], list[Prediction], list[tuple[str, str]]]:
    """Unpack a data set beside everything else, and predict its images.

    Returns:
        of each image the class in our words and what was said of it; and (path, reason) of every file that is no
        image.
    """
    with labelled.unpacked(site.archive) as images:
        if unknown := sorted(site.labels.keys() - set(images.classes)):
            raise UserError(
                f"`labels` names {', '.join(unknown)}, and {site.archive} has the classes {', '.join(images.classes)}."
            )
        predictions = track(classifier.predict_sources(images.sources), "predict", total=len(images.sources))
        named = [prediction._replace(path=row.path) for prediction, row in zip(predictions, images.rows, strict=True)]
        labels = [site.labels.get(row.label, row.label) for row in images.rows]
        return labels, named, images.bad


def foreground(labels: list[str], shares: list[float], at_home: dict[str, float]) -> dict[str, float]:
    """Return how much of an image a cell fills there and at home: of the classes that are in both."""
    here = summarize(labels, shares)["classes"]
    both = sorted(here.keys() & at_home.keys())
    return rounded({"there": np.mean([here[name] for name in both]), "home": np.mean([at_home[name] for name in both])})


def groups_of(site: SiteParams, predictions: list[Prediction]) -> tuple[npt.NDArray[np.integer], str]:
    """Return the group of each image, and what a group is: an image of its own where nothing is given."""
    alone = np.arange(len(predictions))
    if site.groups is None:
        return alone, "image"
    source = str(GIVEN / site.groups) if site.groups.lower().endswith(".csv") else site.groups
    with advise("`groups` of the data set names it: a CSV in data/given/, or a pattern over file names."):
        given = read_groups(source, [prediction.path for prediction in predictions])
    return united(alone, given.table), level_of(list(given.table))


def score(
    classifier: Classifier,
    labels: list[str],
    predictions: list[Prediction],
    groups: npt.NDArray[np.integer],
    intervals: IntervalParams,
) -> dict[str, Any]:
    """Return what metrics.json says; the intervals are by group.

    Raises:
        UserError: no image is of a class that the classifier knows.
    """
    classes = classifier.decision.classes
    is_known = np.array([label in classes for label in labels])
    if not is_known.any():
        raise UserError(
            f"No image is of a class that the classifier knows ({', '.join(classes)}); there are images of "
            f"{', '.join(sorted(set(labels)))}. `labels` translates names."
        )
    numbers = np.array([classes.index(label) for label, known in zip(labels, is_known, strict=True) if known])
    answers = answers_of(
        [prediction for prediction, known in zip(predictions, is_known, strict=True) if known], classes
    )
    weights = np.ones(len(numbers))
    scored = describe(numbers, answers.probabilities, groups[is_known], classes, {}, intervals)
    return rounded(
        {
            "images": len(numbers),
            "groups": len(np.unique(groups[is_known])),
            "known": {name: scored[name] for name in ("accuracy", "balanced_accuracy", "macro", "per_class")},
            "intervals": scored["intervals"],
            "use": appraise(answers, numbers, weights),
            "unknown": {
                label: abstention(
                    [prediction.reason for prediction, of in zip(predictions, labels, strict=True) if of == label]
                )
                for label in sorted(set(labels) - set(classes))
            },
        }
    )


def answers_of(predictions: list[Prediction], classes: list[str]) -> Answers:
    """Return predictions as arrays."""
    return Answers(
        np.array([prediction.probabilities for prediction in predictions]),
        np.array([[name in prediction.members for name in classes] for prediction in predictions]),
        np.array([prediction.distance for prediction in predictions]),
        [prediction.reason for prediction in predictions],
    )


def table(labels: list[str], predictions: list[Prediction], classes: list[str]) -> pd.DataFrame:
    """Return predictions.csv."""
    rows = [
        {
            "path": prediction.path,
            "label": label,
            "predicted": prediction.label,
            **{f"p_{name}": value for name, value in zip(classes, prediction.probabilities, strict=True)},
            "why": prediction.reason,
            "distance": prediction.distance,
        }
        for label, prediction in zip(labels, predictions, strict=True)
    ]
    return pd.DataFrame(rows)


if __name__ == "__main__":
    main()
