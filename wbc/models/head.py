"""The head: blocks of Dense, BatchNormalization and Dropout, then softmax; with the backbone it is the classifier."""

import pydantic

from wbc.core.params import Section
from wbc.models.tensorflow_setup import keras

# Of batch normalization's running statistics. Keras' 0.99 needs hundreds of steps to forget where it started, and a few
# hundred images give three or four steps an epoch.
MOMENTUM = 0.9


class HeadParams(Section):
    """Shape and regularization of the head."""

    units: list[pydantic.PositiveInt] = pydantic.Field(
        max_length=20
    )  # of each block; an empty list is softmax regression
    dropout: float = pydantic.Field(ge=0, lt=1)  # share of a block's outputs silenced in training
    l2: float = pydantic.Field(ge=0, le=1)  # weight decay of every Dense kernel, as a penalty on its squares


def build_head(features, classes, params):
    """Return the head as a Keras model from (features,) numbers to (classes,) probabilities.

    >>> build_head(1280, 5, HeadParams(units=[1024, 512, 256, 128, 64], dropout=0.3, l2=0.0)).count_params()
    2017285

    Args:
        features: length of the backbone's output.
        classes: number of classes, at least 2.
        params: a `HeadParams`.
    """
    decay = keras.regularizers.L2(params.l2) if params.l2 else None
    head = keras.Sequential([keras.Input((features,), name="features")], name="head")
    for block, units in enumerate(params.units, start=1):
        head.add(keras.layers.Dense(units, activation="relu", kernel_regularizer=decay, name=f"dense_{block}"))
        head.add(keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"norm_{block}"))
        head.add(keras.layers.Dropout(params.dropout, name=f"dropout_{block}"))
    head.add(keras.layers.Dense(classes, activation="softmax", kernel_regularizer=decay, name="probabilities"))
    return head


def classifier(backbone, head):
    """Return backbone and head as one model from raw RGB 0-255 images to class probabilities.

    The backbone runs in inference mode whatever the caller asks for: its batch statistics are part of what is frozen
    (see https://keras.io/guides/transfer_learning/).
    """
    backbone.trainable = False
    image = keras.Input(backbone.input_shape[1:], name="image")
    return keras.Model(image, head(backbone(image, training=False)), name="classifier")
