"""classifier: the pretrained classifier, fitted on photographed cells.

    python -m pretraining.classifier

Reads the weights, pretraining/cells/ and the archives of other laboratories that pretraining/params.yaml names. Writes
pretraining/classifier/ (decision.json, head.npz and reference.npz), from which `python -m pretraining.package` makes
wbc/predict/pretrained/. Writes pretraining/classifier.json: scores on the part test and on the other laboratories.

The classifier is logistic regression on the frozen features of whole images and of their middles (`measure.crops`). On
the backbone's card, it has the best scores from one laboratory to another. It is fitted on the parts train and valid.

Its settings are fitted on the part valid, by a regression on the part train alone. The part train itself can't be used,
because the backbone was trained on its cells, so their features differ from new ones. The images of the part valid are
changed as other laboratories might have taken them (`wbc.pretraining.domain_augmentation`), as in the classifier's use:

    C, temperature and prediction sets   changed so much that about as many are misclassified as at a real other
                                         laboratory; nearly all unchanged images are classified correctly.
    OOD threshold                        changed as in the backbone's training; stronger changes make cells of other
                                         classes indistinguishable from known ones.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pydantic

from wbc.common import params
from wbc.common.errors import exit_on_user_error
from wbc.common.files import read_json, replacing, sha256, write_json
from wbc.common.images import decode
from wbc.common.progress import prefetch, track
from wbc.embed import backbones
from wbc.embed.tensorflow_setup import keras, start
from wbc.embed.views import ORIENTATIONS
from wbc.evaluate.metrics import rounded, score
from wbc.export import calibration, decision
from wbc.export import ood as novelty
from wbc.export.appraisal import abstention, appraise
from wbc.export.framing import Range, learned_range
from wbc.export.packaging import REFERENCE, write_facts
from wbc.export.params import ExportParams
from wbc.pretraining import domain_augmentation
from wbc.pretraining.backbone_training import Settings
from wbc.pretraining.laboratories import MeasureParams, read_home, read_laboratory
from wbc.pretraining.regression import Cells, fit_regression
from wbc.pretraining.shifted_features import shifted_features
from wbc.pretraining.transfer import Labelled, cropped_features
from wbc.split.foreground import foreground_share, summarize
from wbc.train.class_weights import class_weight
from wbc.train.head import Head, predict_proba, save_head

PARAMS, CELLS = "pretraining/params.yaml", Path("pretraining/cells")
WEIGHTS = Path("pretraining/efficientnetb0.weights.h5")
OUTPUT, SCORES = Path("pretraining/classifier"), Path("pretraining/classifier.json")
HEAD = "head.npz"
KNOWN = 100  # images of each class that the OOD score is computed from, at each zoom: 4 MB
Labels = npt.NDArray[np.integer]
USE = ExportParams(coverage=0.9, known=0.99, neighbors=5)


class ClassifierParams(params.Section):
    """Section `classifier` of pretraining/params.yaml."""

    c: list[Annotated[float, pydantic.Field(gt=0)]] = pydantic.Field(min_length=1)
    times: float = pydantic.Field(ge=1, le=10)  # strength of the changes, relative to the backbone's training
    draws: int = pydantic.Field(ge=1, le=100)
    seed: int = pydantic.Field(ge=0, lt=2**20)


class Changed(NamedTuple):
    """Labelled cells as other laboratories might have taken them, each several times."""

    features: npt.NDArray[np.float16]  # (cells x draws, n)
    labels: Labels  # class number of each row
    numbers: Labels  # of the cell that a row shows

    @classmethod
    def of(
        cls,
        model: keras.Model,
        cells: pd.DataFrame,
        labels: Labels,
        shift: domain_augmentation.DomainAugmentation,
        params: ClassifierParams,
    ) -> "Changed":
        """Return the cells of a table, in order, each changed `params.draws` times."""
        features = shifted_features(model, cells["file"].tolist(), shift, params.draws, params.seed)
        numbers = np.repeat(np.arange(len(labels)), params.draws)
        return cls(features.reshape(len(numbers), -1), labels[numbers], numbers)


@exit_on_user_error
def main() -> None:
    """Fit the classifier, and score it on images that it was not trained on."""
    settings = params.load(PARAMS, "measure", MeasureParams)
    chosen_by = params.load(PARAMS, "classifier", ClassifierParams)
    trained_by = params.load(PARAMS, "pretrain", Settings).training.domain_augmentation
    start(seed=0)
    model = backbones.build(settings.image_size, WEIGHTS)
    table = read_home(CELLS, settings.classes, PARAMS)

    def described(cells: pd.DataFrame) -> Labelled:
        """Return the features of a table's files, whole and cropped, and their class numbers."""
        labels = cells["label"].map(settings.classes.index).to_numpy()
        return Labelled(cropped_features(model, cells["file"].tolist(), settings.crops), labels)

    home, part = described(table), table["part"].to_numpy()
    train, valid, test = (home.of(part == name) for name in ("train", "valid", "test"))
    reference = novelty.reference(train.of(spread(train.labels, KNOWN)).features)
    as_trained, hard = (
        Changed.of(
            model, table[part == "valid"], valid.labels, domain_augmentation.stronger(trained_by, times), chosen_by
        )
        for times in (1, chosen_by.times)
    )
    tried = {c: appraise_probabilities(fit(train, settings.classes, c), hard) for c in chosen_by.c}
    best = min(tried, key=lambda c: tried[c]["loss"])
    by_train = fit(train, settings.classes, best)
    fitted = decide(by_train, reference, hard, settings.classes)
    near = decide(by_train, reference, as_trained, settings.classes)
    fitted = fitted._replace(distance_threshold=near.distance_threshold)
    head = fit(home.of(part != "test"), settings.classes, best)

    scored = {"pbc_test": appraisal(head, fitted, reference, test)}
    source = read_json(CELLS / "source.json")
    others = read_home(CELLS, sorted(set(source["classes"]) - set(settings.classes)), PARAMS)
    unknown = {}
    for name, cells in others[others["part"] == "test"].groupby("label"):
        features = cropped_features(model, cells["file"].tolist(), [])[:, 0]
        unknown[str(name)] = abstention(answer(head, fitted, reference, features).reasons)
    with tempfile.TemporaryDirectory(prefix="laboratories-") as unpacked:
        for name, archive in settings.laboratories.items():
            other = read_laboratory(name, Path(archive), Path(unpacked, name), settings.classes, PARAMS)
            scored[name] = appraisal(head, fitted, reference, described(other))
    with replacing(OUTPUT) as folder:
        folder.mkdir()
        save_head(head, folder / HEAD)
        decision.save_reference(reference, folder / REFERENCE)
        taught = f"{np.sum(part != 'test'):,} photographed cells of {source['archive']}"
        write_facts(
            folder,
            fitted,
            heads=[HEAD],
            image_size=settings.image_size,
            tta_views=ORIENTATIONS,
            trained_on=taught,
            synthetic=False,
            foreground=framed(table[part != "test"], settings.crops),
            weights_sha256=sha256(WEIGHTS),
        )
    chosen = {"c": best, "times": chosen_by.times, "tried": {str(c): found for c, found in tried.items()}}
    found = {"images": len(home.labels[part != "test"]), "chosen": chosen, "scored": scored, "unknown": unknown}
    write_json(SCORES, rounded(found))
    for name, found in scored.items():
        print(f"{name}: accuracy {found['accuracy']:.3f}, balanced {found['balanced_accuracy']:.3f}")


