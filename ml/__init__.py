"""Embeddings of product photos, without Django: safe decoding, weights, ONNX export, and two runtimes.

`from ml import Embedder` is the short way in. Importing this package loads nothing heavy: TensorFlow,
Keras and ONNX Runtime are imported by the function that needs them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml.embedder import Embedder

__all__ = ["Embedder"]


def __getattr__(name: str) -> Any:
    """Import `Embedder` on first use (PEP 562), so that `import ml` stays free of cost."""
    if name == "Embedder":
        from ml.embedder import Embedder  # noqa: PLC0415 (NumPy and Pillow: 0.3 s)

        return Embedder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
