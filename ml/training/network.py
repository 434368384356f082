"""A network for fine-tuning: a backbone (`ml.training.backbone`) with heads and classifiers on top."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from ml.networks.backbones import lab_histogram
from ml.spec import BACKBONES, HISTOGRAM_BINS, ModelSpec, Part
from ml.training import backbone
from ml.training.losses import unit
from ml.training.plan import Head, Plan

NECK_EPSILON = 1e-3


def build(plan: Plan, variables: Mapping[str, np.ndarray]) -> "keras.Model":
    """uint8 [N, S, S, 3] of any S → a dict of the outputs that the losses need.

    Outputs: "pooled" [N, C] of the backbone's C channels; for every head "<part>/before" [N, d], unit vectors before
    the neck, "<part>" [N, d], unit vectors after it, and "<part>/vector" [N, d], the part of the vector after it moved
    towards its classes; "logits/<task>" [N, classes].

    Args:
        variables: of the backbone, as `ml.weights.read_variables` returns them.
    """
    pictures = keras.Input((None, None, 3), dtype="uint8", name="pictures")
    feature_map = backbone.build(pictures, variables, plan.backbone, norms=plan.norms, half=plan.half)
    pooled = layers.GlobalAveragePooling2D(name="pool")(ops.cast(feature_map, "float32"))
    inputs = {"pooled": pooled}
    if _reads_colours(plan):
        inputs["lab_histogram"] = ColourHistogram(name="lab_histogram")(pictures)
    return keras.Model(pictures, _heads(inputs, plan))


def build_heads(plan: Plan, dropout: float) -> "keras.Model":
    """Only the heads: a dict of float32 [N, C] "pooled" and, if a head reads it, [N, 64] "lab_histogram" → the
    outputs of `build`.

    Args:
        dropout: share of the pooled features that is dropped in a step.
    """
    shapes = {"pooled": BACKBONES[plan.backbone]}
    if _reads_colours(plan):
        shapes["lab_histogram"] = HISTOGRAM_BINS
    inputs = {name: keras.Input((size,), name=name) for name, size in shapes.items()}
    return keras.Model(inputs, _heads(inputs | {"pooled": layers.Dropout(dropout)(inputs["pooled"])}, plan))


def _reads_colours(plan: Plan) -> bool:
    return any("lab_histogram" in head.inputs for head in plan.heads)


def _heads(inputs: dict[str, Any], plan: Plan) -> dict[str, Any]:
    pooled = inputs["pooled"]
    inputs = inputs | {"unit_pooled": layers.UnitNormalization(name="unit_pooled")(pooled)}
    outputs: dict[str, Any] = {"pooled": pooled}
    for head in plan.heads:
        read = [inputs[name] for name in head.inputs]
        joined = layers.Concatenate()(read) if len(read) > 1 else read[0]
        before = layers.Dense(head.dimension, name=f"head_{head.part}")(joined)
        outputs[f"{head.part}/before"] = layers.UnitNormalization(name=f"before_{head.part}")(before)
        after = before
        if plan.neck:
            after = layers.BatchNormalization(
                center=False, epsilon=NECK_EPSILON, momentum=0.95, name=f"neck_{head.part}"
            )(before)
        outputs[head.part] = layers.UnitNormalization(name=f"unit_{head.part}")(after)
    directions = {}
    for task, classes in plan.classes.items():
        source = plan.source_of(task)
        if source == "pooled":
            outputs[f"logits/{task}"] = layers.Dense(len(classes), name=f"labels_{task}")(pooled)
        else:
            layer = CosineSoftmax(len(classes), plan.scale, name=f"labels_{task}")
            outputs[f"logits/{task}"], directions[task] = layer(outputs[source])
    for head in plan.heads:
        moved = outputs[head.part]
        for task, weight in head.towards:
            moved = layers.Add()([moved, layers.Rescaling(weight)(directions[task])])
        outputs[f"{head.part}/vector"] = layers.UnitNormalization(name=f"vector_{head.part}")(moved)
    return outputs


def transfer_heads(model: "keras.Model", plan: Plan, variables: Mapping[str, np.ndarray], spec: ModelSpec) -> list[str]:
    """Start heads and classifiers from those of `variables`, a model of `spec`, where they fit. Returns their names.

    A part fits if it has the same name, dimension and inputs; a classifier, if it has the same classes and its source
    fits.
    """
    begun = []
    parts = [replace(part, towards=()) for part in spec.parts]
    for head in plan.heads:
        # Compare the inputs, not only the kernel's shape: pooled and unit_pooled have the same shape.
        if Part(head.part, head.dimension, head.inputs) in parts:
            layer = model.get_layer(f"head_{head.part}")
            layer.kernel.assign(variables[f"head/{head.part}/kernel"])
            layer.bias.assign(variables[f"head/{head.part}/bias"])
            begun.append(head.part)
    known = {(task.name, task.source, task.names) for task in spec.labels}
    for task, classes in plan.classes.items():
        source = plan.source_of(task)
        if (task, source, tuple(classes)) in known and (source == "pooled" or source in begun):
            layer = model.get_layer(f"labels_{task}")
            scale = 1.0 if source == "pooled" else plan.scale
            layer.kernel.assign(variables[f"labels/{task}/kernel"] / scale)
            if source == "pooled":
                layer.bias.assign(variables[f"labels/{task}/bias"])
            begun.append(task)
    return begun


def start_heads(model: "keras.Model", plan: Plan, pictures: Sequence[Any]) -> None:
    """Start the heads that are not in `model.started` with the directions in which their inputs vary most, so that
    nothing the backbone sees is lost at the start.

    Args:
        pictures: batches, uint8 [n, S, S, 3].
    """
    for head in plan.heads:
        if head.part in model.started:
            continue
        layer = model.get_layer(f"head_{head.part}")
        read = keras.Model(model.inputs, layer.input)
        inputs = np.concatenate([np.asarray(read.predict_on_batch(batch), np.float64) for batch in pictures])
        mean = inputs.mean(axis=0)
        _, directions = np.linalg.eigh((inputs - mean).T @ (inputs - mean))
        kernel = directions[:, ::-1][:, : head.dimension]
        layer.kernel.assign(kernel.astype(np.float32))
        layer.bias.assign((-mean @ kernel).astype(np.float32))


def plan_of(spec: ModelSpec, variables: Mapping[str, np.ndarray]) -> Plan:
    """A plan whose network computes the vectors of an existing model."""
    heads = tuple(Head(part.name, part.dimension, part.inputs, part.towards) for part in spec.parts)
    directions = [variables[f"labels/{task.name}/kernel"] for task in spec.labels if task.source != "pooled"]
    scale = float(np.linalg.norm(directions[0], axis=0).max()) if directions else 1.0
    classes = {task.name: task.names for task in spec.labels if task.source != "pooled"}
    return Plan("softmax", heads, classes, scale=scale, backbone=spec.backbone)


def to_variables(weights: Mapping[str, np.ndarray], gains: Mapping[str, float], plan: Plan) -> dict[str, np.ndarray]:
    """The trained network → the variables of a weights file, with the necks folded into the heads.

    Args:
        weights: `<layer>/<variable>` → array, as `named_weights` returns them.
        gains: of the convolutions, as `backbone.gains_of` returns them.
    """
    return backbone.to_variables(weights, gains, plan.backbone) | to_head_variables(weights, plan)


def to_head_variables(weights: Mapping[str, np.ndarray], plan: Plan) -> dict[str, np.ndarray]:
    """The variables of `to_variables` without the backbone's."""
    variables: dict[str, np.ndarray] = {}
    for head in plan.heads:
        variables |= _head_variables(weights, head, plan.neck)
    for task in plan.classes:
        kernel = weights[f"labels_{task}/kernel"]
        if plan.source_of(task) == "pooled":
            bias = weights[f"labels_{task}/bias"]
        else:
            kernel = plan.scale * kernel / np.maximum(np.linalg.norm(kernel, axis=0, keepdims=True), 1e-6)
            bias = np.zeros(kernel.shape[1])
        variables[f"labels/{task}/kernel"] = kernel.astype(np.float32)
        variables[f"labels/{task}/bias"] = bias.astype(np.float32)
    return variables


