"""The deployed classifier as files of other runtimes: ONNX (https://onnx.ai) and LiteRT, formerly TensorFlow Lite.

Both take raw images and give calibrated probabilities, as `wbc predict` does. An ONNX file carries a description in its
metadata. A LiteRT file can't, so the caller writes the description to about.json.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from wbc.embed.tensorflow_setup import keras, tf
from wbc.export.onnx_order import canonical

INPUT, OUTPUT = "image", "probabilities"
Runner = Callable[[np.ndarray], np.ndarray]  # float32 images (n, size, size, 3) to float32 probabilities (n, classes)
OPSET = 17  # of ONNX: read by every runtime since 2022


def calibrated_graph(model: "keras.Model", temperature: float) -> Any:
    """Return a classifier with tempered probabilities as a TensorFlow function that contains its weights.

    Args:
        model: Keras model from float32 images (n, size, size, 3), RGB 0-255, to probabilities (n, classes).
        temperature: see `calibration.tempered`.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2  # noqa: TID251

    @tf.function(input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name=INPUT)])
    def probabilities(image: Any) -> Any:
        smallest = float(np.finfo(np.float32).tiny)
        logits = tf.math.log(tf.maximum(model(image, training=False), smallest))
        return tf.nn.softmax(logits / temperature, name=OUTPUT)

    return convert_variables_to_constants_v2(probabilities.get_concrete_function())


def litert(graph: Any, _: dict[str, str]) -> bytes:
    """Return a graph of `calibrated_graph` as a LiteRT file in float32; it has no metadata."""
    return tf.lite.TFLiteConverter.from_concrete_functions([graph]).convert()


def onnx(graph: Any, facts: dict[str, str]) -> bytes:
    """Return a graph of `calibrated_graph` as an ONNX file with `facts` in its metadata.

    Its input is called `INPUT` and its output `OUTPUT`.
    """
    import tf2onnx
    from onnx import helper

    model, _ = tf2onnx.convert.from_graph_def(
        graph.graph.as_graph_def(),
        input_names=[graph.inputs[0].name],
        output_names=[graph.outputs[0].name],
        opset=OPSET,
    )
    for values, name in ((model.graph.input, INPUT), (model.graph.output, OUTPUT)):
        old = values[0].name
        values[0].name = name
        for node in model.graph.node:
            for names in (node.input, node.output):
                names[:] = [name if known == old else known for known in names]
    helper.set_model_props(model, facts)
    return canonical(model).SerializeToString(deterministic=True)


def onnx_runner(file: Path) -> Runner:
    """Return a function from images to the probabilities that ONNX Runtime computes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return lambda images: session.run([OUTPUT], {INPUT: images})[0]


def litert_runner(file: Path) -> Runner:
    """Return a function from images to the probabilities that LiteRT computes."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(file), num_threads=joblib.cpu_count())
    source, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run(images: np.ndarray) -> np.ndarray:
        interpreter.resize_tensor_input(source, images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(source, images)
        interpreter.invoke()
        return interpreter.get_tensor(result)

    return run
