"""evaluate: the saved classifier on the test images, under one protocol.

    python -m stages.evaluate image      # or grouped

Reads models/<protocol>/, data/raw/, data/splits.csv, data/fetch.json. The classifier gets the image files, not the
features it was trained on, so that what is scored is what is shipped. Writes to reports/<protocol>/

    metrics.json      numbers, nested; an undefined one (recall of a class without test images) is left out
    predictions.csv   path, label, predicted, and p_<class> for each class
    roc.csv, pr.csv   points of the one-vs-rest curves
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from stages.lib import baselines
from stages.lib.deterministic import keras, start
from stages.lib.errors import speaks_to_people
from stages.lib.files import read_json, write_csv, write_json
from stages.lib.images import decode, resize
from stages.lib.inference import ahead, outputs
from stages.lib.metrics import DIGITS, pr_curves, roc_curves, rounded, score, summarise
from stages.lib.progress import track


@speaks_to_people
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("protocol", choices=["image", "grouped"])
    protocol = parser.parse_args().protocol
    start(seed=0)  # nothing here is random; this is for the deterministic kernels

    splits = pd.read_csv("data/splits.csv", dtype={"path": str, "label": str}, keep_default_na=False)
    classes = read_json(Path("models", protocol, "classes.json"))
    numbers = splits["label"].map({name: number for number, name in enumerate(classes)}).to_numpy()
    test, train = splits[protocol] == "test", splits[protocol] == "train"
    files = [Path("data/raw", path) for path in splits["path"]]
    test_files = [file for file, chosen in zip(files, test, strict=True) if chosen]

    model = keras.models.load_model(Path("models", protocol, "classifier.keras"), compile=False)
    size = model.input_shape[1]
    images = track(ahead(lambda file: resize(decode(file)[0], size), test_files), "evaluate", total=len(test_files))
    probabilities = np.concatenate(list(outputs(model, images)))

    colours = np.stack(
        list(
            track(ahead(lambda file: baselines.colour_histogram(decode(file)[0]), files), "baseline", total=len(files))
        )
    )
    guesses = {
        "majority": baselines.majority(numbers[train], test.sum()),
        "colour_histogram": baselines.logistic_regression(colours[train], numbers[train], colours[test]),
    }

    labels, reports = numbers[test], Path("reports", protocol)
    metrics = {
        "synthetic": int(read_json("data/fetch.json")["synthetic"]),
        **summarise(labels, probabilities, classes),
        "baseline": {name: score(labels, guess) for name, guess in guesses.items()},
        "images": {part: int((splits[protocol] == part).sum()) for part in ("train", "valid", "test")},
    }
    write_json(reports / "metrics.json", rounded(metrics))
    predictions = splits.loc[test, ["path", "label"]].reset_index(drop=True)
    predictions["predicted"] = np.array(classes)[probabilities.argmax(axis=1)]
    columns = pd.DataFrame(probabilities.round(DIGITS), columns=[f"p_{name}" for name in classes])
    write_csv(reports / "predictions.csv", pd.concat([predictions, columns], axis=1))
    write_csv(reports / "roc.csv", roc_curves(labels, probabilities, classes))
    write_csv(reports / "pr.csv", pr_curves(labels, probabilities, classes))


if __name__ == "__main__":
    main()
