"""classifier: a classifier for use of photographed cells, which comes with the project and needs no images of yours.

    python -m pretraining.classifier

Reads the weights, pretraining/cells/ and the archives of other laboratories that pretraining/params.yaml names. Writes
pretraining/classifier/: decision.json, head.npz and reference.npz, from which `make ready` makes models/ready/; and
pretraining/classifier.json: what it says of the part test, and of the other laboratories.

It is logistic regression on the frozen features of whole images and of their middles (`measure.crops`), which does
best from one laboratory to another on the backbone's card. The parts train and valid teach it. Temperature, prediction
sets and the distance for "unlike" are fitted on the part valid, by a regression that the part train alone has taught,
since the backbone knows the cells of the part train too well to tell how new ones look.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from wbc.core import params
from wbc.core.errors import exit_on_user_error
from wbc.core.files import read_json, replacing, sha256, write_json
from wbc.core.prefetch import prefetch
from wbc.core.progress import track
from wbc.data.foreground import foreground_share, summarize
from wbc.data.images import decode
from wbc.evaluation import novelty
from wbc.evaluation.metrics import rounded, score
from wbc.features.views import ORIENTATIONS
from wbc.models import backbones
from wbc.models.head import Head, predict_proba, save_head
from wbc.models.tensorflow_setup import start
from wbc.prediction import decision
from wbc.prediction.adaptation import Cells, fit_head
from wbc.prediction.appraisal import appraise
from wbc.prediction.framing import Range, learned_range
from wbc.prediction.shipped import REFERENCE, write_facts
from wbc.pretraining.laboratories import MeasureParams, read_home, read_laboratory
from wbc.pretraining.transfer import Labelled, cropped_features

PARAMS, CELLS = "pretraining/params.yaml", Path("pretraining/cells")
WEIGHTS = Path("pretraining/efficientnetb0.weights.h5")
OUTPUT, SCORES = Path("pretraining/classifier"), Path("pretraining/classifier.json")
HEAD = "head.npz"
KNOWN = 100  # images of each class that "unlike" is held against, at each zoom: 4 MB
USE = decision.UseParams(coverage=0.9, known=0.99, neighbors=5)


@exit_on_user_error
def main() -> None:
    """Fit the classifier, and score it where it has learned nothing."""
    settings = params.load(PARAMS, "measure", MeasureParams)
    start(seed=0)
    model = backbones.build("EfficientNetB0", settings.image_size, WEIGHTS)
    table = read_home(CELLS, settings.classes, PARAMS)

    def described(cells: pd.DataFrame) -> Labelled:
        """Return the features of a table's files, whole and cropped, and their class numbers."""
        labels = cells["label"].map(settings.classes.index).to_numpy()
        return Labelled(cropped_features(model, cells["file"].tolist(), settings.crops), labels)

    home, part = described(table), table["part"].to_numpy()
    train, valid, test = (home.of(part == name) for name in ("train", "valid", "test"))
    reference = novelty.reference(train.of(spread(train.labels, KNOWN)).features)
    by_train = fit(train, settings.classes)
    fitted = decision.fit_apart(
        predict_proba(by_train, valid.features[:, 0]),
        reference.distances(valid.features[:, 0], USE.neighbors),
        valid.labels,
        np.arange(len(valid.labels)),
        settings.classes,
        np.ones(len(valid.labels)),
        USE,
    )
    head = fit(home.of(part != "test"), settings.classes)

    scored = {"pbc_test": appraisal(head, fitted, reference, test)}
    with tempfile.TemporaryDirectory(prefix="laboratories-") as unpacked:
        for name, archive in settings.laboratories.items():
            other = read_laboratory(name, Path(archive), Path(unpacked, name), settings.classes, PARAMS)
            scored[name] = appraisal(head, fitted, reference, described(other))
    with replacing(OUTPUT) as folder:
        folder.mkdir()
        save_head(head, folder / HEAD)
        decision.save_reference(reference, folder / REFERENCE)
        archive = read_json(CELLS / "source.json")["archive"]
        taught = f"{np.sum(part != 'test'):,} photographed cells of {archive}"
        write_facts(
            folder,
            fitted,
            heads=[HEAD],
            image_size=settings.image_size,
            test_views=ORIENTATIONS,
            learned_from=taught,
            synthetic=False,
            foreground=framed(table[part != "test"], settings.crops),
            weights_sha256=sha256(WEIGHTS),
        )
    write_json(SCORES, rounded({"images": len(home.labels[part != "test"]), "scored": scored}))
    for name, found in scored.items():
        print(f"{name}: accuracy {found['accuracy']:.3f}, balanced {found['balanced_accuracy']:.3f}")


def fit(cells: Labelled, classes: Sequence[str]) -> Head:
    """Return logistic regression on all views of some cells, as a head."""
    features, labels = cells.to_fit()
    nobody = Cells(features[:0], labels[:0])
    return fit_head(Cells(features, labels), nobody, len(classes))


def framed(cells: pd.DataFrame, crops: Sequence[float]) -> Range:
    """Return how much of its picture a cell covers, whole and cropped."""
    shares = prefetch(lambda file: foreground_share(decode(file)[0]), cells["file"])
    medians = summarize(cells["label"], track(shares, "measure", total=len(cells)))["classes"]
    return learned_range(medians.values(), [1.0, *(1 / crop for crop in crops)])


def spread(labels: npt.NDArray[np.integer], most: int) -> npt.NDArray[np.integer]:
    """Return the rows of at most `most` images of each class, spread evenly over them, in order."""
    rows = [np.flatnonzero(labels == number) for number in np.unique(labels)]
    chosen = [of[np.linspace(0, len(of) - 1, min(most, len(of))).astype(int)] for of in rows]
    return np.sort(np.concatenate(chosen))


def appraisal(head: Head, fitted: decision.Decision, reference: novelty.Reference, cells: Labelled) -> dict[str, Any]:
    """Return what the classifier's answers for some labelled cells are worth, each cell counting once."""
    whole = cells.features[:, 0]
    distances = reference.distances(whole, fitted.neighbors)
    answers = decision.answer(fitted, predict_proba(head, whole), distances)
    called = answers.probabilities.argmax(axis=1)
    found = appraise(answers, cells.labels, np.ones(len(cells.labels)))
    return {"images": len(called), **found, **score(cells.labels, called)}


if __name__ == "__main__":
    main()
