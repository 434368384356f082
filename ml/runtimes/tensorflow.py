"""TensorFlow: the reference that the ONNX graph is compared with. Never imported by a web process."""

from collections.abc import Sequence

import numpy as np

from ml.runtimes import MAX_BATCH, checked, stack
from ml.weights import Weights


class TensorFlowEmbedder:
    """The Keras model itself. Do not fork after making one: TensorFlow's threads do not survive it."""

    def __init__(self, weights: Weights) -> None:
        """Build the network; several seconds. Raises WeightsError when the weights cannot be loaded."""
        from ml.export import quiet_tensorflow

        quiet_tensorflow()
        from ml.backbones import build

        self.spec = weights.spec
        self._model = build(weights)

    def embed(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """See `ml.runtimes.Embedder.embed`."""
        return self.embed_batch(stack(images, self.spec))

    def embed_batch(self, images: np.ndarray) -> np.ndarray:
        """The same for one array, uint8 [n, S, S, 3] → float32 [n, D]."""
        vectors = [
            self._model(images[start : start + MAX_BATCH], training=False).numpy()
            for start in range(0, len(images), MAX_BATCH)
        ]
        empty = np.zeros((0, self.spec.dimension), np.float32)
        return checked(np.concatenate(vectors) if vectors else empty, len(images), self.spec)
