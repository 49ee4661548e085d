"""A packaged classifier whose backbone sees the mean color and whose heads name the strongest: small, always right."""

from pathlib import Path

import numpy as np

from wbc.embed import engines
from wbc.embed.tensorflow_setup import keras
from wbc.export import ood
from wbc.export.decision import Decision, save_reference
from wbc.export.packaging import BACKBONE, REFERENCE, write_facts
from wbc.train.head import Head, save_head
from wbc.train.layers import Dense, Standardize

CLASSES = ["basophil", "eosinophil", "lymphocyte"]
COLORS = [(250, 10, 10), (10, 250, 10), (10, 10, 250)]
SIZE = 8  # pixels


def deploy(root: Path) -> None:
    """Write models/deployed/ under `root`, with one head for each of two folds."""
    folder = root / "models/deployed"
    folder.mkdir(parents=True)
    image = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.Rescaling(1 / 50)(keras.layers.GlobalAveragePooling2D()(image))
    backbone = keras.Model(image, features, name="backbone")
    (folder / BACKBONE).write_bytes(engines.ENGINES["openvino"].convert(backbone))
    heads = ["fold_0_1.npz", "fold_1_1.npz"]
    for name in heads:
        save_head(Head([Standardize.neutral(3), Dense(np.eye(3), np.zeros(3))]), folder / name)
    save_reference(ood.reference(np.repeat(np.array(COLORS) / 50, 2, axis=0)), folder / REFERENCE)
    write_facts(
        folder,
        Decision(CLASSES, 1.0, 0.2, 0.2, 1, 0.9, 0.99),
        heads=heads,
        image_size=SIZE,
        tta_views=8,
        trained_on="the images of colors",
        synthetic=False,
        foreground=(0.2, 0.3),
    )
