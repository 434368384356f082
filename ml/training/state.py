"""Checkpoints: everything that the next step depends on, written whole or not at all, by one process at a time."""

import fcntl
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

MODEL = "model.npz"  # what a training's folder is for
DATA = "data_sha256"  # among the settings: which pictures were trained on


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
    averaged: updates of the moving average so far.
    """

    epoch: int = 0
    step: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: float | None = None
    best_epoch: int | None = None
    seconds: float = 0.0
    refitted: bool = False
    averaged: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """Attributes: position; weights, optimizer and averages, arrays by name; settings, what the run was asked for."""

    position: Position
    weights: Mapping[str, np.ndarray]
    optimizer: Mapping[str, np.ndarray]
    averages: Mapping[str, np.ndarray]
    settings: Mapping[str, Any]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Raises OSError, or TrainingError for weights that are not finite; a checkpoint that was there stays then."""
    check_finite(checkpoint.weights)
    check_finite(checkpoint.averages)
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


def check_agrees(path: Path, kept: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Raises TrainingError: the checkpoint at `path`, of the settings `kept`, is not of the training `asked` for."""
    changed = {key for key in {*kept, *asked} if kept.get(key) != asked.get(key)}
    if options := sorted(changed - {DATA}):  # first: with another --split, say, the pictures are others as well
        raise TrainingError(
            f"{path} belongs to a training with another {', '.join(options)}. Repeat its command to go on with it, "
            "begin anew with --restart, or name another folder with --out."
        )
    if changed:
        raise TrainingError(
            f"{path} belongs to a training on other data: pictures or labels have changed since. "
            "Begin anew with --restart, or name another folder with --out."
        )


def check_finite(weights: Mapping[str, np.ndarray]) -> None:
    """Raises TrainingError."""
    bad = next((name for name, array in weights.items() if not np.isfinite(array).all()), None)
    if bad is not None:
        raise TrainingError(
            f"The weights are not finite any more ({bad}). Nothing later was kept. "
            "Begin anew with --restart and a smaller --learning-rate."
        )


def not_written(path: Path, error: OSError) -> TrainingError:
    return TrainingError(f"{path} cannot be written ({error.strerror or error}). Make room and repeat the command.")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make `folder`, and keep other trainings out of it: two would overwrite each other's checkpoint.

    Raises:
        TrainingError: another process is at it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The file stays: were it removed, a second process could hold it while a third locks its successor.
    with (folder / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrainingError(
                f"Another process is training in {folder}. Wait for it, or name another folder with --out."
            ) from None
        yield


class Average:
    """Exponential moving average of weights: what is evaluated and kept, steadier than the last step.

    Attributes:
        values: name → array; none before the first update.
        updates: so far. The first ones count for more: heads begin at random, and at the full decay they would
            still be in the average hundreds of steps later.
    """

    def __init__(self, decay: float, every: int = 8) -> None:
        self.values: dict[str, np.ndarray] = {}
        self.updates = 0
        self._decay = decay**every
        self.every = every

    def update(self, weights: Mapping[str, np.ndarray]) -> None:
        """Called once every `every` steps: the average moves slowly enough for that."""
        decay = min(self._decay, (1 + self.updates) / (10 + self.updates))
        for name, value in weights.items():
            if name in self.values:
                average = self.values[name]
                average += (1.0 - decay) * (value - average)
            else:
                self.values[name] = np.array(value, np.float32)
        self.updates += 1
