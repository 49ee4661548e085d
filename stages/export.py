"""export: backbone and head of each protocol as the one classifier that is shipped, checked against what was scored.

    python -m stages.export

Reads data/features/, models/<protocol>/head.npz, models/crossval/, what `calibrate` wrote, data/images/,
reports/audit.json and reports/<protocol>/predictions.csv. Writes

    models/<protocol>/classifier.keras   raw RGB 0-255 images to class probabilities
    models/deployed/                          what `python -m tools.predict` needs, and nothing else: the mean of the
                                         cross-validation's heads on one backbone, as classifier.keras (the class names
                                         are in its member classes.json) and, for OpenVINO, as backbone.pb and heads;
                                         decision.json says when it may answer, and names every file with its SHA-256
    reports/export.json                  what was checked, and the bound that was kept

Each file is loaded again and asked by Keras about every image file of the test part. It computes in float32 and from
pixels, the scores come from float16 features in exact arithmetic: a probability may differ by `TOLERANCE`, and a class
only where the two likeliest are nearer to each other than that. Beyond it, the stage fails: what is shipped is what was
scored. All files hold one backbone, so Keras runs it once on each image, and, as the cache of features keeps what came
of that, once in the lifetime of a backbone and not after every changed head. `SAMPLE` images go through the whole of
each file, in Keras, and, of the classifier for use, by `tools.predict`'s way too.
"""

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wbc.common.errors import UserError, exit_on_user_error
from wbc.common.files import read_json, replacing, write_json
from wbc.common.images import decode, resize
from wbc.common.tables import read_csv
from wbc.embed import keras_file
from wbc.embed.file_features import file_features
from wbc.embed.tensorflow_setup import keras, start
from wbc.export.calibration import tempered
from wbc.export.decision import from_json
from wbc.export.framing import learned_range
from wbc.export.keras_classifier import build_classifier, keras_head, save_classifier
from wbc.export.packaging import BACKBONE, REFERENCE, write_facts
from wbc.predict.classifier import Classifier
from wbc.predict.sources import list_sources
from wbc.split.schemes import CROSSVAL, HOLDOUTS
from wbc.train.head import Head, count_parameters, load_head, mean_probabilities

RAW = Path("data/images")
TOLERANCE = 0.02  # of a probability. On the default run the largest difference was 0.004
SAMPLE = 4  # images


@exit_on_user_error
def main() -> None:
    """Join backbone and heads, and check the files against the scores."""
    start(seed=0)  # nothing here is random; this is for deterministic kernels
    backbone = keras.models.load_model("data/features/backbone.keras", compile=False)
    test_views = read_json("data/features/features.json")["test_views"]
    predictions = {name: read_csv(Path("reports", name, "predictions.csv")) for name in HOLDOUTS}
    test_images = TestImages(
        backbone, test_views, sorted({path for rows in predictions.values() for path in rows["path"]})
    )
    checked = {}
    for protocol in HOLDOUTS:
        head = load_head(Path("models", protocol, "head.npz"))
        with replacing(Path("models", protocol, "classifier.keras")) as partial:
            model = build_classifier(backbone, [keras_head(head)], test_views)
            keras_file.save(model, partial)
            check(protocol, test_images.ask(partial, predictions[protocol]["path"]), predictions[protocol])
        checked[protocol] = {
            "images": len(predictions[protocol]),
            "parameters": {"total": model.count_params(), "trainable": count_parameters(head)[1]},
        }
    ship_for_use(backbone, test_images, predictions["grouped"]["path"])
    write_json("reports/export.json", {"tolerance": TOLERANCE, "checked": checked})


