"""Frozen backbone: EfficientNetB0 without its top, with the requested weights.

Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019, arXiv:1905.11946.
Input is RGB 0-255: the rescaling is inside the model. Output is the pooled feature vector, 1280 numbers per image.
"""

import hashlib
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from wbc.common.errors import UserError
from wbc.embed.tensorflow_setup import keras

NAME = "EfficientNetB0"
# The file behind Keras' weights="imagenet", as keras.applications names it.
IMAGENET_FILE = "efficientnetb0_notop.h5"
IMAGENET_URL = f"https://storage.googleapis.com/keras-applications/{IMAGENET_FILE}"
IMAGENET_MD5 = "50bc09e76180e00e4465e1a485ddc09d"


def build(image_size: int, weights: str | Path, seed: int = 0) -> keras.Model:
    """Return the frozen EfficientNetB0 as a Keras model from (image_size, image_size, 3) RGB 0-255 to 1280 features.

    Args:
        image_size: side of the input in pixels, at least 32.
        weights: "imagenet" for the weights that Keras publishes; "random" for an untrained backbone, the lower bound
            that trained weights must beat; or the path of a `.weights.h5` file.
        seed: seed of the "random" weights.

    Raises:
        UserError: the weights are unavailable or don't fit this backbone. They are never replaced by others.
    """
    arguments = {"include_top": False, "pooling": "avg", "input_shape": (image_size, image_size, 3)}
    keras.utils.set_random_seed(seed)
    if weights == "imagenet":
        model = _keras_imagenet(**arguments)
    else:
        model = keras.applications.EfficientNetB0(weights=None, **arguments)
        if weights == "random":
            _calibrate(model, seed)
        else:
            _load(model, Path(weights))
    return frozen(model)


def frozen(model: keras.Model) -> keras.Model:
    """Freeze a backbone, including its input normalization, and return it."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # loaded mean and variance take effect only now
    model.trainable = False
    return model


def _keras_imagenet(**arguments: Any) -> keras.Model:
    _check_imagenet_cache()
    try:
        # Keras adds a second rescaling layer only for `weights="imagenet"`.
        return keras.applications.EfficientNetB0(weights="imagenet", **arguments)
    except Exception as error:
        raise UserError(_imagenet_unavailable(error)) from None


def load_keras_imagenet(model: keras.Model) -> None:
    """Copy Keras' ImageNet weights into an EfficientNetB0 that was built without them, as a start for its training.

    With these weights Keras divides by sqrt(std), from its file, and again by sqrt(std) in a second rescaling layer.
    A graph without that layer does the same with the variance std².

    Raises:
        UserError: the weights are unavailable.
    """
    published = build(224, "imagenet")
    source = (layer for layer in published.layers if layer.weights)
    for layer, original in zip((layer for layer in model.layers if layer.weights), source, strict=True):
        if isinstance(layer, keras.layers.Normalization):
            mean, deviation, count = original.get_weights()
            layer.set_weights([mean, deviation**2, count])
            layer.finalize_state()
        else:
            layer.set_weights(original.get_weights())


def _calibrate(model: keras.Model, seed: int) -> None:
    """Set the batch statistics of an untrained model to fit its weights, from one batch of noise.

    Without them the activations shrink from layer to layer until the features are nearly zero.
    """
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momentum = norms[0].momentum
    for layer in norms:
        layer.momentum = 0.0
    noise = np.random.default_rng(seed).uniform(0, 255, (16, *model.input_shape[1:])).astype(np.float32)
    model(noise, training=True)
    for layer in norms:
        layer.momentum = momentum


def _load(model: keras.Model, path: Path) -> None:
    """Load a weights file of exactly this architecture."""
    if not path.is_file():
        raise UserError(
            f"The backbone's weights were asked for from {path}, but there is no such file. It was to be a .weights.h5 "
            "file."
        )
    if _md5(path) == IMAGENET_MD5:
        raise UserError(
            f"{path} is Keras' ImageNet file. Loaded by its path it gives wrong features without an error (it holds "
            "standard deviations where the model expects variances). Ask for the weights `imagenet` instead."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Keras only warns where a layer's weights are not in the file
            model.load_weights(path)
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(
            f"{path} does not hold the weights of an EfficientNetB0 without top: {reason} "
            "Such a file is made by `model.save_weights('NAME.weights.h5')`."
        ) from None
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise UserError(f"{path} holds values that are not finite numbers; no feature could be computed from them.")


def _imagenet_cache() -> Path:
    """Return the path where `keras.utils.get_file` caches the file."""
    home = os.environ.get("KERAS_HOME") or str(Path("~/.keras").expanduser())
    return Path(home) / "models" / IMAGENET_FILE


def _check_imagenet_cache() -> None:
    """Refuse a cached file of another hash, which Keras would delete even if it can't download a new one."""
    path = _imagenet_cache()
    if path.exists() and _md5(path) != IMAGENET_MD5:
        raise UserError(
            f"The weights `imagenet` are Keras' file {IMAGENET_FILE} with MD5 {IMAGENET_MD5}, but {path} has MD5 "
            f"{_md5(path)}. Nothing was changed. If the file is an unfinished download, delete it; if it is your own, "
            "move it and ask for the weights by its path."
        )


def _imagenet_unavailable(error: Exception) -> str:
    return (
        f"The weights `imagenet` are Keras' file {IMAGENET_FILE}, which is not in {_imagenet_cache().parent} and could "
        f"not be downloaded: {error}\nWith a network, try again. Without one, fetch {IMAGENET_URL} elsewhere and put "
        f"it there (MD5 {IMAGENET_MD5})."
    )


def _md5(path: Path) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
