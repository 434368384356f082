"""Checkpoints: everything that the next step depends on, written whole or not at all."""

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


class TrainingError(Exception):
    """A training that cannot start or go on: one sentence with the remedy."""


@dataclass
class Position:
    """Attributes:
    epoch, step: of the next step.
    history: one entry an epoch that is done.
    best: highest value of the figure that the model is chosen by; `best_epoch`, its epoch.
    seconds: of training so far, all runs together.
    refitted: whether the heads alone were learned anew.
    """

    epoch: int = 0
    step: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: float | None = None
    best_epoch: int | None = None
    seconds: float = 0.0
    refitted: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """Attributes: position; weights, optimizer and averages, arrays by name; settings, what the run was asked for."""

    position: Position
    weights: Mapping[str, np.ndarray]
    optimizer: Mapping[str, np.ndarray]
    averages: Mapping[str, np.ndarray]
    settings: Mapping[str, Any]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Raises OSError; a checkpoint that was there stays as it was then."""
    arrays = {f"{kind}:{name}": array for kind in ("weights", "optimizer", "averages")
              for name, array in getattr(checkpoint, kind).items()}  # fmt: skip
    meta = json.dumps({"position": asdict(checkpoint.position), "settings": dict(checkpoint.settings)})
    draft = path.with_name(f".{path.name}.draft")
    try:
        with draft.open("wb") as file:
            np.savez(file, allow_pickle=False, meta=np.array(meta), **arrays)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def load(path: Path) -> Checkpoint:
    """Raises TrainingError: it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop("meta")))
        kinds: dict[str, dict[str, np.ndarray]] = {"weights": {}, "optimizer": {}, "averages": {}}
        for key, array in arrays.items():
            kind, _, name = key.partition(":")
            kinds[kind][name] = array
        return Checkpoint(Position(**meta["position"]), settings=meta["settings"], **kinds)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise TrainingError(
            f"Checkpoint {path} is damaged ({error}). Remove it to start this training from the beginning."
        ) from error


class Average:
    """Exponential moving average of weights: what is evaluated and kept, steadier than the last step."""

    def __init__(self, decay: float, every: int = 8) -> None:
        self.values: dict[str, np.ndarray] = {}
        self._decay = decay**every
        self.every = every

    def update(self, weights: Mapping[str, np.ndarray]) -> None:
        """Called once every `every` steps: the average moves slowly enough for that."""
        for name, value in weights.items():
            if name in self.values:
                average = self.values[name]
                average += (1.0 - self._decay) * (value - average)
            else:
                self.values[name] = np.array(value, np.float32)
