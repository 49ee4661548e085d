"""export: backbone and head of each protocol as the one classifier that is shipped, checked against what was scored.

    python -m stages.export

Reads data/features/backbone.keras, models/<protocol>/head.npz, data/raw/, data/splits.csv and
reports/<protocol>/predictions.csv. Writes

    models/<protocol>/classifier.keras   raw RGB 0-255 images to class probabilities
    reports/export.json                  what was checked, and the bound that was kept

The saved file is loaded again and gets the image files of the test part. It computes in float32 and from pixels, the
scores come from float16 features in exact arithmetic: a probability may differ by `TOLERANCE`, and a class only where
the two likeliest are nearer to each other than that. Beyond it, the stage fails: what is shipped is what was scored.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from wbc.core.errors import UserError, exit_on_user_error
from wbc.core.files import replacing, write_json
from wbc.core.prefetch import prefetch
from wbc.core.progress import track
from wbc.core.protocols import PROTOCOLS
from wbc.core.tables import read_csv
from wbc.data.images import decode, resize
from wbc.models import keras_file
from wbc.models.classifier import build_classifier, keras_head
from wbc.models.head import count_parameters, load_head
from wbc.models.inference import compiled
from wbc.models.tensorflow_setup import keras, start

TOLERANCE = 0.02  # of a probability. On the default run the largest difference was 0.004


@exit_on_user_error
def main() -> None:
    start(seed=0)  # nothing here is random; this is for deterministic kernels
    backbone = keras.models.load_model("data/features/backbone.keras", compile=False)
    checked = {}
    for protocol in PROTOCOLS:
        head = load_head(Path("models", protocol, "head.npz"))
        with replacing(Path("models", protocol, "classifier.keras")) as partial:
            model = build_classifier(backbone, keras_head(head))
            keras_file.save(model, partial)
            predictions = read_csv(Path("reports", protocol, "predictions.csv"))
            check(protocol, partial, predictions)
        checked[protocol] = {
            "images": len(predictions),
            "parameters": {"total": model.count_params(), "trainable": count_parameters(head)[1]},
        }
    write_json("reports/export.json", {"tolerance": TOLERANCE, "checked": checked})


def check(protocol: str, file: Path, predictions: pd.DataFrame) -> None:
    """Compare a saved classifier with the predictions that were scored.

    Raises:
        UserError: a probability differs by more than `TOLERANCE`, or a class where that is no excuse.
    """
    model = keras.models.load_model(file, compile=False)
    size = model.input_shape[1]
    images = prefetch(lambda path: resize(decode(Path("data/raw", path))[0], size), predictions["path"])
    watched = track(images, f"check {protocol}", total=len(predictions))
    probabilities = np.concatenate(list(compiled(model)(watched)))
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
