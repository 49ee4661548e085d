"""export: backbone and head of each protocol as the one classifier that is shipped, checked against what was scored.

    python -m stages.export

Reads data/features/, models/<protocol>/head.npz, models/crossval/, what `calibrate` wrote, data/raw/ and
reports/<protocol>/predictions.csv. Writes

    models/<protocol>/classifier.keras   raw RGB 0-255 images to class probabilities
    models/use/                          what `python -m tools.predict` needs, and nothing else: the mean of the
                                         cross-validation's heads on one backbone, as classifier.keras (the class names
                                         are in its member classes.json) and, for OpenVINO, as backbone.pb and heads;
                                         decision.json says when it may answer, and names every file with its SHA-256
    reports/export.json                  what was checked, and the bound that was kept

A saved file is loaded again and gets the image files of the test part. It computes in float32 and from pixels, the
scores come from float16 features in exact arithmetic: a probability may differ by `TOLERANCE`, and a class only where
the two likeliest are nearer to each other than that. Beyond it, the stage fails: what is shipped is what was scored.
"""

import json
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wbc.core.errors import UserError, exit_on_user_error
from wbc.core.files import read_json, replacing, sha256, write_json
from wbc.core.prefetch import prefetch
from wbc.core.progress import track
from wbc.core.protocols import CROSSVAL, PROTOCOLS
from wbc.core.tables import read_csv
from wbc.data.images import decode, resize
from wbc.evaluation.calibration import tempered
from wbc.models import keras_file
from wbc.models.classifier import build_classifier, keras_head
from wbc.models.head import count_parameters, load_head
from wbc.models.inference import compiled
from wbc.models.tensorflow_setup import keras, start
from wbc.prediction.predict import BACKBONE, DECISION, REFERENCE, Classifier
from wbc.prediction.sources import list_sources

TOLERANCE = 0.02  # of a probability. On the default run the largest difference was 0.004


@exit_on_user_error
def main() -> None:
    """Join backbone and heads, and check the files against the scores."""
    start(seed=0)  # nothing here is random; this is for deterministic kernels
    backbone = keras.models.load_model("data/features/backbone.keras", compile=False)
    test_views = read_json("data/features/features.json")["test_views"]
    checked, saved = {}, SavedClassifiers()
    for protocol in PROTOCOLS:
        head = load_head(Path("models", protocol, "head.npz"))
        with replacing(Path("models", protocol, "classifier.keras")) as partial:
            model = build_classifier(backbone, [keras_head(head)], test_views)
            keras_file.save(model, partial)
            predictions = read_csv(Path("reports", protocol, "predictions.csv"))
            check(protocol, saved.open(partial), model.input_shape[1], predictions)
        checked[protocol] = {
            "images": len(predictions),
            "parameters": {"total": model.count_params(), "trainable": count_parameters(head)[1]},
        }
    ship_for_use(backbone, test_views)
    write_json("reports/export.json", {"tolerance": TOLERANCE, "checked": checked})


def ship_for_use(backbone: "keras.Model", test_views: int) -> None:
    """Write models/use/ and check that its two forms say the same of the test images."""
    facts = read_json("models/decision.json")
    names = sorted(path.name for path in Path("models", CROSSVAL).glob("fold_*.npz"))
    with replacing(Path("models/use")) as folder:
        folder.mkdir()
        heads = []
        for name in names:
            shutil.copyfile(Path("models", CROSSVAL, name), folder / name)
            heads.append(load_head(folder / name))
        shutil.copyfile("models/reference.npz", folder / REFERENCE)
        shutil.copyfile("data/features/backbone.pb", folder / BACKBONE)
        model = build_classifier(
            backbone,
            [keras_head(head, name=f"head_{number}") for number, head in enumerate(heads, 1)],
            test_views,
            "classifier_for_use",
        )
        classes = json.dumps(facts["classes"], ensure_ascii=False).encode()
        keras_file.save(model, folder / "classifier.keras", {"classes.json": classes})
        facts |= {"heads": names, "image_size": backbone.input_shape[1], "test_views": test_views}
        facts["sha256"] = {path.name: sha256(path) for path in sorted(folder.iterdir())}
        write_json(folder / DECISION, facts)
        check_use(folder, facts)


