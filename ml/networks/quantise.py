"""Computing in int8: a compact graph with its convolutions' inputs and outputs quantised too.

A compact graph (`ml.networks.graph`) has int8 kernels that become floats when it is loaded. If the range of each tensor
of its backbone is known too, ONNX Runtime can convolve in int8. The ranges come from real pictures (`calibrate`) and
are stored in the metadata of the compact graph, so that one file serves both. Preprocessing, pooling, colours, parts
and labels stay in floats, and so does the last feature map unless a convolution makes it.

ResNet50 at 80 px, 2,000 products, one thread of a processor with AVX-512 VNNI:

            MB     images per second of processor time   cosine with float: smallest   mean
  float     93.9   110                                                       1         1
  compact   23.7   110                                                       .9994     .9999
  int8      23.8   375                                                       .9968     .9994

Among the ten nearest, type, colour, both, and gender change by less than .0012.

Sums of products are exact on every processor. VNNI and ARM's dot products add in 32 bits. On other x86 processors the
instruction for uint8 times int8 adds pairs in 16 bits and saturates; there ONNX Runtime shifts the kernels to uint8,
which it multiplies with another instruction (`ml.runtimes.onnx.session_of`). The bundled model, 300 studio and 300
amateur photos, one thread of a processor with AVX2 and without VNNI, batches of 16:

                                  cosine with float: mean   smallest   ten nearest the same   speed, × float
  saturating sums                             .8869   .0806     59 %       2.4
  kernels of 7 bits, as they are              .9977   .9887     95 %       2.4
  kernels shifted to uint8                    .9994   .9897     96 %       1.6
  the same graph computed in floats           .9994   .9903     96 %       1.0

The third is used. Unlike 7 bits it costs nothing on processors with VNNI, and every host sums up the same integers.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ml.runtimes import golden
from ml.runtimes.onnx import session_of
from ml.weights import INPUT, INT8_COSINE, PRECISION, VECTORS

Ranges = Mapping[str, tuple[float, float]]  # tensor → (smallest, largest)

_RANGES = "lookalike.ranges"
_PASS = 16
# The share of pictures that stay within a tensor's range; the few others are clipped, which makes the steps finer for
# all. Which share is best is a matter of chance, because plain backgrounds round the same way everywhere: the mean
# cosine with the full weights, for 128 and for 256 pictures, is .99905 and .99936 at 1, .99938 and .99880 at .99. So
# each is tried. (Means of the pictures' extremes instead: .9989; 99.9th percentiles of all pixels: .9949.)
_WITHIN = (1.0, 0.995, 0.99, 0.98, 0.95)
_TRIED_ON = 64
MIN_PICTURES = 100


def calibrate(model: onnx.ModelProto, pictures: np.ndarray) -> dict[str, tuple[float, float]]:
    """The range of each tensor to quantise, chosen so that vectors stay closest to those in floats.

    Args:
        model: a compact graph.
        pictures: uint8 [n, S, S, 3], like those that the model will be used on.
    """
    names = _to_quantise(model)
    low, high = _extremes(model, names, pictures)
    sample = pictures[:: max(1, len(pictures) // _TRIED_ON)][:_TRIED_ON]
    wanted = _vectors(model, sample)
    best: tuple[float, dict[str, tuple[float, float]]] = (-2.0, {})
    for within in _WITHIN:
        limits = zip(names, np.quantile(low, 1 - within, axis=1), np.quantile(high, within, axis=1), strict=True)
        ranges = {name: (min(0.0, float(smallest)), max(0.0, float(largest))) for name, smallest, largest in limits}
        cosine = float((_vectors(to_int8(model, ranges), sample) * wanted).sum(axis=1).mean())
        best = max(best, (cosine, ranges), key=itemgetter(0))
    return best[1]


def _extremes(model: onnx.ModelProto, names: list[str], pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and the largest value of each tensor in each picture, both [tensors, n]."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    del watched.graph.output[:]
    watched.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    session = session_of(watched.SerializeToString(), precision="compact")
    lows, highs = [], []
    for start in range(0, len(pictures), _PASS):
        outputs = session.run(names, {INPUT: pictures[start : start + _PASS]})
        lows.append([output.min(axis=(1, 2, 3)) for output in outputs])
        highs.append([output.max(axis=(1, 2, 3)) for output in outputs])
    return np.concatenate(lows, axis=1), np.concatenate(highs, axis=1)


def _vectors(model: onnx.ModelProto, pictures: np.ndarray) -> np.ndarray:
    precision = next(entry.value for entry in model.metadata_props if entry.key == PRECISION)
    session = session_of(model.SerializeToString(), precision=precision)
    passes = [pictures[start : start + _PASS] for start in range(0, len(pictures), _PASS)]
    return np.concatenate([session.run([VECTORS], {INPUT: batch})[0] for batch in passes])


def remember_ranges(model: onnx.ModelProto, ranges: Ranges, pictures: np.ndarray) -> None:
    """Store the ranges in the graph's metadata, with the smallest cosine between its vectors in int8 and in floats.

    Args:
        pictures: uint8 [n, S, S, 3], to compare on.
    """
    cosine = golden.smallest_cosine(_vectors(to_int8(model, ranges), pictures), _vectors(model, pictures))
    for key, value in ((_RANGES, json.dumps(ranges)), (INT8_COSINE, f"{cosine:.5f}")):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value


def remembered_ranges(model: onnx.ModelProto) -> dict[str, tuple[float, float]]:
    """The ranges that `remember_ranges` stored; empty if there are none."""
    for entry in model.metadata_props:
        if entry.key == _RANGES:
            return {name: (low, high) for name, (low, high) in json.loads(entry.value).items()}
    return {}


def to_int8(model: onnx.ModelProto, ranges: Ranges) -> onnx.ModelProto:
    """A compact graph → one that computes in int8.

    Args:
        ranges: of the tensors of this graph, from `calibrate`.

    Raises:
        KeyError: `ranges` lacks a tensor.
    """
    editor = _Editor(model, ranges)
    for name in _to_quantise(model):
        editor.quantise(name)
    for node in model.graph.node:
        editor.add(node)
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:], made.graph.initializer[:]
    made.graph.node.extend(editor.nodes)
    made.graph.initializer.extend(editor.constants.values())
    for entry in made.metadata_props:
        if entry.key == PRECISION:
            entry.value = "int8"
    onnx.checker.check_model(made, full_check=True)
    return made


class _Editor:
    """Copies a graph node by node, and adds QuantizeLinear and DequantizeLinear after each tensor to quantise. ONNX
    Runtime fuses them with the operations around them."""

    def __init__(self, model: onnx.ModelProto, ranges: Ranges) -> None:
        self.ranges = ranges
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self.producers = {output: node for node in model.graph.node for output in node.output}
        self.scales: dict[str, tuple[float, int]] = {}
        self.nodes: list[Any] = []

    def quantise(self, name: str) -> None:
        producer = self.producers[name]
        # Max pooling changes no value: with the scale of its input it can run on the int8 values.
        low, high = self.ranges[producer.input[0] if producer.op_type == "MaxPool" else name]
        scale = max(high - low, 1e-6) / 255
        self.scales[name] = scale, round(-low / scale)

    def add(self, node: Any) -> None:
        if self._is_head_kernel(node):
            self._as_floats(node)
            return
        copied = onnx.NodeProto()
        copied.CopyFrom(node)
        del copied.input[:]
        copied.input.extend(f"{name}:quantised" if name in self.scales else name for name in node.input)
        # A depthwise convolution has its kernel in floats, and computes in them.
        if node.op_type == "Conv" and copied.input[0] != node.input[0] and node.input[1] in self.producers:
            copied.input[2] = self._bias(node)
        self.nodes.append(copied)
        for name in node.output:
            if name in self.scales:
                self._quantised(name)

    def _is_head_kernel(self, node: Any) -> bool:
        return node.op_type == "DequantizeLinear" and len(self.constants[node.input[0]].dims) == 2

    def _as_floats(self, node: Any) -> None:
        """Store a head's kernel in floats. Otherwise ONNX Runtime would convert the inputs of heads to int8 too, and
        could not load a kernel that two operations share (labels that parts move towards) when shifting to uint8."""
        steps, scale = (numpy_helper.to_array(self.constants.pop(name)) for name in node.input)
        self._constant(node.output[0], steps.astype(np.float32) * scale.astype(np.float32)[None, :])

    def _quantised(self, name: str) -> None:
        scale, zero = self.scales[name]
        how = [
            self._constant(f"{name}:scale", np.float32(scale)),
            self._constant(f"{name}:zero", np.uint8(zero)),
        ]
        self._node("QuantizeLinear", [name, *how], f"{name}:uint8")
        self._node("DequantizeLinear", [f"{name}:uint8", *how], f"{name}:quantised")

    def _bias(self, node: Any) -> str:
        """The bias as int32, in steps of input scale · kernel scale, as the integer sum requires."""
        values = numpy_helper.to_array(self.constants.pop(node.input[2]))
        kernel_scale = numpy_helper.to_array(self.constants[self.producers[node.input[1]].input[1]])
        scale = (self.scales[node.input[0]][0] * kernel_scale).astype(np.float32)
        limits = np.iinfo(np.int32)
        steps = np.rint(values.astype(np.float64) / scale).clip(limits.min, limits.max).astype(np.int32)
        parts = [self._constant(f"{node.input[2]}:int32", steps), self._constant(f"{node.input[2]}:scale", scale)]
        self._node("DequantizeLinear", parts, f"{node.input[2]}:quantised", axis=0)
        return f"{node.input[2]}:quantised"

    def _constant(self, name: str, value: Any) -> str:
        self.constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def _node(self, op_type: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(op_type, inputs, [output], name=output, **attributes))


def _to_quantise(model: onnx.ModelProto) -> list[str]:
    """The inputs and outputs of convolutions, after the ReLU if there is one; without the source of the preprocessed
    picture, and without the last feature map unless a convolution makes it."""
    producers = {output: node for node in model.graph.node for output in node.output}
    readers = defaultdict(list)
    for node in model.graph.node:
        for name in node.input:
            readers[name].append(node)
    found: dict[str, None] = {}
    for node in model.graph.node:
        if node.op_type != "Conv":
            continue
        found[node.input[0]] = None
        if (source := producers[node.input[0]]).op_type == "MaxPool":
            found[source.input[0]] = None
        (output,) = node.output
        if [reader.op_type for reader in readers[output]] in (["Relu"], ["Clip"]):
            (output,) = readers[output][0].output
        found[output] = None
    return list(found)
