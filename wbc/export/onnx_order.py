"""The canonical order and names of an ONNX graph's nodes, independent of the converter's."""

import hashlib
from typing import Any


def canonical(model: Any) -> Any:
    """Return an ONNX model whose bytes depend on its computation only.

    tf2onnx orders and names nodes by Python sets, differently in each process. Here each value gets a digest of its
    computation: a Merkle tree from the graph's inputs and constants. Nodes are sorted by depth and digest, and values
    are numbered in that order. Equal constants become one.

    Args:
        model: an `onnx.ModelProto`; it is changed. Inputs and outputs of the graph keep their names.
    """
    graph = model.graph
    kept = {value.name for value in [*graph.input, *graph.output]}
    known = {value.name: (0, value.name) for value in graph.input} | {"": (0, "")}
    for constant in graph.initializer:
        name, constant.name = constant.name, ""
        known[name] = (0, _digest(constant.SerializeToString(deterministic=True)))
        constant.name = name

    waiting, ordered = list(graph.node), []
    while waiting:
        ready = [node for node in waiting if all(name in known for name in node.input)]
        waiting = [node for node in waiting if any(name not in known for name in node.input)]
        for node in ready:
            depth = 1 + max((known[name][0] for name in node.input), default=0)
            own = [attribute.SerializeToString(deterministic=True) for attribute in node.attribute]
            parts = [node.op_type.encode(), *sorted(own), *(known[name][1].encode() for name in node.input)]
            for number, name in enumerate(node.output):
                known[name] = (depth, _digest(*parts, str(number).encode()))
            ordered.append((depth, known[node.output[0]][1], node))
    ordered.sort(key=lambda entry: entry[:2])

    names: dict[str, str] = {}  # {digest of a value: its name}
    constants = {constant.name: constant for constant in graph.initializer}
    used: dict[str, Any] = {}

    def renamed(name: str) -> str:
        if not name or name in kept:
            return name
        digest = known[name][1]
        if digest not in names:
            names[digest] = f"v{len(names)}"
            if name in constants:
                used[names[digest]] = constants[name]
        return names[digest]

    nodes = []
    for _, _, node in ordered:
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
        attributes = sorted(node.attribute, key=lambda attribute: attribute.name)
        del node.attribute[:]
        node.attribute.extend(attributes)
        nodes.append(node)
    nodes = _without_repeats(nodes)
    for number, node in enumerate(nodes):
        node.name = f"n{number}"
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    for name, constant in used.items():
        constant.name = name
    del graph.initializer[:]
    graph.initializer.extend(used.values())
    return model


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _without_repeats(nodes: list) -> list:
    """Leave out nodes that repeat an earlier node's computation: the names of their values are equal."""
    seen: set[str] = set()
    left = []
    for node in nodes:
        if node.output[0] not in seen:
            left.append(node)
        seen.update(node.output)
    return left
