"""Keras models of backbone and heads, from raw images to class probabilities."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wbc.embed import keras_file
from wbc.embed.tensorflow_setup import keras
from wbc.embed.views import ORIENTATIONS
from wbc.train.head import Head, folded
from wbc.train.layers import EPSILON, MOMENTUM, BatchNorm, Dense

Weights = list[tuple[Any, list[np.ndarray]]]  # layers and their weights


def keras_head(head: Head, dropout: float = 0.0) -> "keras.Model":
    """Return a head as a Keras model from (features,) numbers to (classes,) probabilities, with its weights.

    Args:
        head: the weights.
        dropout: rate of the dropout layer after each block, 0-1; used in further training only.
    """
    head = folded(head)
    # Not `Sequential`, which is rebuilt whenever a layer is added or read.
    features = values = keras.Input((head.standardize.center.size,), name="features")
    weights: Weights = []
    for number, (own_dense, own_norm) in enumerate(zip(head.dense, head.norms, strict=False), start=1):
        dense = keras.layers.Dense(own_dense.bias.size, activation="relu", name=f"dense_{number}")
        norm = keras.layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, name=f"norm_{number}")
        values = keras.layers.Dropout(dropout, name=f"dropout_{number}")(norm(dense(values)))
        weights += [(dense, own_dense.arrays), (norm, own_norm.arrays)]
    last = keras.layers.Dense(head.classes, activation="softmax", name="probabilities")
    return _with_weights(keras.Model(features, last(values), name="head"), [*weights, (last, head.dense[-1].arrays)])


def keras_ensemble(heads: Sequence[Head]) -> "keras.Model":
    """Return the mean of several heads of one shape as a Keras model from (features,) numbers to probabilities.

    All heads are computed at once. The first layer holds the units of all heads. Each later layer is a convolution of
    width 1 with a group of channels for each head.
    """
    folded_heads = [folded(head) for head in heads]
    count, weights = len(heads), []
    features = values = keras.Input((folded_heads[0].standardize.center.size,), name="features")
    for number, layers in enumerate(zip(*(head.dense for head in folded_heads), strict=True), start=1):
        is_last = number > len(folded_heads[0].norms)
        settings = {"name": "logits"} if is_last else {"name": f"dense_{number}", "activation": "relu"}
        kernel, bias = _side_by_side(layers, axis=1)
        if number == 1:
            dense = keras.layers.Dense(bias.size, **settings)
            values = keras.layers.Reshape((1, bias.size))(dense(values))
            weights.append((dense, [kernel, bias]))
        else:
            grouped = keras.layers.Conv1D(bias.size, 1, groups=count, **settings)
            values = grouped(values)
            weights.append((grouped, [kernel[None], bias]))
        if not is_last:
            norm = keras.layers.BatchNormalization(epsilon=EPSILON, name=f"norm_{number}")
            values = norm(values)
            weights.append((norm, _side_by_side([head.norms[number - 1] for head in folded_heads], axis=0)))
    values = keras.layers.Softmax()(keras.layers.Reshape((count, folded_heads[0].classes))(values))
    mean = keras.layers.GlobalAveragePooling1D(name="mean_of_heads")(values)
    return _with_weights(keras.Model(features, mean, name="heads"), weights)


def _side_by_side(layers: Sequence[Dense] | Sequence[BatchNorm], axis: int) -> list[np.ndarray]:
    """Return the arrays of layers of one shape, joined along their units."""
    return [
        np.concatenate(arrays, axis=min(axis, arrays[0].ndim - 1))
        for arrays in zip(*(layer.arrays for layer in layers), strict=True)
    ]


def _with_weights(model: "keras.Model", weights: Weights) -> "keras.Model":
    for layer, arrays in weights:
        layer.set_weights(arrays)
    return model


def save_classifier(model: "keras.Model", path: Path, classes: Sequence[str]) -> None:
    """Write a classifier as a `.keras` file, with the class names in its member classes.json."""
    keras_file.save(model, path, {"classes.json": json.dumps(classes, ensure_ascii=False).encode()})


def build_classifier(backbone: "keras.Model", head: "keras.Model", tta_views: int, name: str) -> "keras.Model":
    """Return backbone and head as one model from raw RGB 0-255 images to class probabilities.

    The backbone always runs in inference mode, because its batch statistics are frozen, too (see
    https://keras.io/guides/transfer_learning/).

    Args:
        backbone: from images to features.
        head: from features to probabilities.
        tta_views: 1, or 8 for the mean feature of an image in its eight orientations. It adds no weight.
        name: of the model.
    """
    backbone.trainable = False
    image = keras.Input(backbone.input_shape[1:], name="image")
    if tta_views == 1:
        features = backbone(image, training=False)
    else:
        squares = (image, keras.ops.transpose(image, (0, 2, 1, 3)))
        turned = [
            keras.ops.flip(square, axis) if axis else square for square in squares for axis in (None, 1, 2, (1, 2))
        ]
        together = backbone(keras.ops.concatenate(turned, axis=0), training=False)
        features = keras.ops.mean(keras.ops.reshape(together, (ORIENTATIONS, -1, backbone.output_shape[1])), axis=0)
    return keras.Model(image, head(features), name=name)
