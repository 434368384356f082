"""The vectors of a teacher, for distillation."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ml.spec import ModelSpec
from ml.training import network
from ml.training.backbone import has_idle_norms
from ml.training.sources import Source
from ml.training.validation import vectors_of
from ml.training.views.batches import at_size, on_device

_AT_A_TIME = 64


def teacher_vectors(
    spec: ModelSpec, variables: Mapping[str, np.ndarray], sources: Sequence[Source]
) -> list[np.ndarray]:
    """float16 [n, D], unit length, for every source: the vectors of a model for its pictures as they are."""
    has_norms = not has_idle_norms(variables, spec.backbone)
    plan = replace(network.plan_of(spec, variables), norms=has_norms)
    model = network.build(plan, variables)
    model.started = []
    network.transfer_heads(model, plan, variables, spec)
    found = []
    for source in sources:
        pixels = on_device(source.pixels)
        parts = []
        for start in range(0, len(pixels), _AT_A_TIME):
            pictures = at_size(pixels, spec.input_size, start, min(start + _AT_A_TIME, len(pixels)))
            parts.append(vectors_of(model.predict_on_batch(pictures), plan).astype(np.float16))
        found.append(np.concatenate(parts))
    return found
