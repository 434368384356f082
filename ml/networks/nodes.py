"""ONNX nodes and constants, and the model file made of them; needs the onnx package."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ml.networks.graph import describe, quantised_kernel
from ml.spec import ModelSpec
from ml.weights import INPUT, LABELS, VECTORS

# Old enough for ONNX Runtime of 2022 and for OpenVINO; nothing newer is needed.
_OPSET, _IR_VERSION = 17, 8


def build_graph(
    spec: ModelSpec, variables: Mapping[str, np.ndarray], properties: Mapping[str, str], *, compact: bool = False
) -> onnx.ModelProto:
    """The graph of a model, checked by ONNX itself.

    Args:
        variables: as `ml.weights.read_variables` returns them.
        properties: metadata of the graph; see `ml.weights.graph_properties`.
        compact: store kernels as int8 with a scale for each output channel. ONNX Runtime converts them to floats when
            it loads the graph: a quarter of the size, the same speed.
    """
    builder = Builder(compact=compact)
    describe(builder, spec, variables)
    model = builder.model(spec)
    helper.set_model_props(model, dict(properties))
    onnx.checker.check_model(model, full_check=True)
    return model


class Builder:
    """Collects nodes and constants; `op`, `constant` and `kernel` return the name of a tensor."""

    FLOAT = TensorProto.FLOAT

    def __init__(self, *, compact: bool) -> None:
        self.compact = compact
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def op(self, op_type: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"{op_type.lower()}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(op_type, list(inputs), [output], name=f"{op_type}_{len(self.nodes)}", **attributes)
        )
        return output

    def constant(self, value: np.ndarray | np.generic, name: str = "") -> str:
        name = name or f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def kernel(self, value: np.ndarray, name: str, axis: int) -> str:
        """A kernel with its output channels along `axis`, in int8 if the graph is compact."""
        if not self.compact:
            return self.constant(np.ascontiguousarray(value, np.float32), name)
        quantised, scale = quantised_kernel(value, axis)
        parts = [self.constant(quantised, f"{name}_int8"), self.constant(scale, f"{name}_scale")]
        return self.op("DequantizeLinear", *parts, output=name, axis=axis)

    def model(self, spec: ModelSpec) -> onnx.ModelProto:
        size = spec.input_size
        pictures = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["batch", size, size, 3])
        outputs = [(VECTORS, spec.dimension), *((LABELS + task.name, len(task.names)) for task in spec.labels)]
        graph = helper.make_graph(
            self.nodes,
            spec.backbone,
            [pictures],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width]) for name, width in outputs],
            initializer=self.constants,
        )
        opsets = [helper.make_opsetid("", _OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="lookalike")
