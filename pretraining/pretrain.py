"""pretrain: the backbone trained on blood cells, from weights trained on photographs.

    python -m pretraining.pretrain

Reads pretraining/cells/. Writes to pretraining/

    barcelona.weights.h5        float16 weights of keras.applications.EfficientNetB0(include_top=False, pooling="avg")
    history.csv                 one row per epoch, see `wbc.pretraining.backbone_training.pretrain`
    training.json               seed, start, data, best epoch, effect of float16

Each epoch ends with a checkpoint in .cache/blood/, from which a killed training resumes.
"""

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from wbc.common import params
from wbc.common.errors import exit_on_user_error
from wbc.common.files import read_json, sha256, write_csv, write_json
from wbc.embed import backbones
from wbc.embed.tensorflow_setup import keras, start
from wbc.pretraining import backbone_training, domain_augmentation, efficientnet_lite0
from wbc.pretraining.two_laboratories import read_images, say
from wbc.pretraining.weights_file import save_float16

PARAMS, CELLS = "pretraining/params.yaml", Path("pretraining/cells")
BARCELONA = Path("pretraining/barcelona.weights.h5")
CHECKPOINTS = Path(".cache/blood")  # outside the outputs, which DVC deletes before the stage runs


@exit_on_user_error
def main() -> None:
    """Train the backbone."""
    settings = params.load(PARAMS, "pretrain", backbone_training.Settings)
    start(settings.seed)
    table = pd.read_csv(CELLS / "cells.csv", dtype=str, keep_default_na=False)
    classes = sorted(table["label"].unique())
    largest = max(phase.image_size for phase in settings.training.phases)
    train, valid = (
        read_cells(table[table["part"] == part], classes, round(domain_augmentation.ROOM * largest))
        for part in ("train", "valid")
    )

    model = keras.applications.EfficientNetB0(
        include_top=False, weights=None, pooling="avg", input_shape=(None, None, 3)
    )
    starts = {"imagenet-lite0": efficientnet_lite0.load_imagenet, "imagenet": backbones.load_keras_imagenet}
    starts[settings.start_from](model)
    checkpoint = CHECKPOINTS / f"{name_of(settings)}.npz"
    if checkpoint.exists():
        print(f"going on from {checkpoint}", file=sys.stderr)
    history, *_ = backbone_training.pretrain(
        model, len(classes), train, valid, settings.training, settings.seed, checkpoint, report=say
    )

    sample = backbone_training.sample(valid, largest)
    exact = model(sample, training=False).numpy()
    save_float16(model, BARCELONA)
    difference = np.abs(model(sample, training=False).numpy() - exact).max()
    write_csv(BARCELONA.with_name("history.csv"), pd.DataFrame(history).round(6))
    best = max(row["epoch"] for row in history if row["best"])
    write_json(
        BARCELONA.with_name("training.json"),
        {
            "seed": settings.seed,
            "start_from": settings.start_from,
            "archive_sha256": read_json(CELLS / "source.json")["sha256"],
            "cells_sha256": sha256(CELLS / "cells.csv"),
            "classes": classes,
            "images": {"train": len(train), "valid": len(valid)},
            "best_epoch": best,
            "best": {name: round(value, 4) for name, value in history[best - 1].items() if "_" in name},
            "float16": {"images": len(sample), "largest_feature": round(float(exact.max()), 4)}
            | {"largest_difference": round(float(difference), 4)},
        },
    )
    checkpoint.unlink()


def read_cells(table: pd.DataFrame, classes: Sequence[str], side: int) -> backbone_training.Cells:
    """Return the images of a table of cells, decoded and resized to `side` pixels."""
    images = read_images([CELLS / "raw" / path for path in table["path"]], side)
    return backbone_training.Cells(images, table["label"].map(classes.index).to_numpy())


def name_of(settings: backbone_training.Settings) -> str:
    """Return the name of a training's checkpoint, a digest of everything that the training depends on."""
    code = [sha256(str(module.__file__)) for module in (domain_augmentation, efficientnet_lite0, backbone_training)]
    content = [settings.model_dump(), sha256(CELLS / "cells.csv"), code, keras.__version__]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
