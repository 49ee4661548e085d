"""What runs the frozen backbone: TensorFlow, or OpenVINO, which compiles its graph for the CPU and is faster there.

Heads are trained in NumPy whatever the engine; only the features that lie ready for them come from here. How fast each
engine is, and how far its features and what is made of them differ, is in docs/results/speed.md.
"""

import collections
import functools
import hashlib
import importlib.metadata
import itertools
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import joblib
import numpy as np

from wbc.core.code_digest import code_digest
from wbc.core.errors import UserError

if TYPE_CHECKING:
    from wbc.models.tensorflow_setup import keras

# The kernels that oneDNN may use, inside OpenVINO and TensorFlow. Left to itself it takes the best that a CPU has, and
# kernels differ in the order of their sums: with those of SSE4.1, 0.7 % of the features were other float16 numbers.
# Every x86-64 CPU since 2013 (Intel) and 2015 (AMD) has AVX2; bfloat16 needs a later one. Each library reads the
# variable once, at its first computation, so a process that has computed in float32 can't do so in bfloat16 afterwards.
KERNELS, BFLOAT16_KERNELS = "AVX2", "AVX512_CORE_BF16"
os.environ["ONEDNN_MAX_CPU_ISA"] = KERNELS

AUTO = "auto"  # in place of an engine's name: the fastest here
CHUNK = 4  # images per pass of OpenVINO; it decides the bytes, so it is no setting. 1 to 32: docs/results/speed.md

# The modules that make a feature of an image file. An edit of one of them asks for new features.
FEATURE_CODE = (
    "wbc.core.environment",
    "wbc.data.images",
    "wbc.features.embedding",
    "wbc.features.engines",
    "wbc.features.views",
    "wbc.models.inference",
    "wbc.models.tensorflow_setup",
)


Forward = Callable[[Iterable[np.ndarray]], Iterator[np.ndarray]]  # see `Engine.load`


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
    from wbc.models.tensorflow_setup import tf

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
    packages = ("tensorflow", "keras", "numpy", "pillow", "opencv-python-headless", *ENGINES[name].packages)
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
    from wbc.models.keras_file import save

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

    from wbc.models.tensorflow_setup import tf

    @tf.function(input_signature=[tf.TensorSpec((None, *backbone.input_shape[1:]), tf.float32)])
    def forward(image: Any) -> Any:
        return backbone(image, training=False)

    graph = convert_variables_to_constants_v2(forward.get_concrete_function()).graph.as_graph_def()
    for node in graph.node:
        # The number of a gradient, counted since the process began: of no use here, and other bytes after other work.
        node.attr.pop("_gradient_op_type", None)
    return graph.SerializeToString(deterministic=True)


def _tensorflow(engine: Engine) -> Forward:
    from wbc.models.inference import compiled
    from wbc.models.tensorflow_setup import keras, start

    start(0)  # for deterministic kernels, also in a worker process
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "backbone.keras")
        file.write_bytes(engine.content)
        model = keras.models.load_model(file)
    return compiled(model)


def load_activations(engine: Engine) -> Forward:
    """Return a function like that of `Engine.load` which yields what the backbone pools to features.

    Args:
        engine: one of OpenVINO's.

    Returns:
        function from uint8 images (size, size, 3) to float32 arrays (some images, rows, columns, features); their mean
        over rows and columns is the features, but for what the backbone does to them after pooling.

    Raises:
        UserError: the backbone doesn't end in a global average.
    """
    return _openvino(engine, cut=_before_pooling)


def _before_pooling(graph: Any) -> Any:
    """Return the part of an OpenVINO graph that ends where the last global average begins, channels last."""
    from openvino import Model, opset13

    means = [node for node in graph.get_ordered_ops() if node.get_type_name() == "ReduceMean"]
    if not means:
        raise UserError("The backbone has no global average before its features, so it has no places to look at.")
    places = means[-1].input_value(0)
    if set(means[-1].input_value(1).get_node().get_data().tolist()) == {2, 3}:
        places = opset13.transpose(places, opset13.constant([0, 2, 3, 1])).output(0)
    return Model([places], graph.get_parameters(), "activations")


def _openvino(engine: Engine, precision: str = "f32", cut: Callable[[Any], Any] = lambda graph: graph) -> Forward:
    compiled, cores = _compiled(engine, precision, cut)

    def outputs(images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        # Requests of its own, so that another call may begin before this one has ended.
        images, idle = iter(images), collections.deque(compiled.create_infer_request() for _ in range(2 * cores))
        running: collections.deque[tuple[Any, int]] = collections.deque()

        def finished() -> np.ndarray:
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


def _compiled(engine: Engine, precision: str, cut: Callable[[Any], Any]) -> tuple[Any, int]:
    """Return the engine's graph compiled for this CPU, and how many requests it computes at a time.

    Args:
        precision: "f32" or "bf16", as OpenVINO calls them.
        cut: function from the graph to the part of it that is wanted.
    """
    # OpenVINO reports its use by this package, and does without where it's absent.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: not to be found
    import openvino
    from openvino.preprocess import PrePostProcessor

    os.environ["ONEDNN_MAX_CPU_ISA"] = ENGINES[engine.name].kernels
    core = openvino.Core()
    # Without such a CPU, OpenVINO would compute in float32 and say nothing.
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise UserError(
            f"The engine {engine.name} was asked for, and OpenVINO can't compute in bfloat16 on this CPU, "
            f"{core.get_property('CPU', 'FULL_DEVICE_NAME')}. The engine openvino computes in float32."
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "backbone.pb")
        file.write_bytes(engine.content)
        graph = cut(core.read_model(file))
        graph.reshape([CHUNK, engine.size, engine.size, 3])
        steps = PrePostProcessor(graph)
        steps.input().tensor().set_element_type(openvino.Type.u8)
        # One stream per core, each of one thread: faster than one stream on all cores, and the bytes don't depend on
        # how many there are.
        cores = joblib.cpu_count()
        settings = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": cores, "INFERENCE_NUM_THREADS": cores}
        try:
            return core.compile_model(steps.build(), "CPU", settings), cores
        except RuntimeError as error:
            # A CPU may name an ability that its hypervisor withholds.
            raise UserError(
                f"The engine {engine.name} was asked for, and OpenVINO can't make the backbone ready on this CPU, "
                f"{core.get_property('CPU', 'FULL_DEVICE_NAME')}: {str(error).strip().splitlines()[-1]}. The engine "
                "tensorflow does without OpenVINO, and openvino without bfloat16."
            ) from None


# Every engine, by the word of the parameter.
ENGINES = {
    "openvino": EngineKind(_frozen_graph, _openvino, ("openvino",)),
    "openvino-bfloat16": EngineKind(
        _frozen_graph, functools.partial(_openvino, precision="bf16"), ("openvino",), BFLOAT16_KERNELS
    ),
    "tensorflow": EngineKind(_keras_file, _tensorflow, ()),
}
