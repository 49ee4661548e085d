"""The classifier that is shipped: backbone and head as one Keras model from raw images to probabilities."""

from wbc.models.head import EPSILON, MOMENTUM, Head
from wbc.models.tensorflow_setup import keras


def keras_head(head: Head, dropout: float = 0.0) -> "keras.Model":
    """Return a head as a Keras model from (features,) numbers to (classes,) probabilities, with its weights.

    Args:
        head: the weights.
        dropout: share of a block's outputs silenced if the model is trained further; scoring ignores it.
    """
    inputs = (head.blocks[0].kernel if head.blocks else head.kernel).shape[0]
    model = keras.Sequential([keras.Input((inputs,), name="features")], name="head")
    for number, block in enumerate(head.blocks, start=1):
        model.add(keras.layers.Dense(block.bias.size, activation="relu", name=f"dense_{number}"))
        model.add(keras.layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, name=f"norm_{number}"))
        model.add(keras.layers.Dropout(dropout, name=f"dropout_{number}"))
        model.get_layer(f"dense_{number}").set_weights([block.kernel, block.bias])
        model.get_layer(f"norm_{number}").set_weights([block.gamma, block.beta, block.mean, block.variance])
    model.add(keras.layers.Dense(head.bias.size, activation="softmax", name="probabilities"))
    model.get_layer("probabilities").set_weights([head.kernel, head.bias])
    return model


def build_classifier(backbone: "keras.Model", head: "keras.Model") -> "keras.Model":
    """Return backbone and head as one model from raw RGB 0-255 images to class probabilities.

    The backbone runs in inference mode whatever the caller asks for: its batch statistics are part of what is frozen
    (see https://keras.io/guides/transfer_learning/).
    """
    backbone.trainable = False
    image = keras.Input(backbone.input_shape[1:], name="image")
    return keras.Model(image, head(backbone(image, training=False)), name="classifier")
