"""Engines that run the frozen backbone: TensorFlow, or OpenVINO, which compiles its graph and is faster on a CPU.

An engine only computes the features; with any engine, heads are trained in NumPy. docs/results/speed.md compares the
speed, the features and the scores of the engines.
"""

import hashlib
import importlib.metadata
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wbc.common.code_digest import code_digest
from wbc.embed import openvino_engine
from wbc.embed.openvino_engine import BFLOAT16_KERNELS, CHUNK, KERNELS, Forward

if TYPE_CHECKING:
    from wbc.embed.tensorflow_setup import keras

AUTO = "auto"  # instead of an engine's name: the fastest on this machine

# The modules that compute a feature from an image file. A change of their code requires new features.
FEATURE_CODE = (
    "wbc.common.environment",
    "wbc.common.images",
    "wbc.common.tiff",
    "wbc.embed.embedding",
    "wbc.embed.engines",
    "wbc.embed.openvino_engine",
    "wbc.embed.views",
    "wbc.embed.inference",
    "wbc.embed.tensorflow_setup",
)


class Engine(NamedTuple):
    """Backbone prepared for an engine; it can be sent to another process."""

    name: str  # a key of ENGINES
    content: bytes  # the backbone in the engine's form
    size: int  # side of the images in pixels

    def load(self) -> Forward:
        """Return a function from an iterable of uint8 images (size, size, 3), RGB 0-255, to their features.

        It yields float32 arrays (some images, features), in order. The features of an image depend neither on the other
        images nor on the number of cores.

        Raises:
            UserError: the engine is openvino-bfloat16, and the CPU can't compute in bfloat16.
        """
        return ENGINES[self.name].load(self)


class EngineKind(NamedTuple):
    """Functions, packages and kernels of an engine."""

    convert: Callable[["keras.Model"], bytes]  # the backbone in the engine's form
    load: Callable[[Engine], Forward]
    packages: tuple[str, ...]  # their versions decide the bytes, in addition to the packages of every engine
    kernels: str = KERNELS


def choose(name: str) -> str:
    """Return the engine for a value of `embed.engine`: `auto` is TensorFlow if it finds a GPU, else OpenVINO."""
    from wbc.embed.tensorflow_setup import tf

    if name != "auto":
        return name
    return "tensorflow" if tf.config.list_physical_devices("GPU") else "openvino"


def fingerprint(name: str, backbone: "keras.Model") -> str:
    """Return a text that names all that a feature depends on, except the image file and the view.

    These are the backbone and its weights, the engine, the versions of the packages, and this project's code.

    Args:
        name: a key of `ENGINES`.
        backbone: Keras model.
    """
    weights = hashlib.sha256()
    for array in backbone.get_weights():
        weights.update(np.ascontiguousarray(array).tobytes())
    return f"{backbone.name} {backbone.input_shape[1]} {weights.hexdigest()} {surroundings(name)}"


def surroundings(name: str) -> str:
    """Return a text that names the engine, the packages' versions and this project's code in this process.

    Args:
        name: a key of `ENGINES`.
    """
    packages = (
        "tensorflow",
        "keras",
        "numpy",
        "pillow",
        "tifffile",
        "imagecodecs",
        "opencv-python-headless",
        *ENGINES[name].packages,
    )
    versions = " ".join(f"{package} {importlib.metadata.version(package)}" for package in packages)
    return f"{name} {CHUNK} {ENGINES[name].kernels} {versions} {code_digest(FEATURE_CODE)}"


def build(name: str, backbone: "keras.Model") -> Engine:
    """Return the `Engine` that runs a Keras backbone from (size, size, 3) RGB 0-255 to features.

    Args:
        name: a key of `ENGINES`.
        backbone: Keras model.
    """
    return Engine(name, ENGINES[name].convert(backbone), backbone.input_shape[1])


def _keras_file(backbone: "keras.Model") -> bytes:
    """Return the backbone as a .keras file."""
    from wbc.embed.keras_file import save

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "backbone.keras")
        save(backbone, file)
        return file.read_bytes()


def _frozen_graph(backbone: "keras.Model") -> bytes:
    """Return the graph with its weights as TensorFlow's protobuf, which OpenVINO reads directly.

    Keras' own `export(format="openvino")` takes ten times as long, and conversion through ONNX needs another package.
    """
    # A Keras backbone comes from `tensorflow_setup`, so TensorFlow is set up already.
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2  # noqa: TID251

    from wbc.embed.tensorflow_setup import tf

    @tf.function(input_signature=[tf.TensorSpec((None, *backbone.input_shape[1:]), tf.float32)])
    def forward(image: Any) -> Any:
        return backbone(image, training=False)

    graph = convert_variables_to_constants_v2(forward.get_concrete_function()).graph.as_graph_def()
    for node in graph.node:
        # The gradient's number counts from the start of the process. It isn't used, and would change the bytes.
        node.attr.pop("_gradient_op_type", None)
    return graph.SerializeToString(deterministic=True)


def _tensorflow(engine: Engine) -> Forward:
    from wbc.embed.inference import compiled
    from wbc.embed.tensorflow_setup import keras, start

    start(0)  # for deterministic kernels, also in a worker process
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "backbone.keras")
        file.write_bytes(engine.content)
        model = keras.models.load_model(file)
    return compiled(model)


def _openvino(engine: Engine) -> Forward:
    return openvino_engine.load(engine.content, engine.size)


def _openvino_bfloat16(engine: Engine) -> Forward:
    return openvino_engine.load(engine.content, engine.size, bfloat16=True)


# All engines, by the value of the parameter.
ENGINES = {
    "openvino": EngineKind(_frozen_graph, _openvino, ("openvino",)),
    "openvino-bfloat16": EngineKind(_frozen_graph, _openvino_bfloat16, ("openvino",), BFLOAT16_KERNELS),
    "tensorflow": EngineKind(_keras_file, _tensorflow, ()),
}
