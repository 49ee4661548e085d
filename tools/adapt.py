"""Adapt the classifier that the pipeline shipped to another laboratory, with a few labelled cells of it.

    python -m tools.adapt labelled/                       # a folder (or zip) with a folder of cells for each class
    python -m tools.predict new/ --model models/adapted   # then use it there

Needs models/deployed/ and the features of the cells that it learned from (data/features/, data/splits.csv). Writes the
adapted classifier, and learning_curve.csv beside it: how good the classifier gets with 1, 2, 5 and 10 labelled cells
per class, each drawn several times and scored on the labelled cells that were not drawn. One image per cell, please:
copies of a cell among the labelled ones would make the curve too good.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from wbc.common.errors import UserError, advise, exit_on_user_error
from wbc.common.files import read_json, replacing, sha256, write_csv
from wbc.common.progress import track
from wbc.common.tables import open_features, read_splits
from wbc.export.decision import save_reference
from wbc.export.framing import learned_range
from wbc.export.packaging import BACKBONE, DECISION, REFERENCE, write_facts
from wbc.fetch import manifest
from wbc.predict import labelled
from wbc.predict.adaptation import Cells, adapt, learning_curve
from wbc.predict.classifier import Classifier
from wbc.predict.outputs import folder_to_write
from wbc.split.foreground import summarize
from wbc.train.head import Head, save_head

SHOTS, DRAWS = (1, 2, 5, 10), 8
HEAD, CURVE, KERAS = "head.npz", "learning_curve.csv", "classifier.keras"
WRITTEN = (BACKBONE, DECISION, REFERENCE, HEAD, CURVE, KERAS)


@exit_on_user_error
def main() -> None:
    """Adapt to what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="a folder or zip of labelled cells, a folder for each class")
    parser.add_argument("--output", type=Path, default=Path("models/adapted"), help="folder (default: %(default)s)")
    parser.add_argument("--model", type=Path, default=Path("models/deployed"), help="classifier (default: %(default)s)")
    parser.add_argument("--keras", action="store_true", help="also write it as one Keras model, classifier.keras")
    parser.add_argument("--seed", type=int, default=1, help="of the draws (default: %(default)s)")
    arguments = parser.parse_args()
    output = folder_to_write(arguments.output, WRITTEN)

    with advise("`dvc repro` makes what is needed, `dvc pull` fetches it."):
        classifier = Classifier(arguments.model)
        old = cells_of_the_pipeline(classifier)
    new, shares = labelled_cells(arguments.folder, classifier)
    classes = len(classifier.decision.classes)
    most = int(np.bincount(new.labels, minlength=classes).max())
    shots = [0, *(shot for shot in SHOTS if shot < most)]
    total = 1 + DRAWS * (len(shots) - 1)
    curve = track(learning_curve(old, new, classes, shots, DRAWS, arguments.seed), "fit", total=total, unit="fits")
    table = pd.DataFrame(curve, columns=["cells_per_class", "balanced_accuracy", "accuracy"]).round(4)
    head, decision, reference = adapt(old, new, classifier.decision, arguments.seed)
    with replacing(output) as folder:
        folder.mkdir(parents=True)
        shutil.copyfile(arguments.model / BACKBONE, folder / BACKBONE)
        save_head(head, folder / HEAD)
        save_reference(reference, folder / REFERENCE)
        home = classifier.facts.get("learned_from", "the cells at home")
        taught = f"{home}; and {len(new.labels):,} labelled cells of {Path(arguments.folder).resolve().name}"
        size, views = classifier.size, classifier.test_views
        write_facts(
            folder,
            decision,
            heads=[HEAD],
            image_size=size,
            test_views=views,
            learned_from=taught,
            synthetic=False,
            foreground=learned_range([*classifier.foreground, *shares], [1]),
        )
        write_csv(folder / CURVE, table)
        if arguments.keras:
            save_keras(folder / KERAS, head, classifier)
    print("cells per class   balanced accuracy: mean (lowest to highest of the draws)")
    for shot, rows in table.groupby("cells_per_class")["balanced_accuracy"]:
        print(f"{shot:15}   {rows.mean():.3f}" + (f" ({rows.min():.3f} to {rows.max():.3f})" if shot else ""))
    print(f"{output}: adapted with all {len(new.labels):,} labelled cells, which leaves none to score it on")


def save_keras(file: Path, head: Head, classifier: Classifier) -> None:
    """Write the adapted classifier as one Keras model; its probabilities are those before the temperature.

    Raises:
        UserError: the backbone that a run has left in Keras' form is another than the classifier's.
    """
    if sha256(Path("data/features/backbone.pb")) != classifier.facts["sha256"][BACKBONE]:
        raise UserError(
            "`--keras` takes data/features/backbone.keras, which is of another backbone than the classifier. "
        )
    # TensorFlow takes seconds to import, and nothing else here needs it.
    from wbc.embed.tensorflow_setup import keras, start
    from wbc.export.keras_classifier import build_classifier, keras_head, save_classifier

    start(seed=0)
    backbone = keras.models.load_model("data/features/backbone.keras", compile=False)
    model = build_classifier(backbone, [keras_head(head)], classifier.test_views, "adapted_classifier")
    save_classifier(model, file, classifier.decision.classes)


def cells_of_the_pipeline(classifier: Classifier) -> Cells:
    """Return the cells that the pipeline's heads learned from.

    Raises:
        UserError: they are of other classes or another data set, or their features are of another backbone.
    """
    splits, labels, classes = read_splits("data/splits.csv")
    made_by = read_json("data/features/features.json")
    same = (made_by["image_size"], made_by["tta_views"]) == (classifier.size, classifier.test_views)
    if classes != classifier.decision.classes or not same:
        raise UserError(
            f"The classifier knows {', '.join(classifier.decision.classes)} at {classifier.size} pixels, and the "
            f"features in data/features/ are of {', '.join(classes)} at {made_by['image_size']}."
        )
    here, taught = read_json("data/fetch.json")["description"], classifier.facts.get("learned_from")
    if taught not in (None, here):
        raise UserError(f"The classifier has learned from {taught}, and the cells here, to learn from too, are {here}.")
    features = open_features(Path("data/features/features.npy"), len(splits))[:, 0]
    return Cells(np.asarray(features), labels)


def labelled_cells(folder: str, classifier: Classifier) -> tuple[Cells, list[float]]:
    """Return the labelled cells of the other laboratory, and by class how much of its picture a cell covers.

    Raises:
        UserError: a file can't be read, or a folder is no class of the classifier.
    """
    classes = classifier.decision.classes
    with labelled.unpacked(folder) as images:
        if unknown := sorted(set(images.classes) - set(classes)):
            raise UserError(
                f"{folder} has folders that are no class of the classifier: {', '.join(unknown)}. It knows "
                f"{', '.join(classes)}. Next: rename them, or take them out."
            )
        manifest.refuse_bad(images.bad, images.rows)
        described = [*track(classifier.describe(images.sources), "describe", total=len(images.sources))]
        features = [image.features for image in described if image.features is not None]  # all: each was decoded before
        medians = summarize((row.label for row in images.rows), (image.filled for image in described))["classes"]
        labels = np.array([classes.index(row.label) for row in images.rows])
        return Cells(np.stack(features), labels), list(medians.values())


if __name__ == "__main__":
    main()
