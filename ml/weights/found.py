"""The result of choosing weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml.spec import ModelSpec


@dataclass(frozen=True)
class Weights:
    """Weights that were found and look usable; nothing is loaded yet.

    Attributes:
        source: "file", "bundled", "imagenet" or "untrained".
        sha256: hex digest of the file; for "untrained", of the text that describes how they are drawn.
        path: None for "untrained". An `.onnx` file is a graph ready to run; see `ready_made`.
        name: a short name for people, e.g. "resnet50-imagenet-avg".
        setting: the setting with which `resolve` finds the same weights again.
        extra: "training" and "metrics", if the file records how it was made and its scores.
    """

    source: str
    spec: ModelSpec
    sha256: str
    path: Path | None
    name: str
    setting: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ready_made(self) -> bool:
        """Whether the file is an ONNX graph, which can run as it is."""
        return self.path is not None and self.path.suffix == ".onnx"
