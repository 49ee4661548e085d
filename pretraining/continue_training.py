"""continue_training: the backbone trained on with a second laboratory's cells, and the mean of both trainings.

    python -m pretraining.continue_training

Starts from pretraining/barcelona.weights.h5. Trains on Barcelona's cells (pretraining/cells/) and on Raabin-WBC's part
Train together. Each step has as many cells of every laboratory and class. Writes to pretraining/

    efficientnetb0.weights.h5     float16 mean of the weights before and after, which `embed.weights: blood` names
    two_laboratories.weights.h5   float16 weights after the training
    continued.csv                 one row per epoch, see `wbc.pretraining.backbone_training.pretrain`
    continued.json                seed, data, best epoch

Each epoch ends with a checkpoint in .cache/blood/, from which a killed training resumes.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from wbc.common import params
from wbc.common.errors import exit_on_user_error
from wbc.common.files import sha256, write_csv, write_json
from wbc.embed import backbones
from wbc.embed.tensorflow_setup import keras, start
from wbc.pretraining import backbone_training, domain_augmentation
from wbc.pretraining.backbone_training import PretrainParams, Settings
from wbc.pretraining.two_laboratories import ContinueParams, home_table, raabin_table, read_cells, say
from wbc.pretraining.weights_file import save_float16, save_mean

PARAMS, CELLS, CHECKPOINTS = "pretraining/params.yaml", Path("pretraining/cells"), Path(".cache/blood")
BARCELONA = Path("pretraining/barcelona.weights.h5")
WEIGHTS = Path("pretraining/efficientnetb0.weights.h5")
TRAINED = Path("pretraining/two_laboratories.weights.h5")
METRICS = ("shifted_loss", "shifted_accuracy", "plain_accuracy")  # of the best epoch, on the validation cells


@exit_on_user_error
def main() -> None:
    """Train the backbone on, and save the mean of the weights before and after."""
    settings = params.load(PARAMS, "continue_training", ContinueParams)
    training = settings.training(params.load(PARAMS, "pretrain", Settings).training)
    start(settings.seed)
    table = pd.concat([raabin_table(settings.raabin), home_table(CELLS)]).reset_index(drop=True)
    classes = sorted(table["label"].unique())
    largest = max(phase.image_size for phase in training.phases)
    side = round(domain_augmentation.ROOM * largest)
    train, valid = (read_cells(table[table["use"] == use], classes, side) for use in ("train", "valid"))

    model = keras.applications.EfficientNetB0(
        include_top=False, weights=None, pooling="avg", input_shape=(None, None, 3)
    )
    model.load_weights(BARCELONA)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    checkpoint = CHECKPOINTS / f"{name_of(settings, training, table)}.npz"
    if checkpoint.exists():
        print(f"going on from {checkpoint}", file=sys.stderr)
    trained = backbone_training.pretrain(
        model, len(classes), train, valid, training, settings.seed, checkpoint, report=say
    )
    save_float16(model, TRAINED)
    save_mean(backbones.build(largest, BARCELONA), backbones.build(largest, TRAINED), WEIGHTS)

    history = pd.DataFrame(trained.history).round(6)
    write_csv(WEIGHTS.with_name("continued.csv"), history)
    best = history[history["best"] == 1].iloc[-1]
    counts = table.groupby(["laboratory", "use"]).size().unstack()
    write_json(
        WEIGHTS.with_name("continued.json"),
        {
            "seed": settings.seed,
            "archive_sha256": sha256(settings.raabin.archive),
            "start_sha256": sha256(BARCELONA),
            "trained_sha256": sha256(TRAINED),
            "weights_sha256": sha256(WEIGHTS),
            "cells": {str(name): {use: int(row[use]) for use in ("train", "valid")} for name, row in counts.iterrows()},
            "best_epoch": int(best["epoch"]),
            "best": {name: round(float(best[name]), 4) for name in METRICS},
        },
    )
    checkpoint.unlink()


def name_of(settings: ContinueParams, training: PretrainParams, table: pd.DataFrame) -> str:
    """Return the name of a training's checkpoint, a digest of everything that the training depends on."""
    code = [sha256(str(module.__file__)) for module in (domain_augmentation, backbone_training)]
    cells = hashlib.sha256(table.astype(str).to_csv(index=False).encode()).hexdigest()
    content: list[Any] = [settings.seed, sha256(BARCELONA), training.model_dump(), cells, code, keras.__version__]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
