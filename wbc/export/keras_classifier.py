"""The classifier that is shipped: backbone and head as one Keras model from raw images to probabilities."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wbc.embed import keras_file
from wbc.embed.tensorflow_setup import keras
from wbc.train.head import Head, folded
from wbc.train.layers import EPSILON, MOMENTUM


def keras_head(head: Head, dropout: float = 0.0, name: str = "head") -> "keras.Model":
    """Return a head as a Keras model from (features,) numbers to (classes,) probabilities, with its weights.

    Args:
        head: the weights.
        dropout: share of a block's outputs silenced if the model is trained further; scoring ignores it.
        name: of the model.
    """
    head = folded(head)
    # Not `Sequential`, which builds itself anew with every layer that is added to it or read.
    features = values = keras.Input((head.standardize.center.size,), name="features")
    weights: list[tuple[Any, list]] = []
    for number, (dense_weights, norm_weights) in enumerate(zip(head.dense, head.norms, strict=False), start=1):
        dense = keras.layers.Dense(dense_weights.bias.size, activation="relu", name=f"dense_{number}")
        norm = keras.layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, name=f"norm_{number}")
        values = keras.layers.Dropout(dropout, name=f"dropout_{number}")(norm(dense(values)))
        weights += [(dense, dense_weights.arrays), (norm, norm_weights.arrays)]
    last = keras.layers.Dense(head.classes, activation="softmax", name="probabilities")
    model = keras.Model(features, last(values), name=name)
    for layer, arrays in [*weights, (last, head.dense[-1].arrays)]:
        layer.set_weights(arrays)
    return model


def save_classifier(model: "keras.Model", path: Path, classes: Sequence[str]) -> None:
    """Write a classifier as a `.keras` file that holds the class names too, in its member classes.json."""
    keras_file.save(model, path, {"classes.json": json.dumps(classes, ensure_ascii=False).encode()})


def build_classifier(
    backbone: "keras.Model", heads: list["keras.Model"], test_views: int = 1, name: str = "classifier"
) -> "keras.Model":
    """Return backbone and heads as one model from raw RGB 0-255 images to class probabilities.

    The backbone runs in inference mode whatever the caller asks for: its batch statistics are part of what is frozen
    (see https://keras.io/guides/transfer_learning/).

    Args:
        backbone: from images to features.
        heads: from features to probabilities; of several, the mean.
        test_views: 1, or 8 for the mean feature of an image in its eight orientations. It adds no weight.
        name: of the model.
    """
    keras.backend.clear_session()  # operations are numbered in a session: so the same classifier is described the same
    backbone.trainable = False
    image = keras.Input(backbone.input_shape[1:], name="image")
    if test_views == 1:
        features = backbone(image, training=False)
    else:
        squares = (image, keras.ops.transpose(image, (0, 2, 1, 3)))
        turned = [
            keras.ops.flip(square, axis) if axis else square for square in squares for axis in (None, 1, 2, (1, 2))
        ]
        together = backbone(keras.ops.concatenate(turned, axis=0), training=False)
        features = keras.ops.mean(keras.ops.reshape(together, (len(turned), -1, backbone.output_shape[1])), axis=0)
    probabilities = [head(features) for head in heads]
    mean = keras.layers.Average(name="mean_of_heads")(probabilities) if len(heads) > 1 else probabilities[0]
    return keras.Model(image, mean, name=name)
