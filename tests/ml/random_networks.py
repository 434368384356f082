"""Networks with random variables that all affect the output, so that a misread or missing variable is detected."""

from pathlib import Path

import numpy as np

from ml.spec import ModelSpec
from ml.weights import Weights, resolve, write_npz
from ml.weights.layout import head_shapes, untrained_variables


def variables(spec: ModelSpec, *, seed: int = 0) -> dict[str, np.ndarray]:
    """The untrained backbone with random biases, batch norms and heads."""
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
    """The weights of such a network, saved to a file and resolved again."""
    write_npz(path, variables(spec, seed=seed), spec)
    return resolve(str(path), cache_dir=path.parent)