def named_weights(model: "keras.Model") -> dict[str, Any]:
    """`<layer>/<variable>` → the Keras variable, for every variable of the model."""
    return {f"{layer.name}/{variable.name}": variable for layer in model.layers for variable in layer.weights}


def _head_variables(weights: Mapping[str, np.ndarray], head: Head, neck: bool) -> dict[str, np.ndarray]:
    kernel, bias = weights[f"head_{head.part}/kernel"], weights[f"head_{head.part}/bias"]
    if neck:
        name = f"neck_{head.part}"
        scale = weights[f"{name}/gamma"] / np.sqrt(weights[f"{name}/moving_variance"] + NECK_EPSILON)
        kernel, bias = kernel * scale, (bias - weights[f"{name}/moving_mean"]) * scale
    return {
        f"head/{head.part}/kernel": kernel.astype(np.float32),
        f"head/{head.part}/bias": bias.astype(np.float32),
    }


class ColourHistogram(layers.Layer):
    """`ml.networks.colours.lab_histogram` of the pictures as the backbone sees them."""

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], HISTOGRAM_BINS)

    def call(self, pictures: Any) -> Any:
        return lab_histogram(pictures)


class CosineSoftmax(layers.Layer):
    """Normalised softmax (Zhai and Wu 2019, "Classification is a Strong Baseline for Deep Metric Learning"): logits are
    `scale` times the cosine with one direction per class.

    Returns the logits and the mean direction of the classes, weighted by their probabilities.
    """

    def __init__(self, classes: int, scale: float, **options: Any) -> None:
        super().__init__(**options)
        self.classes = classes
        self.scale = scale

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(shape[-1], self.classes), initializer="glorot_uniform")

    def call(self, features: Any) -> tuple[Any, Any]:
        directions = unit(self.kernel, axis=0)
        logits = self.scale * ops.matmul(features, directions)
        return logits, ops.matmul(ops.softmax(logits, axis=-1), ops.transpose(directions))
