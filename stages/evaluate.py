"""evaluate: the classifier, backbone and head in one, on the test images, under one protocol.

    python -m stages.evaluate image      # or grouped

Reads models/<protocol>/head.keras, data/features/backbone.keras, data/raw/, data/splits.csv, data/baselines/,
data/fetch.json. The classifier gets the image files, not the features it was trained on, so that what
is scored is what is shipped. Writes

    models/<protocol>/classifier.keras   raw RGB 0-255 images to class probabilities
    reports/<protocol>/metrics.json      numbers, nested; an undefined one (recall of a class without test images) is
                                         left out
    reports/<protocol>/predictions.csv   path, label, photo_id, predicted, and p_<class> for each class
    reports/<protocol>/roc.csv, pr.csv   points of the one-vs-rest curves
"""

import argparse
from pathlib import Path

import numpy as np

from wbc.core import params
from wbc.core.errors import exit_on_user_error
from wbc.core.files import read_json, replacing
from wbc.core.prefetch import prefetch
from wbc.core.progress import track
from wbc.core.tables import read_baseline_predictions, read_splits
from wbc.data.images import decode, resize
from wbc.evaluation.intervals import IntervalParams
from wbc.evaluation.scoring import describe, save, source_counts
from wbc.models import keras_file
from wbc.models.head import classifier
from wbc.models.inference import compiled
from wbc.models.tensorflow_setup import keras, start


@exit_on_user_error
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("protocol", choices=["image", "grouped"])
    protocol = parser.parse_args().protocol
    settings = params.load("params.yaml", "intervals", IntervalParams)
    start(seed=0)  # nothing here is random but the intervals, which have their own; this is for deterministic kernels

    splits, numbers, classes = read_splits("data/splits.csv")
    rows = {part: np.flatnonzero(splits[protocol] == part) for part in ("train", "valid", "test")}
    labels, tested = numbers[rows["test"]], splits.iloc[rows["test"]]
    baseline_predictions = read_baseline_predictions(Path("data/baselines", f"{protocol}.csv"), tested["path"], classes)

    backbone, head = (
        keras.models.load_model(file, compile=False)
        for file in ("data/features/backbone.keras", Path("models", protocol, "head.keras"))
    )
    model = classifier(backbone, head)
    with replacing(Path("models", protocol, "classifier.keras")) as partial:
        keras_file.save(model, partial)
    size = model.input_shape[1]
    images = prefetch(lambda path: resize(decode(Path("data/raw", path))[0], size), tested["path"])
    probabilities = np.concatenate(list(compiled(model)(track(images, "evaluate", total=len(tested)))))

    metrics = {
        "synthetic": int(read_json("data/fetch.json")["synthetic"]),
        **describe(labels, probabilities, tested["photo_id"].to_numpy(), classes, baseline_predictions, settings),
        "images": {part: len(members) for part, members in rows.items()},
        "sources": {
            part: source_counts(splits["label"].iloc[members], splits["photo_id"].iloc[members], classes)
            for part, members in rows.items()
        },
    }
    save(Path("reports", protocol), metrics, tested[["path", "label", "photo_id"]], labels, probabilities, classes)


if __name__ == "__main__":
    main()
