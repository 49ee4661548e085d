"""What runs the frozen backbone: TensorFlow, or OpenVINO, which compiles its graph for the CPU and is faster there.

The head is trained by TensorFlow whatever the engine; only the features that lie ready for it come from here. How fast
each engine is, and how far its features and what is made of them differ, is in README.md, Speed.
"""

import collections
import hashlib
import importlib.metadata
import itertools
import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wbc.core.code_digest import code_digest
from wbc.core.errors import UserError

OPENVINO = {"openvino": "f32", "openvino-bfloat16": "bf16"}  # its engines: the precision in which each computes
CHUNK = 4  # images a pass of OpenVINO; part of what makes the bytes, so not a setting. 1 to 32 were tried: README.md

# The modules that make a feature of an image file. An edit of one of them asks for new features.
FEATURE_CODE = (
    "wbc.data.images",
    "wbc.features.embedding",
    "wbc.features.engines",
    "wbc.features.views",
    "wbc.models.inference",
    "wbc.models.tensorflow_setup",
)


class Engine(NamedTuple):
    """A backbone made ready for an engine; it can be sent to another process."""

    name: str  # tensorflow, or one of OPENVINO
    content: bytes  # the backbone in the engine's form
    size: int  # side of the images in pixels

    def load(self):
        """Return a function from an iterable of uint8 images (size, size, 3), RGB 0-255, to their features.

        It yields float32 arrays (some images, features), in order. What comes out for an image doesn't depend on the
        images that come along with it, nor on the number of cores.

        Raises:
            UserError: the engine is openvino-bfloat16, and the CPU can't compute in bfloat16.
        """
        return (_tensorflow if self.name == "tensorflow" else _openvino)(self)


def choose(name):
    """Return the engine that `embed.engine` means: `auto` is TensorFlow where it sees a GPU, and OpenVINO elsewhere."""
    from wbc.models.tensorflow_setup import tf

    if name != "auto":
        return name
    return "tensorflow" if tf.config.list_physical_devices("GPU") else "openvino"


def fingerprint(name, backbone):
    """Return a text that names everything but the image file and the view on which a feature depends.

    That is the backbone and its weights, the engine, the versions of the packages, and this project's own code.

    Args:
        name: tensorflow, or one of OPENVINO.
        backbone: Keras model.
    """
    weights = hashlib.sha256()
    for array in backbone.get_weights():
        weights.update(np.ascontiguousarray(array).tobytes())
    packages = (
        "tensorflow",
        "keras",
        "numpy",
        "pillow",
        "opencv-python-headless",
        *(["openvino"] if name in OPENVINO else []),
    )
    versions = " ".join(f"{package} {importlib.metadata.version(package)}" for package in packages)
    code = code_digest(FEATURE_CODE)
    return f"{backbone.name} {backbone.input_shape[1]} {weights.hexdigest()} {name} {CHUNK} {versions} {code}"


def build(name, backbone):
    """Return the `Engine` that runs a Keras backbone from (size, size, 3) RGB 0-255 to features.

    Args:
        name: tensorflow, or one of OPENVINO.
        backbone: Keras model.
    """
    size = backbone.input_shape[1]
    if name in OPENVINO:
        return Engine(name, _frozen_graph(backbone), size)
    from wbc.models.keras_file import save

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "backbone.keras")
        save(backbone, file)
        return Engine(name, file.read_bytes(), size)


def _frozen_graph(backbone):
    """The graph with its weights as TensorFlow's protobuf, which OpenVINO reads by itself.

    Keras' own `export(format="openvino")` takes ten times as long, and converting by way of ONNX needs another package.
    """
    # With a Keras backbone at hand, `deterministic` has set TensorFlow up.
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2  # noqa: TID251

    from wbc.models.tensorflow_setup import tf

    @tf.function(input_signature=[tf.TensorSpec((None, *backbone.input_shape[1:]), tf.float32)])
    def forward(image):
        return backbone(image, training=False)

    frozen = convert_variables_to_constants_v2(forward.get_concrete_function())
    return frozen.graph.as_graph_def().SerializeToString(deterministic=True)


def _tensorflow(engine):
    from wbc.models.inference import compiled
    from wbc.models.tensorflow_setup import keras, start

    start(0)  # for deterministic kernels, also in a worker process
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "backbone.keras")
        file.write_bytes(engine.content)
        model = keras.models.load_model(file)
    return compiled(model)


def _openvino(engine):
    sys.modules.setdefault(
        "openvino_telemetry", None
    )  # OpenVINO reports its use by it, and does without where it's absent
    import openvino
    from openvino.preprocess import PrePostProcessor

    core = openvino.Core()
    precision = OPENVINO[engine.name]
    # Without such a CPU, OpenVINO would compute in float32 and say nothing.
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise UserError(
            f"`embed.engine` is {engine.name}, and OpenVINO can't compute in bfloat16 on this CPU, "
            f"{core.get_property('CPU', 'FULL_DEVICE_NAME')}. Set `embed.engine: openvino`, which computes in float32; "
            "then type `dvc repro`."
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "backbone.pb")
        file.write_bytes(engine.content)
        graph = core.read_model(file)
        graph.reshape([CHUNK, engine.size, engine.size, 3])
        steps = PrePostProcessor(graph)
        steps.input().tensor().set_element_type(openvino.Type.u8)
        # A stream a core, of one thread each: faster than one stream on all cores, and the bytes depend on no count.
        cores = os.cpu_count() or 1
        settings = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": cores, "INFERENCE_NUM_THREADS": cores}
        compiled = core.compile_model(steps.build(), "CPU", settings)
    requests = [compiled.create_infer_request() for _ in range(2 * cores)]

    def outputs(images):
        images, idle, running = iter(images), collections.deque(requests), collections.deque()

        def finished():
            request, count = running.popleft()
            request.wait()
            features = request.get_output_tensor(0).data[:count].copy()
            idle.append(request)
            return features

        while chunk := list(itertools.islice(images, CHUNK)):
            batch = np.zeros((CHUNK, engine.size, engine.size, 3), np.uint8)
            batch[: len(chunk)] = chunk
            if not idle:
                yield finished()
            request = idle.popleft()
            request.start_async({0: batch}, share_inputs=False)
            running.append((request, len(chunk)))
        while running:
            yield finished()

    return outputs
