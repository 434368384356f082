"""The network with its loss, as one Keras model that can be trained on any backend."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from ml.spec import ModelSpec
from ml.training import network
from ml.training.losses import (
    accuracy,
    cosine_loss,
    cross_entropy,
    explicit_triplet_loss,
    mined_triplet_loss,
    relational_loss,
    set_cross_entropy,
    triplet_accuracy,
)
from ml.training.plan import COLOUR_TASKS, OWN_TYPE, TASK_WEIGHTS, WHOLE, Plan

TRIPLET_WEIGHT = 1.0
TEACHER = "teacher"  # the key of the teacher's vectors among the labels of a batch


class Learner(keras.Model):
    """The network with its loss.

    Attributes:
        plan: what is trained.
        trackers: name → running mean since the last `reset_metrics`.
        started: the heads that did not start at random.
    """

    plan: Plan
    trackers: dict[str, Any]
    started: list[str]

    def follow(self, plan: Plan) -> None:
        """Set the loss. Call it once, before the first step."""
        self.plan = plan
        names = [f"loss/{task}" for task in plan.classes] + [f"accuracy/{task}" for task in plan.classes]
        if plan.loss not in ("classify", "softmax"):
            names.append("loss/triplet")
        if plan.loss == "classic-triplet":
            names.append("accuracy/triplet")
        names += ["loss/acceptable"] if plan.acceptable else []
        names += [f"loss/{name}" for name in ("cosine", "relations") if getattr(plan, name)]
        self.trackers = {name: keras.metrics.Mean(name=name.replace("/", "_")) for name in names}

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss of a batch. `y`: task → int32 [n], negative if not known; `TEACHER` → float32 [n, D] for the losses
        of distillation. For "classic-triplet" the batch is anchors, positives and negatives in this order, a third
        each."""
        terms = {}
        for task in self.plan.classes:
            logits, known = y_pred[f"logits/{task}"], y[task]
            self._track(f"accuracy/{task}", accuracy(logits, known))
            if task == "type" and self.plan.acceptable:
                # These pictures have one of several types; which one is not known.
                known = ops.where(y[OWN_TYPE] >= 0, -1, known)
                acceptable = ops.matmul(ops.one_hot(y[OWN_TYPE], len(self.plan.acceptable)), self._acceptable())
                terms["acceptable"] = TASK_WEIGHTS[task] * set_cross_entropy(logits, acceptable)
            if self.plan.cosine_margin:
                right = ops.one_hot(known, logits.shape[-1])  # all zeros for an unknown label
                logits = logits - self.plan.scale * self.plan.cosine_margin * ops.cast(right, logits.dtype)
            terms[task] = TASK_WEIGHTS[task] * cross_entropy(logits, known, self.plan.smoothing)
        if self.plan.loss == "classic-triplet":
            third = ops.shape(y["type"])[0] // 3
            anchors, positives, negatives = (y_pred[WHOLE][start * third : (start + 1) * third] for start in range(3))
            terms["triplet"] = explicit_triplet_loss(anchors, positives, negatives, self.plan.margin)
            self._track("accuracy/triplet", triplet_accuracy(anchors, positives, negatives))
        elif self.plan.loss in ("triplet", "joint"):
            terms["triplet"] = TRIPLET_WEIGHT * sum(
                mined_triplet_loss(
                    y_pred[f"{head.part}/before"],
                    y["colour" if head.part == COLOUR_TASKS[0] else "type"],
                    self.plan.margin,
                    self.plan.mining,
                )
                for head in self.plan.heads
            )
        terms |= self._distillation(y, y_pred)
        for name, value in terms.items():
            self._track(f"loss/{name}", value)
        return sum(terms.values())

    def _acceptable(self) -> np.ndarray:
        """float32 [own types, types]: 1 where the own type may be the type."""
        table = np.zeros((len(self.plan.acceptable), len(self.plan.classes["type"])), np.float32)
        for own, types in enumerate(self.plan.acceptable):
            table[own, list(types)] = 1
        return table

    def _distillation(self, y: Any, y_pred: Any) -> dict[str, Any]:
        plan, terms = self.plan, {}
        parts = [y_pred[f"{head.part}/vector"] for head in plan.heads]
        if plan.cosine:
            start, losses = 0, []
            for part in parts:
                length = part.shape[-1]
                losses.append(cosine_loss(part, y[TEACHER][:, start : start + length]))
                start += length
            terms["cosine"] = plan.cosine * sum(losses) / len(losses)
        if plan.relations:
            # A teacher of another length was not made for these parts: it says nothing about colour.
            same = plan.cosine or y[TEACHER].shape[-1] == sum(head.dimension for head in plan.heads)
            features = ops.concatenate(parts, axis=-1) if same else y_pred[f"{plan.heads[0].part}/before"]
            terms["relations"] = plan.relations * relational_loss(features, y[TEACHER])
        return terms

    def _track(self, name: str, value: Any) -> None:
        self.trackers[name].update_state(value)


def make_learner(plan: Plan, variables: Mapping[str, np.ndarray], spec: ModelSpec) -> Learner:
    """The network of `plan`, started from `variables`, those of a model of `spec`. `started` names the heads that
    could be started from it too."""
    model = network.build(plan, variables)
    started = network.transfer_heads(model, plan, variables, spec)
    learner = Learner(inputs=model.inputs[0], outputs=model.output)
    learner.follow(plan)
    learner.started = started
    return learner


def make_head_learner(plan: Plan, dropout: float) -> Learner:
    """Only heads and classifiers, started at random; see `network.build_heads`."""
    model = network.build_heads(plan, dropout)
    learner = Learner(inputs=model.input, outputs=model.output)
    learner.follow(plan)
    learner.started = []
    return learner
