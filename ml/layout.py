"""The variables of ResNet50 without its top, by Keras's paths: known here so that a weights file can be
judged, and an untrained network drawn, without starting TensorFlow."""

import numpy as np

SEED = 20240
# (stage, filters, residual blocks), from Keras's applications/resnet.py, ResNet50.
_STAGES = (("conv2", 64, 3), ("conv3", 128, 4), ("conv4", 256, 6), ("conv5", 512, 3))
UNTRAINED_DESCRIPTION = f"resnet50 untrained, He normal kernels, numpy PCG64 seed {SEED}, layout 1"


def variable_shapes() -> dict[str, tuple[int, ...]]:
    """Path → shape of the 318 variables, e.g. `conv1_conv/kernel` → (7, 7, 3, 64)."""
    shapes: dict[str, tuple[int, ...]] = {}

    def convolution(name: str, size: int, inputs: int, outputs: int) -> None:
        shapes[f"{name}_conv/kernel"] = (size, size, inputs, outputs)
        shapes[f"{name}_conv/bias"] = (outputs,)
        for part in ("gamma", "beta", "moving_mean", "moving_variance"):
            shapes[f"{name}_bn/{part}"] = (outputs,)

    convolution("conv1", 7, 3, 64)
    inputs = 64
    for stage, filters, blocks in _STAGES:
        for number in range(1, blocks + 1):
            block = f"{stage}_block{number}"
            if number == 1:
                convolution(f"{block}_0", 1, inputs, 4 * filters)
            convolution(f"{block}_1", 1, inputs, filters)
            convolution(f"{block}_2", 3, filters, filters)
            convolution(f"{block}_3", 1, filters, 4 * filters)
            inputs = 4 * filters
    return shapes


def untrained_variables() -> dict[str, np.ndarray]:
    """Path → float32 array of a randomly drawn network, the same on every machine and with every TensorFlow.

    Random convolutions still see colours and edges, which is enough to try everything else on. The
    residual branches start weak (as in Goyal et al. 2017, "Accurate, Large Minibatch SGD"): at full strength
    fifty random layers make all pictures alike, cosine .999 between any two products.
    """
    random = np.random.default_rng(SEED)
    return {path: _draw(path, shape, random) for path, shape in variable_shapes().items()}


def _draw(path: str, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    if path.endswith("/kernel"):
        spread = np.sqrt(2.0 / np.prod(shape[:3]))  # He: keeps the scale of activations through ReLUs
        return (random.standard_normal(shape) * spread).astype(np.float32)
    if path == "conv1_bn/moving_variance":
        return np.full(shape, 64.0**2, np.float32)  # inputs run to ±128, not ±1
    if path.endswith("_3_bn/gamma"):
        return np.full(shape, 0.1, np.float32)
    return (np.ones if path.endswith(("gamma", "moving_variance")) else np.zeros)(shape, np.float32)
