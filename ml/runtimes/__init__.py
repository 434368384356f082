"""Running networks: ONNX Runtime serves; TensorFlow (`ml.networks.tensorflow`) is the reference.

`open` starts an artifact in the precision that suits this host. Importing this package loads neither runtime.
"""

from ml.runtimes.base import BadVector, Runtime, checked, stack
from ml.runtimes.opening import Int8Unavailable, open

__all__ = ["BadVector", "Int8Unavailable", "Runtime", "checked", "open", "stack"]
