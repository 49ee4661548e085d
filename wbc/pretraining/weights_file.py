"""Files of a backbone's weights in float16, which Keras reads, at half the size for Git."""

from pathlib import Path

import h5py
import numpy as np

from wbc.common.files import replacing
from wbc.embed.tensorflow_setup import keras


def save_float16(model: keras.Model, path: Path) -> None:
    """Write the weights of `model` as a Keras `.weights.h5` file of float16 numbers, which Keras loads as float32.

    The input's mean and variance, six numbers, stay float32, because they affect every pixel.

    Args:
        model: a Keras model; its weights are rounded in place, so that later scores use the written values.
        path: file to write, ending in `.weights.h5`.

    Raises:
        ValueError: a weight exceeds the range of float16.
    """
    for layer in model.layers:
        if layer.weights and not isinstance(layer, keras.layers.Normalization):
            rounded = [weight.astype(np.float16).astype(np.float32) for weight in layer.get_weights()]
            if not all(np.isfinite(weight).all() for weight in rounded):
                raise ValueError(f"a weight of {layer.name} is beyond what float16 holds")
            layer.set_weights(rounded)
    with replacing(path) as partial:
        full = partial.with_name("full.weights.h5")
        model.save_weights(full)
        with h5py.File(full) as source, h5py.File(partial, "w") as target:
            source.visititems(lambda name, item: _copy(name, item, target))
        full.unlink()


def save_mean(one: keras.Model, other: keras.Model, path: Path) -> None:
    """Write the mean of two models' weights, statistics of normalization included, as `save_float16` does.

    Args:
        one: a Keras model; it gets the mean.
        other: a model of the same layers.
        path: file to write, ending in `.weights.h5`.
    """
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    one.set_weights([np.mean(pair, axis=0) for pair in pairs])
    save_float16(one, path)


def _copy(name: str, item: h5py.Group | h5py.Dataset, target: h5py.File) -> None:
    if isinstance(item, h5py.Group):
        group = target.require_group(name)
        for key, value in item.attrs.items():
            group.attrs[key] = value
        return
    halve = item.dtype == np.float32 and not name.startswith("layers/normalization/")
    target.create_dataset(name, data=item[()].astype(np.float16) if halve else item[()])
