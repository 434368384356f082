"""Validation: classification and retrieval on the pictures by which a model is chosen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.evaluation import metrics
from ml.training.augment import NONE, augment
from ml.training.plan import Plan
from ml.training.scores import ClassificationScores, classification_scores

_NO_CHANCE = np.random.default_rng(0)  # never used: nothing is random here


@dataclass(frozen=True)
class Held:
    """Pictures for validation. Queries are the first `queries` of them; every picture is in the gallery.

    Attributes:
        pixels: uint8 [n, S, S, 3].
        labels: task → int32 [n].
        digests: of the pixels; a query never finds the same picture.
    """

    pixels: np.ndarray
    labels: Mapping[str, np.ndarray]
    digests: np.ndarray
    queries: int


@dataclass(frozen=True)
class Validation:
    """Attributes:
    figures: name → value.
    classification: by task.
    vectors: float32 [n, D].
    nearest: int [queries, 10].
    """

    figures: dict[str, float]
    classification: dict[str, ClassificationScores]
    vectors: np.ndarray
    nearest: np.ndarray


def vectors_of(outputs: Mapping[str, np.ndarray], plan: Plan) -> np.ndarray:
    """The model's vectors, from the network's outputs: parts of equal weight, or the pooled features."""
    if not plan.heads:
        pooled = outputs["pooled"]
        return pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
    return np.concatenate([outputs[f"{head.part}/vector"] for head in plan.heads], axis=1) / np.sqrt(len(plan.heads))


def validate(
    held: Held,
    plan: Plan,
    forward: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    *,
    size: int,
    fit: Callable[[np.ndarray, int], Any] | None = None,
    batch: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> Validation:
    """Classification and retrieval on `held`.

    Args:
        forward: uint8 [m, size, size, 3] → the network's outputs.
        size: the size that the network is being trained at. A network is most accurate at the size it last saw (after
            two epochs at 64 px, 80 % of types are right at 64 px and 68 % at 80 px).
        fit: scales pictures [m, S, S, 3] to a size; by default, Pillow does.
    """
    found: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(held.pixels), batch):
        pictures = (fit or _fitted)(held.pixels[start : start + batch], size)
        for name, output in forward(pictures).items():
            found.setdefault(name, []).append(np.asarray(output))
        if progress:
            progress(min(start + batch, len(held.pixels)), len(held.pixels))
    return judge(held, plan, {name: np.concatenate(outputs) for name, outputs in found.items()})


def _fitted(pictures: np.ndarray, size: int) -> np.ndarray:
    return np.stack([augment(pixels, size, _NO_CHANCE, NONE) for pixels in pictures])


def judge(held: Held, plan: Plan, outputs: Mapping[str, np.ndarray]) -> Validation:
    """The figures for a network's outputs on all of `held`."""
    vectors = vectors_of(outputs, plan).astype(np.float32)
    classification = {
        task: classification_scores(
            held.labels[task][: held.queries], outputs[f"logits/{task}"][: held.queries].argmax(axis=1), len(classes)
        )
        for task, classes in plan.classes.items()
    }
    figures, nearest = retrieval(vectors, held)
    for task, scores in classification.items():
        figures |= {
            f"{task}_accuracy": scores.accuracy,
            f"{task}_macro_f": scores.macro_f,
            f"{task}_weighted_f": scores.weighted_f,
        }
    return Validation(figures, classification, vectors, nearest)


def retrieval(vectors: np.ndarray, held: Held) -> tuple[dict[str, float], np.ndarray]:
    """P@10 of every label, of type and colour together, and macro over types; MAP@R of the type."""
    scores = vectors[: held.queries] @ vectors.T
    own = held.digests[: held.queries, None] == held.digests[None, :]
    scores[own] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")
    relevant = {task: _equal(labels, held.queries) & ~own for task, labels in held.labels.items()}
    if "colour" in relevant:
        relevant["type_and_colour"] = relevant["type"] & relevant["colour"]
    figures = {}
    for name, equal in relevant.items():
        hits, totals = np.take_along_axis(equal, order, axis=1), equal.sum(axis=1)
        precision = metrics.precision_at(hits, totals, 10)
        figures[f"{name}_p10"] = metrics.micro_mean(precision)
        if name == "type":
            figures["type_macro_p10"] = metrics.macro_mean(precision, held.labels["type"][: held.queries])[0]
            figures["type_map_r"] = metrics.micro_mean(metrics.map_at_r(hits, totals))
    return {name: value if np.isfinite(value) else 0.0 for name, value in figures.items()}, order[:, :10]


def _equal(labels: np.ndarray, queries: int) -> np.ndarray:
    """bool [queries, n]: the same known label."""
    return (labels[:queries, None] == labels[None, :]) & (labels[:queries, None] >= 0)