def decide(head: Head, reference: novelty.Reference, cells: Changed, classes: list[str]) -> decision.Decision:
    """Fit a `Decision` on changed images that the head was not trained on."""
    distances = reference.distances(cells.features, USE.neighbors)
    weights = np.ones(len(cells.labels))
    probabilities = predict_proba(head, cells.features)
    return decision.fit_apart(probabilities, distances, cells.labels, cells.numbers, classes, weights, USE)


def fit(cells: Labelled, classes: Sequence[str], c: float) -> Head:
    """Return logistic regression on all views of some cells, as a head; see `fit_regression`."""
    features, labels = cells.to_fit()
    weights = class_weight("sqrt", labels, len(classes))[labels]
    return fit_regression(Cells(features, labels), weights, len(classes), c)


def appraise_probabilities(head: Head, cells: Changed) -> dict[str, float]:
    """Return {"loss", "accuracy"} of a head on changed images."""
    probabilities = predict_proba(head, cells.features)
    return {
        "loss": calibration.log_loss(cells.labels, probabilities, np.ones(len(cells.labels))),
        "accuracy": float(np.mean(probabilities.argmax(axis=1) == cells.labels)),
    }


def framed(cells: pd.DataFrame, crops: Sequence[float]) -> Range:
    """Return the smallest and largest share of its picture that a cell covers, whole and cropped."""
    shares = prefetch(lambda file: foreground_share(decode(file)[0]), cells["file"])
    medians = summarize(cells["label"], track(shares, "measure", total=len(cells)))["classes"]
    return learned_range(medians.values(), [1.0, *(1 / crop for crop in crops)])


def spread(labels: Labels, most: int) -> Labels:
    """Return the rows of at most `most` images of each class, spread evenly over them, in order."""
    rows = [np.flatnonzero(labels == number) for number in np.unique(labels)]
    chosen = [of[np.linspace(0, len(of) - 1, min(most, len(of))).astype(int)] for of in rows]
    return np.sort(np.concatenate(chosen))


def appraisal(head: Head, fitted: decision.Decision, reference: novelty.Reference, cells: Labelled) -> dict[str, Any]:
    """Return measures of the classifier's answers for some labelled cells, each cell counting once."""
    answers = answer(head, fitted, reference, cells.features[:, 0])
    called = answers.probabilities.argmax(axis=1)
    found = appraise(answers, cells.labels, np.ones(len(cells.labels)))
    return {"images": len(called), **found, **score(cells.labels, called)}


def answer(
    head: Head, fitted: decision.Decision, reference: novelty.Reference, features: npt.NDArray
) -> decision.Answers:
    """Return the classifier's answers for some features, (images, n)."""
    distances = reference.distances(features, fitted.neighbors)
    return decision.answer(fitted, predict_proba(head, features), distances)


if __name__ == "__main__":
    main()
