"""Networks of random numbers whose every variable counts, so that one misread or left out shows."""

from pathlib import Path

import numpy as np

from ml.spec import ModelSpec
from ml.weights import Weights, resolve, write_npz
from ml.weights.layout import head_shapes, untrained_variables


def variables(spec: ModelSpec, *, seed: int = 0) -> dict[str, np.ndarray]:
    """The untrained backbone with biases and batch norms that do something, and random heads."""
    random = np.random.default_rng(seed)
    drawn = untrained_variables(spec.backbone)
    for path, values in drawn.items():
        if path.endswith(("gamma", "moving_variance")):
            values *= random.uniform(0.7, 1.4, values.shape).astype(np.float32)
        elif not path.endswith("kernel"):
            values += random.normal(scale=0.1, size=values.shape).astype(np.float32)
    for path, shape in head_shapes(spec).items():
        drawn[path] = random.normal(scale=0.05, size=shape).astype(np.float32)
    return drawn


def saved(path: Path, spec: ModelSpec, *, seed: int = 0) -> Weights:
    """A weights file of such a network, found again."""
    write_npz(path, variables(spec, seed=seed), spec)
    return resolve(str(path), cache_dir=path.parent)
