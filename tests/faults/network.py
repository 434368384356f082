"""A small and fast network with a real one's interface: it rotates a thumbnail of the picture randomly."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ml.spec import ModelSpec, Part
from ml.weights import INPUT, VECTORS, Weights, graph_properties

SPEC = ModelSpec("resnet50", 32, "letterbox", "avg", 64, parts=(Part("kind", 64),))
WEIGHTS = Weights("untrained", SPEC, hashlib.sha256(b"thumbnail").hexdigest(), None, "thumbnail", "untrained")


def write_network(path: Path, *, seed: int = 0) -> str:
    """Write the graph and return its SHA-256. A different seed gives a different network."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    kernel = np.random.default_rng(seed).normal(size=(4 * 4 * 3, SPEC.dimension)).astype(np.float32)
    nodes = [
        helper.make_node("Cast", [INPUT], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["thumbnail"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Flatten", ["thumbnail"], ["numbers"]),
        helper.make_node("MatMul", ["numbers", "kernel"], ["turned"]),
        helper.make_node("LpNormalization", ["turned"], [VECTORS], axis=1, p=2),
    ]
    size = SPEC.input_size
    graph = helper.make_graph(
        nodes,
        "thumbnail",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["batch", size, size, 3])],
        [helper.make_tensor_value_info(VECTORS, TensorProto.FLOAT, ["batch", SPEC.dimension])],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, graph_properties(WEIGHTS))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()