def check_use(folder: Path, facts: dict) -> None:
    """Compare the Keras file for use with what `tools.predict` computes by OpenVINO.

    Raises:
        UserError: a probability differs by more than `TOLERANCE`.
    """
    paths = read_csv("reports/grouped/predictions.csv")["path"]
    sources = [*list_sources(str(Path("data/raw", path)) for path in paths)]
    predicted = np.array([prediction.probabilities for prediction in Classifier(folder).predict_sources(sources)])
    model = keras.models.load_model(folder / "classifier.keras", compile=False)
    images = [resize(decode(Path("data/raw", path))[0], facts["image_size"]) for path in paths]
    by_keras = tempered(np.concatenate(list(compiled(model)(images))), facts["temperature"])
    difference = float(np.abs(by_keras - predicted).max())
    if difference > TOLERANCE:
        raise UserError(
            f"The classifier for use gives other probabilities by Keras than by OpenVINO, by up to {difference:.4f} "
            "where "
            f"{TOLERANCE} is allowed. Type `dvc repro --force export`."
        )
    print(
        f"for use: {len(paths)} images by Keras and by OpenVINO; largest difference of a probability {difference:.4f}"
    )


class SavedClassifiers:
    """Saved classifiers, opened one after the other.

    To build and trace a model takes longer than to run it. Where a file describes the same model as the one before, to
    the byte, only the weights are read anew.
    """

    def __init__(self) -> None:
        self.described = b""
        self.model: Any = None

    def open(self, file: Path) -> Callable[[Iterable[NDArray]], Iterator[NDArray]]:
        """Return a function from images to batches of probabilities, see `inference.compiled`."""
        with zipfile.ZipFile(file) as members:
            described = members.read("config.json")
        if described == self.described:
            self.model.load_weights(file)
        else:
            self.model = keras.models.load_model(file, compile=False)
            self.run, self.described = compiled(self.model), described
        return self.run


def check(
    protocol: str, run: Callable[[Iterable[NDArray]], Iterator[NDArray]], size: int, predictions: pd.DataFrame
) -> None:
    """Compare a saved classifier with the predictions that were scored.

    Args:
        protocol: its name.
        run: what `SavedClassifiers.open` returned.
        size: side of the images that it takes, in pixels.
        predictions: of the test part, as scored.

    Raises:
        UserError: a probability differs by more than `TOLERANCE`, or a class where that is no excuse.
    """
    images = prefetch(lambda path: resize(decode(Path("data/raw", path))[0], size), predictions["path"])
    watched = track(images, f"check {protocol}", total=len(predictions))
    probabilities = np.concatenate(list(run(watched)))
    scored = predictions.filter(regex="^p_").to_numpy()
    difference = np.abs(probabilities - scored).max(axis=1)
    first, second = -np.sort(-scored, axis=1)[:, :2].T
    is_other = (probabilities.argmax(axis=1) != scored.argmax(axis=1)) & (first - second > 2 * TOLERANCE)
    if (wrong := np.flatnonzero((difference > TOLERANCE) | is_other)).size:
        path = predictions["path"].iloc[wrong[0]]
        raise UserError(
            f"The classifier of the protocol {protocol} is not the one that was scored: {wrong.size} of "
            f"{len(predictions)} test images get other probabilities, by up to {difference.max():.4f} where "
            f"{TOLERANCE} is allowed; the first is {path}. Features or heads are of another run: type "
            "`dvc repro --force embed train evaluate export`."
        )
    print(f"{protocol}: the same classes; largest difference of a probability {difference.max():.4f}")


if __name__ == "__main__":
    main()
