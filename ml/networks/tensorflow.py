"""TensorFlow: the reference for the ONNX graph. Web processes never load it."""

import numpy as np

from ml.runtimes.base import Runtime
from ml.runtimes.quiet import quiet_tensorflow
from ml.weights import Weights


class TensorFlowEmbedder(Runtime):
    """Runs the Keras network. Do not fork after creating one: TensorFlow's threads do not survive a fork."""

    def __init__(self, weights: Weights) -> None:
        """Build the network, which takes several seconds. Raises WeightsError if the weights cannot be loaded."""
        quiet_tensorflow()
        from ml.networks.backbones import build  # noqa: PLC0415 (TensorFlow: 15 s)

        self.spec = weights.spec
        self._model = build(weights)

    def _run(self, images: np.ndarray) -> list[np.ndarray]:
        outputs = self._model(images, training=False)
        # Keras returns a single output as itself, not in a list.
        return [np.asarray(output) for output in (outputs if self.spec.labels else [outputs])]
