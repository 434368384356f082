"""Checkpoints: everything that the next step depends on, written whole or not at all by one process at a time."""

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

MODEL = "model.npz"  # the result in a run's folder
DATA = "data_sha256"  # the setting that identifies the training data


class TrainingError(Exception):
    """A training cannot start or continue; the message names the remedy."""


@dataclass
class Position:
    """Attributes:
    epoch, step: of the next step.
    history: one entry per finished epoch.
    best: highest value of the figure by which the model is chosen; `best_epoch`, its epoch.
    seconds: of training so far, over all runs.
    refitted: whether the heads were refitted.
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
    """Attributes: position; weights, optimizer and averages, arrays by name; settings, those of the run."""

    position: Position
    weights: Mapping[str, np.ndarray]
    optimizer: Mapping[str, np.ndarray]
    averages: Mapping[str, np.ndarray]
    settings: Mapping[str, Any]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint. Raises OSError, or TrainingError if weights are not finite; the earlier one stays then."""
    check_finite(checkpoint.weights)
    check_finite(checkpoint.averages)
    arrays = {f"{group}:{name}": array for group in ("weights", "optimizer", "averages")
              for name, array in getattr(checkpoint, group).items()}  # fmt: skip
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
    """Read a checkpoint; raises TrainingError if it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop("meta")))
        groups: dict[str, dict[str, np.ndarray]] = {"weights": {}, "optimizer": {}, "averages": {}}
        for key, array in arrays.items():
            group, _, name = key.partition(":")
            groups[group][name] = array
        return Checkpoint(Position(**meta["position"]), settings=meta["settings"], **groups)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise TrainingError(
            f"Checkpoint {path} is damaged ({error}). Remove it to start this training from the beginning."
        ) from error


def check_agrees(path: Path, kept: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Raise TrainingError if the checkpoint at `path`, with settings `kept`, is not of the training `asked` for."""
    changed = {key for key in {*kept, *asked} if kept.get(key) != asked.get(key)}
    if options := sorted(changed - {DATA}):  # first: another --split, for example, changes the pictures too
        raise TrainingError(
            f"{path} belongs to a training with another {', '.join(options)}. Repeat its command to resume it, start "
            "over with --restart, or name another folder with --out."
        )
    if changed:
        raise TrainingError(
            f"{path} belongs to a training on other data: pictures or labels have changed since. "
            "Start over with --restart, or name another folder with --out."
        )


def check_finite(weights: Mapping[str, np.ndarray]) -> None:
    """Raise TrainingError if an array has values that are not finite."""
    bad = next((name for name, array in weights.items() if not np.isfinite(array).all()), None)
    if bad is not None:
        raise TrainingError(
            f"The weights are no longer finite ({bad}). Nothing later was kept. "
            "Start over with --restart and a smaller --learning-rate."
        )


def not_written(path: Path, error: OSError) -> TrainingError:
    return TrainingError(f"{path} cannot be written ({error.strerror or error}). Make room and repeat the command.")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Create `folder`, and keep other trainings out of it: two would overwrite each other's checkpoint.

    Raises:
        TrainingError: another process is training in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The file is not removed: a second process could still lock it while a third locks its successor.
    with (folder / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrainingError(
                f"Another process is training in {folder}. Wait for it, or name another folder with --out."
            ) from None
        yield


class Average:
    """Exponential moving average of weights, which is evaluated and kept because it is steadier than the last step.

    Attributes:
        values: name → array; empty before the first update.
        updates: so far. The decay is smaller at first: heads start at random, and with the full decay their start would
            remain in the average for hundreds of steps.
    """

    def __init__(self, decay: float, every: int = 8) -> None:
        self.values: dict[str, np.ndarray] = {}
        self.updates = 0
        self._decay = decay**every
        self.every = every

    def update(self, weights: Mapping[str, np.ndarray]) -> None:
        """Call this once every `every` steps, which is often enough."""
        decay = min(self._decay, (1 + self.updates) / (10 + self.updates))
        for name, value in weights.items():
            if name in self.values:
                average = self.values[name]
                average += (1.0 - decay) * (value - average)
            else:
                self.values[name] = np.array(value, np.float32)
        self.updates += 1
