"""The network of `tests.faults.network`, but without unit vectors."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ml.weights import VECTORS
from tests.faults.network import SPEC, write_network


def write_weak_network(path: Path, kind: str) -> str:
    """Write the graph and return its SHA-256.

    Args:
        kind: "nan" or "zero" for a black picture; "wide" returns one number more per picture than the graph declares.
    """
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    write_network(path)
    model = onnx.load(path)
    nodes, numbers = model.graph.node, model.graph.initializer
    if kind == "wide":
        nodes[-1].output[0] = "unit"
        numbers.append(numpy_helper.from_array(np.array([0, 0, 0, 1]), "one_more"))
        nodes.append(helper.make_node("Pad", ["unit", "one_more"], [VECTORS]))
    else:
        del nodes[-1]
        numbers.append(numpy_helper.from_array(np.array([1]), "axes"))
        numbers.append(numpy_helper.from_array(np.float32(0 if kind == "nan" else 1e-6), "least"))
        nodes.append(helper.make_node("Mul", ["turned", "turned"], ["squares"]))
        nodes.append(helper.make_node("ReduceSum", ["squares", "axes"], ["sum"], keepdims=1))
        nodes.append(helper.make_node("Sqrt", ["sum"], ["length"]))
        nodes.append(helper.make_node("Max", ["length", "least"], ["divisor"]))
        nodes.append(helper.make_node("Div", ["turned", "divisor"], [VECTORS]))
    del model.graph.output[:]
    width = SPEC.dimension + (kind == "wide")
    model.graph.output.append(helper.make_tensor_value_info(VECTORS, TensorProto.FLOAT, ["batch", width]))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()
