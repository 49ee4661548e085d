"""A backbone of Raabin's cells alone, from ImageNet: the fair row of docs/results/domain-shift.md.

    python -m research.train_backbone

Reads research/raabin_train.yaml, the archive of Raabin-WBC that it names, and the domain augmentation of
pretraining/params.yaml. Writes to .cache/backbones/raabin_train/

    efficientnetb0.weights.h5   float16 weights of the backbone
    layer.npz                   the training's own softmax layer (kernel, bias, classes): backbone and layer together
                                are the network as it was trained end to end
    history.csv                 one row per epoch, see `wbc.pretraining.backbone_training.pretrain`
    training.json               settings, numbers of cells, best epoch

Each epoch ends with a checkpoint in .cache/backbones/, from which a killed training resumes.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from wbc.common import params
from wbc.common.errors import exit_on_user_error
from wbc.common.files import replacing, sha256, write_csv, write_json
from wbc.embed.tensorflow_setup import keras, start
from wbc.pretraining import backbone_training, domain_augmentation, efficientnet_lite0
from wbc.pretraining.backbone_training import Settings
from wbc.pretraining.two_laboratories import ContinueParams, raabin_table, read_cells, say
from wbc.pretraining.weights_file import save_float16

PARAMS = "pretraining/params.yaml"
SETTINGS, OUTPUT = Path("research/raabin_train.yaml"), Path(".cache/backbones/raabin_train")


@exit_on_user_error
def main() -> None:
    """Train the backbone."""
    settings = ContinueParams.model_validate(yaml.safe_load(SETTINGS.read_text("utf-8")))
    training = settings.training(params.load(PARAMS, "pretrain", Settings).training)
    start(settings.seed)
    table = raabin_table(settings.raabin)
    classes = sorted(table["label"].unique())
    side = round(domain_augmentation.ROOM * max(phase.image_size for phase in training.phases))
    train, valid = (read_cells(table[table["use"] == use], classes, side) for use in ("train", "valid"))

    model = keras.applications.EfficientNetB0(
        include_top=False, weights=None, pooling="avg", input_shape=(None, None, 3)
    )
    efficientnet_lite0.load_imagenet(model)
    code = [sha256(str(module.__file__)) for module in (domain_augmentation, efficientnet_lite0, backbone_training)]
    cells = hashlib.sha256(table.astype(str).to_csv(index=False).encode()).hexdigest()
    content = json.dumps([settings.seed, training.model_dump(), cells, code, keras.__version__])
    checkpoint = OUTPUT.with_name(f"{hashlib.sha256(content.encode()).hexdigest()[:16]}.npz")
    if checkpoint.exists():
        print(f"going on from {checkpoint}", file=sys.stderr)
    trained = backbone_training.pretrain(
        model, len(classes), train, valid, training, settings.seed, checkpoint, report=say
    )

    with replacing(OUTPUT) as folder:
        folder.mkdir()
        save_float16(model, folder / "efficientnetb0.weights.h5")
        np.savez(folder / "layer.npz", kernel=trained.kernel, bias=trained.bias, classes=np.array(classes))
        write_csv(folder / "history.csv", pd.DataFrame(trained.history).round(6))
        write_json(
            folder / "training.json",
            {
                "settings": settings.model_dump(mode="json"),
                "cells": table["use"].value_counts().to_dict(),
                "best_epoch": max(row["epoch"] for row in trained.history if row["best"]),
                "weights_sha256": sha256(folder / "efficientnetb0.weights.h5"),
            },
        )


if __name__ == "__main__":
    main()
