"""train: the head on the ready features, under one protocol.

    python -m stages.train image      # or grouped

Reads data/features/, data/splits.csv. Writes

    models/<protocol>/head.keras       features to class probabilities; `evaluate` joins it to the backbone
    models/<protocol>/classes.json     the class names, in the order of the probabilities
    reports/<protocol>/history.csv     loss and accuracy an epoch
    reports/<protocol>/training.json   epochs, best epoch, numbers of parameters of backbone and head together
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from wbc.core import params
from wbc.core.errors import exit_on_user_error
from wbc.core.files import read_json, replacing, write_csv, write_json
from wbc.core.tables import open_features, read_splits
from wbc.models.head import build_head
from wbc.models.keras_file import save
from wbc.models.tensorflow_setup import start
from wbc.training.fitting import TrainParams, fit


@exit_on_user_error
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("protocol", choices=["image", "grouped"])
    protocol = parser.parse_args().protocol
    settings = params.load("params.yaml", "train", TrainParams)
    start(settings.seed)

    splits, numbers, classes = read_splits("data/splits.csv")
    features = open_features(Path("data/features/features.npy"), len(splits))
    rows = {part: np.flatnonzero(splits[protocol] == part) for part in ("train", "valid")}
    if not len(rows["valid"]):
        print(
            "note: there are no validation images, so every epoch runs and the last one's weights stay", file=sys.stderr
        )

    head = build_head(features.shape[2], len(classes), settings.head)
    train, valid = ((rows[part], numbers[rows[part]]) for part in ("train", "valid"))
    history, best_epoch = fit(head, features, train, valid, settings.optimizer, settings.seed, report=say)

    with replacing(Path("models", protocol, "head.keras")) as partial:
        save(head, partial)
    write_json(Path("models", protocol, "classes.json"), classes)
    reports = Path("reports", protocol)
    write_csv(reports / "history.csv", pd.DataFrame(history).round(6))
    trainable = sum(int(np.prod(weight.shape)) for weight in head.trainable_weights)
    total = head.count_params() + read_json("data/features/features.json")["parameters"]
    write_json(
        reports / "training.json",
        {
            "epochs": len(history),
            "best_epoch": best_epoch,
            "parameters": {"total": total, "trainable": trainable},
        },
    )


def say(epoch, logs):
    """Print an epoch's results as one line."""
    results = ", ".join(
        f"{name} {logs[name]:.4f}" for name in ("loss", "accuracy", "val_loss", "val_accuracy") if name in logs
    )
    print(f"epoch {epoch}: {results}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
