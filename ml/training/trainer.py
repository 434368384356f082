"""The training loop: steps, checkpoints, a validation after every epoch; keeps the best model."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ml.spec import ModelSpec
from ml.training import backbone, network, state
from ml.training.augment import Augmentation
from ml.training.batches import Batches
from ml.training.learner import Learner, make_learner
from ml.training.plan import Plan
from ml.training.schedule import Schedule
from ml.training.sources import Sampling, Source
from ml.training.state import Average, Checkpoint, Position, TrainingError
from ml.training.validation import Held, Validation, validate
from ml.training.views.batches import Rendered, on_device
from ml.training.views.drawing import Reality
from ml.training.views.rendering import resized

CHECKPOINT = "checkpoint.npz"
_AHEAD = 2  # batches prepared while the network runs
_LOOKED_AT = 8  # batches that the start of a network is fitted to


@dataclass(frozen=True)
class Run:
    """Everything that defines a training.

    Attributes:
        variables: of the model that it starts from; `start`, that model's spec.
        backgrounds: uint8 [m, S, S, 3], or empty.
        held: validation pictures; None to train without and keep the last epoch.
        patience: stop after this many epochs at the last size without improvement; 0 never stops early.
        settings: options and data of the training; a checkpoint with other settings is refused.
    """

    plan: Plan
    schedule: Schedule
    sampling: Sampling
    amounts: Augmentation | Reality
    sources: Sequence[Source]
    backgrounds: np.ndarray | tuple[()]
    held: Held | None
    variables: Mapping[str, np.ndarray]
    start: ModelSpec
    folder: Path
    settings: Mapping[str, Any]
    seed: int = 0
    weight_decay: float = 0.02
    averaging: float = 0.999
    patience: int = 0
    checkpoint_s: float = 300.0


@dataclass(frozen=True)
class Progress:
    """The progress of a step, for people."""

    epoch: int
    epochs: int
    step: int
    steps: int
    pictures_per_s: float
    left_s: float
    figures: Mapping[str, float]


class Trainer:
    """One run, from its start or its checkpoint to its end."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.position = Position()
        self.learner: Learner = make_learner(run.plan, run.variables, run.start)
        self._pixels: list[Any] = []
        self._photos: Any = None
        if isinstance(run.amounts, Reality):
            self._pixels = [on_device(source.pixels) for source in run.sources]
            self._photos = on_device(run.backgrounds) if isinstance(run.backgrounds, np.ndarray) else None
        self.average = Average(run.averaging)
        self._frozen: bool | None = None
        self._started = time.monotonic()

    def resume(self) -> bool:
        """Continue from the checkpoint in the run's folder; False if there is none.

        Raises:
            TrainingError: the checkpoint is damaged, or belongs to a training with other options or data.
        """
        path = self.run.folder / CHECKPOINT
        if not path.is_file():
            return False
        kept = state.load(path)
        state.check_agrees(path, kept.settings, self.run.settings)
        self.position = kept.position
        self._prepare()
        for name, variable in network.named_weights(self.learner).items():
            variable.assign(kept.weights[name])
        for index, variable in enumerate(self.learner.optimizer.variables):
            variable.assign(kept.optimizer[str(index)])
        self.average.values = {name: array.copy() for name, array in kept.averages.items()}
        self.average.updates = kept.position.averaged
        return True

    def train(
        self,
        *,
        on_step: Callable[[Progress], None],
        on_epoch: Callable[[Validation | None, dict[str, Any]], None],
        on_validation: Callable[[int, int], None] | None = None,
    ) -> None:
        """Train to the end, or until there is no improvement for `patience` epochs.

        Args:
            on_step: called after every step.
            on_epoch: called after every epoch, with its entry of the history.

        Raises:
            TrainingError: loss or weights are not finite, or the checkpoint cannot be written.
        """
        if isinstance(self.run.amounts, Reality) and self.position == Position():
            self._start_network()
        while not self._is_over():
            losses = self._epoch(on_step)
            state.check_finite(self._weights())  # a finite loss may have infinite gradients
            found = self._validate(on_validation)
            entry = self._entry(losses, found)
            self.position.history.append(entry)
            self.position.epoch += 1
            self.position.step = 0
            # The model first: a kill after the checkpoint and before the model would lose the best epoch's model.
            on_epoch(found, entry)
            self.checkpoint()

    def averaged_weights(self) -> dict[str, np.ndarray]:
        """`<layer>/<variable>` → array: the weights that are validated and kept."""
        return self.average.values or self._weights()

    def checkpoint(self) -> None:
        """Write the state. Raises TrainingError if the disk is full or a weight is not finite; the last one stays."""
        self.position.seconds += time.monotonic() - self._started
        self._started = time.monotonic()
        self.position.averaged = self.average.updates
        optimizer = {str(i): np.array(_array(v)) for i, v in enumerate(self.learner.optimizer.variables)}
        path = self.run.folder / CHECKPOINT
        try:
            state.save(
                path, Checkpoint(self.position, self._weights(), optimizer, self.average.values, self.run.settings)
            )
        except OSError as error:
            raise TrainingError(
                f"The checkpoint {path} cannot be written ({error.strerror or error}). "
                "Make room and repeat the command: it resumes from the checkpoint before."
            ) from error

    def _epoch(self, on_step: Callable[[Progress], None]) -> dict[str, float]:
        run, epoch = self.run, self.position.epoch
        size = run.schedule.size_of(epoch)
        batches = self._batches(epoch)
        sums: dict[str, float] = {}
        seen, since, saved = 0, time.monotonic(), time.monotonic()
        with ThreadPoolExecutor(1) as threads:
            ahead = {
                step: threads.submit(batches.__getitem__, step)
                for step in range(self.position.step, min(self.position.step + _AHEAD, len(batches)))
            }
            for step in range(self.position.step, len(batches)):
                self._prepare()
                pictures, labels = ahead.pop(step).result()
                if step + _AHEAD < len(batches):
                    ahead[step + _AHEAD] = threads.submit(batches.__getitem__, step + _AHEAD)
                number = epoch * run.schedule.steps + step
                self.learner.optimizer.learning_rate = run.schedule.rate_at(number)
                self.learner.reset_metrics()  # some backends would average over all earlier steps
                logs = self.learner.train_on_batch(pictures, labels, return_dict=True)
                figures = {name: float(value) for name, value in logs.items()}
                if not np.isfinite(figures["loss"]):
                    raise TrainingError(
                        f"The loss is not finite in step {step + 1} of epoch {epoch + 1}. Nothing later was kept. "
                        "Start over with --restart and a smaller --learning-rate."
                    )
                self.position.step = step + 1
                if (number + 1) % self.average.every == 0:
                    self.average.update(self._weights())
                seen += len(pictures)
                for name, value in figures.items():
                    sums[name] = sums.get(name, 0.0) + value * len(pictures)
                rate = seen / max(time.monotonic() - since, 1e-6)
                left = run.schedule.cost_left(epoch, step + 1) / size**2 * len(pictures) / rate
                on_step(Progress(epoch, run.schedule.epochs, step + 1, len(batches), rate, left, figures))
                # Not after the last step: the end of the epoch writes its own checkpoint.
                if step + 1 < len(batches) and time.monotonic() - saved > run.checkpoint_s:
                    self.checkpoint()
                    saved = time.monotonic()
        means = {name: value / max(seen, 1) for name, value in sums.items()}
        return means | {"pictures_per_s": seen / max(time.monotonic() - since, 1e-6)}

    def _batches(self, epoch: int) -> Batches:
        run, key = self.run, (self.run.seed, epoch)
        if isinstance(run.amounts, Reality):
            return Rendered(
                run.sources,
                run.sampling,
                steps=run.schedule.steps,
                sizes=run.schedule.sizes_of(epoch),
                reality=run.amounts,
                pixels=self._pixels,
                photos=self._photos,
                key=key,
            )
        return Batches(
            run.sources,
            run.sampling,
            steps=run.schedule.steps,
            size=run.schedule.size_of(epoch),
            amounts=run.amounts,
            explicit=run.plan.loss == "classic-triplet",
            backgrounds=run.backgrounds,
            key=key,
        )

    def _start_network(self) -> None:
        """What the network needs to know of the pictures: statistics for idle batch norms, and directions for heads
        that start at random."""
        run = self.run
        batches = self._batches(0)
        pictures = [batches[step][0] for step in range(_LOOKED_AT)]
        if run.plan.norms and backbone.has_idle_norms(run.variables, run.plan.backbone):
            backbone.revive_norms(self.learner, pictures)
        network.start_heads(self.learner, run.plan, pictures)

    def _prepare(self) -> None:
        """Freeze or unfreeze the backbone for this position, with a new optimizer for the trainable variables."""
        number = self.position.epoch * self.run.schedule.steps + self.position.step
        frozen = number < self.run.schedule.frozen_steps
        if frozen == self._frozen:
            return
        for layer in backbone.layers_of(self.learner):
            layer.trainable = not frozen
        optimizer = keras.optimizers.AdamW(weight_decay=self.run.weight_decay, clipnorm=None, global_clipnorm=1.0)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self.learner.compile(optimizer=optimizer, jit_compile=False)
        optimizer.build(self.learner.trainable_variables)
        self._frozen = frozen

    def _validate(self, progress: Callable[[int, int], None] | None) -> Validation | None:
        if self.run.held is None:
            return None
        now = self._weights()
        variables = network.named_weights(self.learner)
        for name, value in self.averaged_weights().items():
            variables[name].assign(value)
        try:
            size = self.run.schedule.size_of(self.position.epoch)
            return validate(
                self.run.held,
                self.run.plan,
                self.learner.predict_on_batch,
                size=size,
                fit=resized if isinstance(self.run.amounts, Reality) else None,
                progress=progress,
            )
        finally:
            for name, value in now.items():
                variables[name].assign(value)

    def _entry(self, losses: dict[str, float], found: Validation | None) -> dict[str, Any]:
        figures = found.figures if found else {}
        value = chosen_by(figures) if found else -losses["loss"]
        size = self.run.schedule.size_of(self.position.epoch)
        if self.position.best_epoch is not None and self.run.schedule.size_of(self.position.best_epoch) != size:
            self.position.best = None  # the model is made for the last size: epochs at smaller ones only lead there
        better = self.position.best is None or value > self.position.best or found is None
        if better:
            self.position.best, self.position.best_epoch = value, self.position.epoch
        return {
            "epoch": self.position.epoch + 1,
            "size": size,
            "training": losses,
            "validation": figures,
            "chosen_by": value,
            "best": better,
            "seconds": self.position.seconds + time.monotonic() - self._started,
        }

    def _is_over(self) -> bool:
        position = self.position
        return self.run.schedule.is_over(position.epoch, best=position.best_epoch, patience=self.run.patience)

    def _weights(self) -> dict[str, np.ndarray]:
        return {name: np.array(_array(variable)) for name, variable in network.named_weights(self.learner).items()}


def chosen_by(figures: Mapping[str, float]) -> float:
    """The figure that compares epochs and losses: the mean of MAP@R of the type and, if colours are known, the
    precision at 10 of type and colour together."""
    values = [figures[name] for name in ("type_map_r", "type_and_colour_p10") if name in figures]
    return float(np.mean(values))


def _array(variable: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable.value)
