"""That two graphs which compute the same, written in other orders under other names, become the same bytes."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="`make formats` installs it")

import onnx.reference
from onnx import TensorProto, helper, numpy_helper

from wbc.export.onnx_order import canonical


def graph(order, names, twice=False):
    """(image + 1) * 2 + (image + 1) * 3, its nodes in an order, its inner values under some names."""
    a, b, c, one, two, three = names
    nodes = [
        helper.make_node("Add", ["image", one], [a], name=f"{a}_node"),
        helper.make_node("Mul", [a, two], [b]),
        helper.make_node("Mul", [a, three], [c]),
        helper.make_node("Add", [b, c], ["result"]),
    ]
    constants = {one: 1.0, two: 2.0, three: 3.0}
    if twice:  # the same sum once more, of a constant of its own
        nodes[2] = helper.make_node("Mul", ["again", three], [c])
        nodes.insert(1, helper.make_node("Add", ["image", "another one"], ["again"]))
        constants["another one"] = 1.0
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("image", "result")]
    initializers = [numpy_helper.from_array(np.float32([value]), name) for name, value in constants.items()]
    content = helper.make_graph([nodes[number] for number in order], "graph", values[:1], values[1:], initializers)
    return helper.make_model(content, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_order_names_and_repeats_leave_no_trace():
    written = [
        canonical(model).SerializeToString(deterministic=True)
        for model in (
            graph([0, 1, 2, 3], "abcxyz"),
            graph([0, 2, 1, 3], "fedcba"),
            graph([1, 0, 2, 3, 4], "abcxyz", twice=True),
        )
    ]
    assert len(set(written)) == 1
    model = onnx.load_from_string(written[0])
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == ["Add", "Mul", "Mul", "Add"]
    result = onnx.reference.ReferenceEvaluator(model).run(None, {"image": np.float32([1, 2])})[0]
    np.testing.assert_array_equal(result, [10, 15])


def test_another_constant_is_another_graph():
    other = graph([0, 1, 2, 3], "abcxyz")
    other.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.float32([7]), "x"))
    first = canonical(graph([0, 1, 2, 3], "abcxyz"))
    assert canonical(other).SerializeToString(deterministic=True) != first.SerializeToString(deterministic=True)