class TestImages:
    """The image files of the test parts, and what Keras makes of them.

    Args:
        backbone: Keras model, which all classifiers share.
        test_views: orientations whose mean feature is an image's.
        paths: of the images, below data/images/.
    """

    def __init__(self, backbone: "keras.Model", test_views: int, paths: Sequence[str]) -> None:
        self.backbone, self.test_views = backbone, test_views
        self.features = self.by_engine("tensorflow", paths)
        self._described = b""
        self._model: Any = None

    def by_engine(self, engine: str, paths: Sequence[str]) -> dict[str, NDArray[np.float16]]:
        """Return {path: features} by an engine."""
        rows = file_features(engine, self.backbone, [RAW / path for path in paths], self.test_views)[:, 0]
        return dict(zip(paths, rows, strict=True))

    def ask(self, file: Path, paths: Sequence[str]) -> NDArray[np.float64]:
        """Return the probabilities (images, classes) that a saved classifier gives images by Keras.

        Raises:
            UserError: the file's backbone is another, or the whole of it says something else than its parts do.
        """
        model = self._open(file)
        inside = model.get_layer(self.backbone.name).get_weights()
        if not all(map(np.array_equal, inside, self.backbone.get_weights())):
            raise UserError(f"{file} does not hold the backbone that was saved in it. Type `dvc repro --force export`.")
        heads = [layer for layer in model.layers if layer.name.startswith("head")]
        features = np.stack([self.features[path] for path in paths]).astype(np.float32)
        probabilities = (
            np.stack([head(features, training=False).numpy() for head in heads]).astype(np.float64).mean(axis=0)
        )
        whole = model(
            np.stack([_pixels(path, model.input_shape[1]) for path in paths[:SAMPLE]]), training=False
        ).numpy()
        if (difference := np.abs(whole - probabilities[:SAMPLE]).max()) > TOLERANCE:
            raise UserError(
                f"{file.name} gives other probabilities as a whole than its backbone and heads do, by up to "
                f"{difference:.4f} where {TOLERANCE} is allowed. Type `dvc repro --force export`."
            )
        return probabilities

    def _open(self, file: Path) -> "keras.Model":
        """Open a saved classifier; of one that describes the same model as the one before, only weights are read."""
        with zipfile.ZipFile(file) as members:
            described = members.read("config.json")
        if described == self._described:
            self._model.load_weights(file)
        else:
            self._model, self._described = keras.models.load_model(file, compile=False), described
        return self._model


def ship_for_use(backbone: "keras.Model", test_images: TestImages, paths: Sequence[str]) -> None:
    """Write models/deployed/ and check that its two forms say the same of the test images."""
    decision = from_json(read_json("models/decision.json"))
    names = sorted(path.name for path in Path("models", CROSSVAL).glob("fold_*.npz"))
    with replacing(Path("models/deployed")) as folder:
        folder.mkdir()
        heads = []
        for name in names:
            shutil.copyfile(Path("models", CROSSVAL, name), folder / name)
            heads.append(load_head(folder / name))
        shutil.copyfile("models/reference.npz", folder / REFERENCE)
        shutil.copyfile("data/features/backbone.pb", folder / BACKBONE)
        numbered = [keras_head(head, name=f"head_{number}") for number, head in enumerate(heads, 1)]
        model = build_classifier(backbone, numbered, test_images.test_views, "classifier_for_use")
        save_classifier(model, folder / "classifier.keras", decision.classes)
        fetched, shares = read_json("data/fetch.json"), read_json("reports/audit.json")["foreground"]["classes"]
        write_facts(
            folder,
            decision,
            heads=names,
            image_size=backbone.input_shape[1],
            test_views=test_images.test_views,
            learned_from=fetched["description"],
            synthetic=fetched["synthetic"],
            foreground=learned_range(shares.values(), read_json("data/features/features.json")["zooms"]),
        )
        check_use(folder, decision.temperature, heads, test_images, list(paths))


def check_use(folder: Path, temperature: float, heads: list[Head], test_images: TestImages, paths: list[str]) -> None:
    """Compare the Keras file for use with what `tools.predict` computes by OpenVINO.

    Raises:
        UserError: a probability differs by more than `TOLERANCE`.
    """
    by_keras = tempered(test_images.ask(folder / "classifier.keras", paths), temperature)
    features = test_images.by_engine("openvino", paths)  # `embed` has put them into the cache
    by_openvino = tempered(mean_probabilities(heads, np.stack([features[path] for path in paths])), temperature)
    sources = list_sources(str(RAW / path) for path in paths[:SAMPLE])
    predicted = np.array([prediction.probabilities for prediction in Classifier(folder).predict_sources(sources)])
    difference = float(max(np.abs(by_keras - by_openvino).max(), np.abs(by_keras[:SAMPLE] - predicted).max()))
    if difference > TOLERANCE:
        raise UserError(
            f"The classifier for use gives other probabilities by Keras than by OpenVINO, by up to {difference:.4f} "
            f"where {TOLERANCE} is allowed. Type `dvc repro --force export`."
        )
    print(
        f"for use: {len(paths)} images by Keras and by OpenVINO; largest difference of a probability {difference:.4f}"
    )


def check(protocol: str, probabilities: NDArray[np.float64], predictions: pd.DataFrame) -> None:
    """Compare what a saved classifier says of the test part with the predictions that were scored.

    Args:
        protocol: its name.
        probabilities: array (images, classes).
        predictions: of the test part, as scored.

    Raises:
        UserError: a probability differs by more than `TOLERANCE`, or a class where that is no excuse.
    """
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


def _pixels(path: str, size: int) -> NDArray[np.float32]:
    return resize(decode(RAW / path)[0], size).astype(np.float32)


if __name__ == "__main__":
    main()
