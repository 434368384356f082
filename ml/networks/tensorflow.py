"""TensorFlow: the reference that the ONNX graph is compared with. Never imported by a web process."""

import logging
import os
from collections.abc import Sequence

import numpy as np

from ml.runtimes import in_passes, stack
from ml.weights import Weights


class TensorFlowEmbedder:
    """The Keras model itself. Do not fork after making one: TensorFlow's threads do not survive it."""

    def __init__(self, weights: Weights) -> None:
        """Build the network; several seconds. Raises WeightsError when the weights cannot be loaded."""
        quiet_tensorflow()
        from ml.networks.backbones import build

        self.spec = weights.spec
        self._model = build(weights)

    def embed(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """See `ml.runtimes.Embedder.embed`."""
        return self.embed_labelled(images)[0]

    def embed_labelled(self, images: Sequence[np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """See `ml.runtimes.Embedder.embed_labelled`."""
        return in_passes(self._run, stack(images, self.spec), self.spec)

    def embed_batch(self, images: np.ndarray) -> np.ndarray:
        """`embed` for one array, uint8 [n, S, S, 3] → float32 [n, D]."""
        return in_passes(self._run, images, self.spec)[0]

    def _run(self, images: np.ndarray) -> list[np.ndarray]:
        outputs = self._model(images, training=False)
        # Keras gives a single output as itself.
        return [np.asarray(output) for output in (outputs if self.spec.labels else [outputs])]


def quiet_tensorflow() -> None:
    """Keep TensorFlow's start-up notes off the screen; takes effect only before its first import."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # its results vary with the machine in the last bits
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    for name in ("tensorflow", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)
