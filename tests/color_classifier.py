"""A project whose backbone sees the mean color and whose heads name the strongest: small, and always right."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages import export
from wbc.embed import engines
from wbc.embed.tensorflow_setup import keras
from wbc.export import ood as novelty
from wbc.export.decision import Decision, save_reference, to_json
from wbc.train.head import Head, predict_proba, save_head
from wbc.train.layers import Dense, Standardize

CLASSES = ["basophil", "eosinophil", "lymphocyte"]
COLORS = [(250, 10, 10), (10, 250, 10), (10, 10, 250)]


def make(root: Path) -> None:
    """Write under `root` what the stage `export` reads: two images per class, and what was scored of them."""
    (root / "data/features").mkdir(parents=True)
    image = keras.Input((8, 8, 3))
    features = keras.layers.Rescaling(1 / 50)(keras.layers.GlobalAveragePooling2D()(image))
    backbone = keras.Model(image, features, name="backbone")
    backbone.save(root / "data/features/backbone.keras")
    (root / "data/features/backbone.pb").write_bytes(engines.ENGINES["openvino"].convert(backbone))
    (root / "data/features/features.json").write_text('{"tta_views": 8, "zooms": [1]}')
    (root / "data/fetch.json").write_text('{"description": "the images of colors", "synthetic": false}')
    (root / "reports").mkdir()
    (root / "reports/audit.json").write_text('{"foreground": {"classes": {"basophil": 0.2, "eosinophil": 0.3}}}')
    head = Head([Standardize.neutral(3), Dense(np.eye(3), np.zeros(3))])
    paths = [f"{name}/{number}.png" for name in CLASSES for number in range(2)]
    for path in paths:
        (root / "data/images" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 9), COLORS[CLASSES.index(path.split("/")[0])]).save(root / "data/images" / path)
    known = np.repeat(np.array(COLORS) / 50, 2, axis=0)
    probabilities = predict_proba(head, known)
    predictions = pd.DataFrame(probabilities.round(4), columns=[f"p_{name}" for name in CLASSES]).assign(path=paths)
    for protocol in ("image", "grouped"):
        (root / "models" / protocol).mkdir(parents=True)
        (root / "reports" / protocol).mkdir(parents=True)
        save_head(head, root / "models" / protocol / "head.npz")
        predictions.to_csv(root / "reports" / protocol / "predictions.csv", index=False)
    (root / "models/crossval").mkdir()
    for fold in range(2):
        save_head(head, root / f"models/crossval/fold_{fold}_1.npz")
    save_reference(novelty.reference(known), root / "models/reference.npz")
    decision = Decision(CLASSES, 1.0, 0.2, 0.2, 1, 0.9, 0.99)
    (root / "models/decision.json").write_text(json.dumps(to_json(decision)))


def ship(root: Path) -> None:
    """Write under `root` what a finished run leaves: what `make` writes, and the classifiers of the stage `export`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        make(root)
        export.main()
