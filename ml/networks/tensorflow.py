"""TensorFlow: the reference that the ONNX graph is compared with. Never imported by a web process."""

import numpy as np

from ml.runtimes.base import Runtime
from ml.runtimes.quiet import quiet_tensorflow
from ml.weights import Weights


class TensorFlowEmbedder(Runtime):
    """The Keras model itself. Do not fork after making one: TensorFlow's threads do not survive it."""

    def __init__(self, weights: Weights) -> None:
        """Build the network; several seconds. Raises WeightsError when the weights cannot be loaded."""
        quiet_tensorflow()
        from ml.networks.backbones import build  # noqa: PLC0415 (TensorFlow: 15 s)

        self.spec = weights.spec
        self._model = build(weights)

    def _run(self, images: np.ndarray) -> list[np.ndarray]:
        outputs = self._model(images, training=False)
        # Keras gives a single output as itself.
        return [np.asarray(output) for output in (outputs if self.spec.labels else [outputs])]
