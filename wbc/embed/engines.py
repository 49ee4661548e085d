"""What runs the frozen backbone: TensorFlow, or OpenVINO, which compiles its graph for the CPU and is faster there.

Heads are trained in NumPy whatever the engine; only the features that lie ready for them come from here. How fast each
engine is, and how far its features and what is made of them differ, is in docs/results/speed.md.
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

AUTO = "auto"  # in place of an engine's name: the fastest here

# The modules that make a feature of an image file. An edit of one of them asks for new features.
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
    """A backbone made ready for an engine; it can be sent to another process."""

    name: str  # a key of ENGINES
    content: bytes  # the backbone in the engine's form
    size: int  # side of the images in pixels

    def load(self) -> Forward:
        """Return a function from an iterable of uint8 images (size, size, 3), RGB 0-255, to their features.

        It yields float32 arrays (some images, features), in order. What comes out for an image doesn't depend on the
        images that come along with it, nor on the number of cores.

        Raises:
            UserError: the engine is openvino-bfloat16, and the CPU can't compute in bfloat16.
        """
        return ENGINES[self.name].load(self)


class EngineKind(NamedTuple):
    """What there is to know of an engine."""

    convert: Callable[["keras.Model"], bytes]  # the backbone in the engine's form
    load: Callable[[Engine], Forward]
    packages: tuple[str, ...]  # whose versions decide the bytes, beside those of every engine
    kernels: str = KERNELS


def choose(name: str) -> str:
    """Return the engine that `embed.engine` means: `auto` is TensorFlow where it sees a GPU, and OpenVINO elsewhere."""
    from wbc.embed.tensorflow_setup import tf

    if name != "auto":
        return name
    return "tensorflow" if tf.config.list_physical_devices("GPU") else "openvino"


def fingerprint(name: str, backbone: "keras.Model") -> str:
    """Return a text that names everything but the image file and the view on which a feature depends.

    That is the backbone and its weights, the engine, the versions of the packages, and this project's own code.

    Args:
        name: a key of `ENGINES`.
        backbone: Keras model.
    """
    weights = hashlib.sha256()
    for array in backbone.get_weights():
        weights.update(np.ascontiguousarray(array).tobytes())
    return f"{backbone.name} {backbone.input_shape[1]} {weights.hexdigest()} {surroundings(name)}"


def surroundings(name: str) -> str:
    """Return a text that names the engine, the packages' versions and this project's code, as this process has them.

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
    """Return the graph with its weights as TensorFlow's protobuf, which OpenVINO reads by itself.

    Keras' own `export(format="openvino")` takes ten times as long, and converting by way of ONNX needs another package.
    """
    # With a Keras backbone at hand, `deterministic` has set TensorFlow up.
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2  # noqa: TID251

    from wbc.embed.tensorflow_setup import tf

    @tf.function(input_signature=[tf.TensorSpec((None, *backbone.input_shape[1:]), tf.float32)])
    def forward(image: Any) -> Any:
        return backbone(image, training=False)

    graph = convert_variables_to_constants_v2(forward.get_concrete_function()).graph.as_graph_def()
    for node in graph.node:
        # The number of a gradient, counted since the process began: of no use here, and other bytes after other work.
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


# Every engine, by the word of the parameter.
ENGINES = {
    "openvino": EngineKind(_frozen_graph, _openvino, ("openvino",)),
    "openvino-bfloat16": EngineKind(_frozen_graph, _openvino_bfloat16, ("openvino",), BFLOAT16_KERNELS),
    "tensorflow": EngineKind(_keras_file, _tensorflow, ()),
}
