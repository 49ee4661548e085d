"""Train a backbone on the cells of one or two laboratories: the candidates of docs/results/domain-shift.md.

    python -m research.train_backbone research/backbones/two_laboratories.yaml

Reads the settings, pretraining/cells/ (of `python -m pretraining.cells`), the archive of Raabin-WBC that the settings
name, and the domain augmentation of pretraining/params.yaml. Writes to .cache/backbones/<name of the settings>/

    efficientnetb0.weights.h5   float16 weights of the backbone
    layer.npz                   the training's own softmax layer (kernel, bias, classes): backbone and layer together
                                are the network as it was trained end to end
    history.csv                 one row per epoch, see `wbc.pretraining.backbone_training.pretrain`
    training.json               settings, numbers of cells, best epoch, hours

Each step has equally many cells of every laboratory and class. Each epoch ends with a checkpoint in .cache/backbones/,
from which a killed training resumes.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydantic
import yaml

from pretraining.pretrain import say
from wbc.common import params
from wbc.common.errors import exit_on_user_error
from wbc.common.files import replacing, sha256, write_csv, write_json
from wbc.common.images import decode, resize
from wbc.common.progress import track
from wbc.embed.tensorflow_setup import keras, start
from wbc.pretraining import backbone_training, domain_augmentation, efficientnet_lite0, parts
from wbc.pretraining.backbone_training import Cells, Phase, PretrainParams, Settings
from wbc.pretraining.weights_file import save_float16

HOME = Path("pretraining/cells")
CHECKPOINTS = Path(".cache/backbones")
LITE0 = "imagenet-lite0"


class Raabin(params.Section):
    """The training cells of Raabin-WBC."""

    archive: str
    valid_photographs: int = pydantic.Field(ge=2)  # n: every n-th photograph of the part Train chooses the epoch
    most: dict[str, pydantic.PositiveInt]  # most training cells of a class
    most_valid: pydantic.PositiveInt  # most cells of each class for the choice of the epoch


class TrainingFile(params.Section):
    """A file of settings."""

    seed: int = pydantic.Field(ge=0, lt=2**32)
    start_from: str  # imagenet-lite0, or the path of a .weights.h5 file
    barcelona: bool  # whether Barcelona's parts train and valid are used
    raabin: Raabin
    phases: list[Phase] = pydantic.Field(min_length=1)
    learning_rate: float = pydantic.Field(gt=0, le=1)  # the highest


@exit_on_user_error
def main() -> None:
    """Train the backbone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", type=Path)
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="default: as above")
    options = parser.parse_args()
    settings = TrainingFile.model_validate(yaml.safe_load(options.settings.read_text("utf-8")))
    recipe = params.load("pretraining/params.yaml", "pretrain", Settings).training
    training = PretrainParams.model_validate(
        recipe.model_dump()
        | {"phases": [phase.model_dump() for phase in settings.phases], "learning_rate": settings.learning_rate}
    )
    start(settings.seed)
    began = time.monotonic()
    table = read_table(settings)
    classes = sorted(table["label"].unique())
    side = round(domain_augmentation.ROOM * max(phase.image_size for phase in training.phases))
    train, valid = (read_cells(table[table["use"] == use], classes, side) for use in ("train", "valid"))

    model = keras.applications.EfficientNetB0(
        include_top=False, weights=None, pooling="avg", input_shape=(None, None, 3)
    )
    if settings.start_from == LITE0:
        efficientnet_lite0.load_imagenet(model)
    else:
        model.load_weights(settings.start_from)
        for layer in model.layers:
            if isinstance(layer, keras.layers.Normalization):
                layer.finalize_state()
    checkpoint = CHECKPOINTS / f"{name_of(settings, training, table)}.npz"
    if checkpoint.exists():
        print(f"going on from {checkpoint}", file=sys.stderr)
    print(pd.crosstab([table["laboratory"], table["label"]], table["use"]).to_string(), file=sys.stderr, flush=True)
    trained = backbone_training.pretrain(
        model, len(classes), train, valid, training, settings.seed, checkpoint, report=say
    )

    with replacing(options.output or CHECKPOINTS / options.settings.stem) as folder:
        folder.mkdir()
        save_float16(model, folder / "efficientnetb0.weights.h5")
        np.savez(folder / "layer.npz", kernel=trained.kernel, bias=trained.bias, classes=np.array(classes))
        write_csv(folder / "history.csv", pd.DataFrame(trained.history).round(6))
        write_json(
            folder / "training.json",
            {
                "settings": settings.model_dump(mode="json"),
                "cells": table.groupby(["laboratory", "use"]).size().unstack().to_dict("index"),
                "best_epoch": max(row["epoch"] for row in trained.history if row["best"]),
                "hours_since_last_start": round((time.monotonic() - began) / 3600, 3),
                "weights_sha256": sha256(folder / "efficientnetb0.weights.h5"),
            },
        )


def read_table(settings: TrainingFile) -> pd.DataFrame:
    """Return the cells for training and for the choice of the epoch, as a table: file, label, laboratory, use."""
    raabin = parts.read_parts(Path(settings.raabin.archive))
    raabin = raabin[raabin["part"] == "Train"]
    is_valid = parts.every(raabin["photograph"], settings.raabin.valid_photographs)
    most_valid = dict.fromkeys(raabin["label"].unique(), settings.raabin.most_valid)
    tables = [
        parts.capped(raabin[~is_valid], settings.raabin.most).assign(laboratory="raabin", use="train"),
        parts.capped(raabin[is_valid], most_valid).assign(laboratory="raabin", use="valid"),
    ]
    if settings.barcelona:
        home = pd.read_csv(HOME / "cells.csv", dtype=str, keep_default_na=False)
        home = home[home["part"] != "test"]
        home["file"] = [HOME / "raw" / path for path in home["path"]]
        tables.append(home.assign(laboratory="barcelona", use=home["part"]))
    return pd.concat(tables)[["file", "label", "laboratory", "use"]].reset_index(drop=True)


def read_cells(table: pd.DataFrame, classes: Sequence[str], side: int) -> Cells:
    """Return the images of a table, resized to `side` pixels, each laboratory and class a stratum."""
    images = np.empty((len(table), side, side, 3), np.uint8)
    for row, file in enumerate(track(table["file"], "read")):
        images[row] = resize(decode(file)[0], side)
    strata = table.groupby(["laboratory", "label"]).ngroup().to_numpy()
    return Cells(images, table["label"].map(classes.index).to_numpy(), strata)


def name_of(settings: TrainingFile, training: PretrainParams, table: pd.DataFrame) -> str:
    """Return the name of a training's checkpoint, a digest of everything that the training depends on."""
    code = [sha256(str(module.__file__)) for module in (domain_augmentation, efficientnet_lite0, backbone_training)]
    begin = LITE0 if settings.start_from == LITE0 else sha256(settings.start_from)
    cells = hashlib.sha256(table.astype(str).to_csv(index=False).encode()).hexdigest()
    content: list[Any] = [settings.seed, begin, training.model_dump(), cells, code, keras.__version__]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
