"""Frozen backbone in OpenVINO, which compiles its graph for the CPU. Does not import TensorFlow."""

import collections
import itertools
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from wbc.common.errors import UserError

# The kernels that oneDNN may use, inside OpenVINO and TensorFlow. By default it uses the best that a CPU supports.
# Kernels differ in the order of their sums: with SSE4.1, 0.7 % of the features changed in float16. Every x86-64 CPU
# since 2013 (Intel) and 2015 (AMD) supports AVX2; bfloat16 needs a later one. Each library reads the variable once, at
# its first computation, so a process that has computed in float32 can't change to bfloat16.
KERNELS, BFLOAT16_KERNELS = "AVX2", "AVX512_CORE_BF16"
os.environ["ONEDNN_MAX_CPU_ISA"] = KERNELS

CHUNK = 4  # images per pass; not a setting, because it decides the bytes

Forward = Callable[[Iterable[np.ndarray]], Iterator[np.ndarray]]  # from images to batches of features


def load(graph: bytes, size: int, bfloat16: bool = False) -> Forward:
    """Compile a backbone, and return a function from uint8 images (size, size, 3), RGB 0-255, to their features.

    The function yields float32 arrays (some images, features), in order. The features of an image depend neither on
    the other images nor on the number of cores.

    Args:
        graph: the backbone as TensorFlow's frozen graph.
        size: side of the images in pixels.
        bfloat16: whether to compute in bfloat16 instead of float32.

    Raises:
        UserError: the CPU can't compute in bfloat16, or OpenVINO can't compile the graph for it.
    """
    return _forward(graph, size, bfloat16)


def load_activations(graph: bytes, size: int) -> Forward:
    """Compile a backbone as `load` does, to yield the activations that it pools to features.

    The function yields float32 arrays (some images, rows, columns, features).

    Args:
        graph, size: as for `load`.

    Raises:
        UserError: the backbone doesn't end in a global average.
    """
    return _forward(graph, size, cut=_before_pooling)


def _before_pooling(graph: Any) -> Any:
    """Return the part of an OpenVINO graph before its last global average, channels last."""
    from openvino import Model, opset13

    means = [node for node in graph.get_ordered_ops() if node.get_type_name() == "ReduceMean"]
    if not means:
        raise UserError("The backbone has no global average before its features, so heat maps can't be computed.")
    places = means[-1].input_value(0)
    if set(means[-1].input_value(1).get_node().get_data().tolist()) == {2, 3}:
        places = opset13.transpose(places, opset13.constant([0, 2, 3, 1])).output(0)
    return Model([places], graph.get_parameters(), "activations")


def _forward(
    graph: bytes, size: int, bfloat16: bool = False, cut: Callable[[Any], Any] = lambda graph: graph
) -> Forward:
    compiled, cores = _compiled(graph, size, bfloat16, cut)

    def outputs(images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        # Each call has its own requests, so that calls may overlap.
        images, idle = iter(images), collections.deque(compiled.create_infer_request() for _ in range(2 * cores))
        running: collections.deque[tuple[Any, int]] = collections.deque()

        def finished() -> np.ndarray:
            request, count = running.popleft()
            request.wait()
            features = request.get_output_tensor(0).data[:count].copy()
            idle.append(request)
            return features

        while chunk := list(itertools.islice(images, CHUNK)):
            batch = np.zeros((CHUNK, size, size, 3), np.uint8)
            batch[: len(chunk)] = chunk
            if not idle:
                yield finished()
            request = idle.popleft()
            request.start_async({0: batch}, share_inputs=False)
            running.append((request, len(chunk)))
        while running:
            yield finished()

    return outputs


def _compiled(graph: bytes, size: int, bfloat16: bool, cut: Callable[[Any], Any]) -> tuple[Any, int]:
    """Return a graph compiled for this CPU, and the number of requests that it computes at a time.

    Args:
        graph, size, bfloat16: as for `load`.
        cut: function from the graph to the part of it to compile.
    """
    # OpenVINO reports its use through this package, and also runs without it.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None makes its import fail
    import openvino
    from openvino.preprocess import PrePostProcessor

    os.environ["ONEDNN_MAX_CPU_ISA"] = BFLOAT16_KERNELS if bfloat16 else KERNELS
    core = openvino.Core()
    cpu = core.get_property("CPU", "FULL_DEVICE_NAME")
    # Without such a CPU, OpenVINO would compute in float32 and give no warning.
    if bfloat16 and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise UserError(
            f"The engine openvino-bfloat16 was asked for, and OpenVINO can't compute in bfloat16 on this CPU, {cpu}. "
            "The engine openvino computes in float32."
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "backbone.pb")
        file.write_bytes(graph)
        try:
            whole = core.read_model(file)
        except RuntimeError:
            raise UserError("The backbone is damaged: OpenVINO can't read its graph.") from None
        taken = [side.get_length() for side in whole.input(0).partial_shape if side.is_static]
        if taken[-1:] != [3] or any(side != size for side in taken[:-1]):
            raise UserError(f"The backbone takes images of {taken} (height, width, channels), not of {size} pixels.")
        model = cut(whole)
        model.reshape([CHUNK, size, size, 3])
        steps = PrePostProcessor(model)
        steps.input().tensor().set_element_type(openvino.Type.u8)
        # One stream per core, each of one thread: faster than one stream on all cores, and the bytes don't depend on
        # the number of cores.
        cores = joblib.cpu_count()
        precision = "bf16" if bfloat16 else "f32"
        settings = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": cores, "INFERENCE_NUM_THREADS": cores}
        try:
            return core.compile_model(steps.build(), "CPU", settings), cores
        except RuntimeError as error:
            # A CPU may report a capability that its hypervisor disables.
            raise UserError(
                f"OpenVINO can't compile the backbone for this CPU, {cpu}: {str(error).strip().splitlines()[-1]}. The "
                "engine tensorflow needs no OpenVINO, and the engine openvino no bfloat16."
            ) from None
