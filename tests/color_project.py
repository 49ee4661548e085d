"""A project whose backbone sees the mean color: small, and quickly trained, scored and exported by the real stages."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from stages import evaluate, export, train
from tests.color_package import CLASSES, COLORS, SIZE
from tests.imports import ROOT
from wbc.embed import engines
from wbc.embed.tensorflow_setup import keras
from wbc.fetch.record import FetchRecord
from wbc.split.folds import roles
from wbc.split.table import Splits

PARTS = ["train", "train", "train", "valid", "test", "test"]


def fetch_record(synthetic: bool, images: int, classes: dict[str, int]) -> FetchRecord:
    """Return a record of a data set of which there is nothing to tell."""
    record = {field: {} for field in ("converted", "parts", "groups", "merged", "relabelled")}
    record |= {field: [] for field in ("quarantined", "ignored", "left_by_systems", "left_out")}
    record |= {"source": "local", "description": "the images of colors", "origin": "colors", "sha256": None}
    return FetchRecord(synthetic=synthetic, images=images, classes=classes, **record)


def make(root: Path) -> None:
    """Write under `root` what the stages before `train` write: six images of each class, each a group of its own."""
    (root / "data/features").mkdir(parents=True)
    image = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.Rescaling(1 / 50)(keras.layers.GlobalAveragePooling2D()(image))
    backbone = keras.Model(image, features, name="backbone")
    backbone.save(root / "data/features/backbone.keras")
    (root / "data/features/backbone.pb").write_bytes(engines.ENGINES["openvino"].convert(backbone))
    facts = {
        "backbone": "Color",
        "weights": "random",
        "parameters": 0,
        "image_size": SIZE,
        "tta_views": 8,
        "zooms": [1],
        "weights_file_sha256": None,
    }
    (root / "data/features/features.json").write_text(json.dumps(facts))

    rows, values = [], []
    for name, color in zip(CLASSES, COLORS, strict=True):
        for number, part in enumerate(PARTS):
            shade = np.clip(np.array(color) + number, 0, 255).astype(np.uint8)
            path = f"{name}/{number}.png"
            (root / "data/images" / path).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (12, 9), tuple(shade.tolist())).save(root / "data/images" / path)
            rows.append((path, name, len(rows), part, number % 3))
            values.append(shade / 50)
    np.save(root / "data/features/features.npy", np.repeat(np.array(values)[:, None], 2, axis=1).astype(np.float16))
    table = pd.DataFrame(rows, columns=["path", "label", "photo_id", "image", "fold"])
    table = table.assign(group=table["photo_id"], grouped=table["image"])
    fold = table["fold"].to_numpy()
    halved = np.arange(len(table)) % 2 == 0
    Splits(table, roles(table["path"].tolist(), fold, [set()] * len(table), halved)).save(root / "data")

    counts = {name: len(PARTS) for name in CLASSES}
    fetch_record(synthetic=False, images=len(table), classes=counts).save(root / "data")
    (root / "data/truth.csv").write_text("path,cell\n")
    split = {"images": len(table), "groups": len(table), "level": "photograph", "searched": True, "own_parts": False}
    split |= {
        "given": None,
        "shared_groups": {},
        "excluded": {"images": 0, "too_doubtful": []},
        "leak": {"image": 0.0, "grouped": 0.0},
        "overlap": {"known": 0, "images": 0, "paths": []},
    }
    split |= {"foreground": {"typical": 0.25, "classes": {"basophil": 0.2, "eosinophil": 0.3, "lymphocyte": 0.25}}}
    (root / "data/split.json").write_text(json.dumps(split))
    (root / "data/baselines").mkdir()
    for scheme in ("image", "grouped", "crossval"):
        scored = table if scheme == "crossval" else table[table[scheme] == "test"]
        guesses = dict.fromkeys(("majority", "color_histogram", "logistic_regression"), scored["label"])
        scored[["path"]].assign(**guesses).to_csv(root / f"data/baselines/{scheme}.csv", index=False)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["train"]["head"] |= {"units": []}
    params["train"]["optimizer"] |= {"epochs": 30, "batch_size": 4, "learning_rate": 0.3}
    params["train"]["crossval"] = {"heads": 1, "units": []}
    (root / "params.yaml").write_text(yaml.safe_dump(params))


def reproduce(root: Path) -> None:
    """Write under `root` what a finished run leaves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        make(root)
        for stage in (train, evaluate, export):
            stage.main()
