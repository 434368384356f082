"""A training run with progress on standard error, and metrics, model and report after every epoch."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from ml.commands.common import note
from ml.spec import ModelSpec
from ml.training import network
from ml.training.backbone import gains_of
from ml.training.plan import Plan
from ml.training.refit import Refit, features_of, refit, refit_plan
from ml.training.report import remove_report, write_report
from ml.training.sources import Vocabulary
from ml.training.state import MODEL, check_finite, not_written
from ml.training.trainer import CHECKPOINT, Progress, Run, Trainer, chosen_by
from ml.training.validation import Held, Validation, judge
from ml.weights import write_npz
from ml.weights.npz import read_npz

_SHOWN = (
    "type_p10",
    "type_macro_p10",
    "colour_p10",
    "type_and_colour_p10",
    "gender_p10",
    "type_map_r",
    "type_accuracy",
    "type_macro_f",
    "colour_accuracy",
)
_SECONDS_BETWEEN_LINES = 30.0


def configure_backend() -> None:
    """Use channels first where it is faster: PyTorch on a CPU runs 44 images/s that way and 39 otherwise (80 px,
    2 cores); TensorFlow on a CPU supports channels last only."""
    if keras.backend.backend() == "torch":
        keras.config.set_image_data_format("channels_first")
        import torch  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 (only where Keras runs on it)

        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def train_with_progress(
    run: Run,
    *,
    spec: ModelSpec,
    vocabulary: Vocabulary,
    how: Refit | None,
    started_from: str,
    data: str,
    held_out_types: Sequence[str] = (),
    restart: bool = False,
) -> None:
    """Train, show progress, and write model and report; see `Trainer.train` for the exceptions.

    Args:
        how: how to refit the heads at the end; None to skip that.
        held_out_types: types without training pictures, recorded in the model.
        restart: discard what an earlier run left in the folder, except splits.
    """
    if restart:
        for name in (CHECKPOINT, MODEL):
            (run.folder / name).unlink(missing_ok=True)
        remove_report(run.folder)
    keras.utils.set_random_seed(run.seed)
    trainer = Trainer(run)
    if trainer.resume():
        note(f"Resuming at epoch {trainer.position.epoch + 1}, step {trainer.position.step + 1}.")
    elif trainer.learner.started:
        note(f"The heads {', '.join(trainer.learner.started)} start from {started_from}.")
    screen = _Screen()

    about = {"data": data, "started from": started_from} | _about(run)
    origin = {"data": data, "started_from": started_from, "held_out_types": list(held_out_types)}

    def report(found: Validation | None, entry: Mapping[str, Any]) -> None:
        # After every epoch, so that a killed run has a report too.
        try:
            write_report(
                run.folder,
                trainer.position.history,
                found=found if entry["best"] else None,
                held=run.held,
                vocabulary=vocabulary,
                about=about,
            )
        except OSError as error:
            raise not_written(run.folder / "index.html", error) from error

    def epoch_done(found: Validation | None, entry: Mapping[str, Any]) -> None:
        screen.clear()
        note(_line(entry, run.schedule.epochs))
        if entry["best"]:
            variables = network.to_variables(trainer.averaged_weights(), gains_of(trainer.learner), run.plan)
            _write_model(trainer, variables, spec, origin, entry)
        report(found, entry)

    trainer.train(on_step=screen.step, on_epoch=epoch_done, on_validation=screen.validation)
    if how is not None and run.held is not None and not trainer.position.refitted:
        found, entry, plan, variables = _refit(trainer, run.held, how, screen)
        screen.clear()
        note(_line(entry, run.schedule.epochs))
        trainer.position.history.append(entry)
        trainer.position.refitted = True
        if entry["best"]:
            refitted = plan.spec(spec.input_size, spec.fit)
            _write_model(trainer, variables, refitted, origin, entry)
        report(found, entry)
        trainer.checkpoint()
    kept = [entry for entry in trainer.position.history if entry["best"]][-1]
    print(f"{run.folder / MODEL}: {_name(kept)} of {run.schedule.epochs}")
    print(f"{run.folder / 'index.html'}: the report")


def _refit(
    trainer: Trainer, held: Held, how: Refit, screen: "_Screen"
) -> tuple[Validation, dict[str, Any], Plan, dict[str, np.ndarray]]:
    """Train only the heads, on features of the best epoch's backbone. The history entry says whether that is better."""
    run = trainer.run
    began = time.monotonic()
    kept, _, _ = read_npz(run.folder / MODEL)
    heads = ("head/", "labels/")
    backbone = {path: array.astype(np.float32) for path, array in kept.items() if not path.startswith(heads)}
    model = network.build(replace(run.plan, heads=(), classes={}), backbone)

    def pooled(pictures: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict_on_batch(pictures)["pooled"])

    sets = [features_of(source.pixels, pooled, progress=screen.features) for source in run.sources]
    features = {name: np.concatenate([of[name] for of in sets]) for name in sets[0]}
    labels = {task: np.concatenate([source.labels[task] for source in run.sources]) for task in run.sources[0].labels}
    plan = refit_plan(run.plan, how)
    weights, forward = refit(plan, features, labels, how, seed=run.seed)
    found = judge(held, plan, forward(features_of(held.pixels, pooled, progress=screen.features)))
    value, position = chosen_by(found.figures), trainer.position
    entry = {
        "epoch": position.epoch + 1,
        "heads_alone": True,
        "size": run.schedule.phases[-1].size,
        "training": {"pictures_per_s": len(features["pooled"]) / (time.monotonic() - began)},
        "validation": found.figures,
        "chosen_by": value,
        "best": position.best is None or value > position.best,
        "seconds": position.seconds + time.monotonic() - began,
    }
    return found, entry, plan, backbone | network.to_head_variables(weights, plan)


def _name(entry: Mapping[str, Any]) -> str:
    return f"heads after epoch {entry['epoch'] - 1}" if "heads_alone" in entry else f"epoch {entry['epoch']}"


def _about(run: Run) -> dict[str, str]:
    plan = run.plan
    triplets = plan.loss == "classic-triplet"
    return {
        "loss": plan.loss,
        "vector": " + ".join(f"{head.part} {head.dimension}" for head in plan.heads) or "2048 pooled features",
        "pictures": " + ".join(f"{len(source.pixels):,}" for source in run.sources),
        "batch": "32 triplets" if triplets else f"{run.sampling.classes} classes × {run.sampling.each} pictures",
        "backend": keras.backend.backend(),
    }


def _write_model(
    trainer: Trainer,
    variables: Mapping[str, np.ndarray],
    spec: ModelSpec,
    origin: Mapping[str, Any],
    entry: Mapping[str, Any],
) -> None:
    run = trainer.run
    training = {
        **origin,
        "settings": dict(run.settings),
        "kept": _name(entry),
        "pictures": [len(source.pixels) for source in run.sources],
    }
    path = run.folder / MODEL
    check_finite(variables)
    try:
        write_npz(path, variables, spec, {"training": training, "metrics": entry["validation"]})
    except OSError as error:
        raise not_written(path, error) from error


def _line(entry: Mapping[str, Any], epochs: int) -> str:
    training, validation = entry["training"], entry["validation"]
    parts = [f"{_name(entry)}/{epochs}", f"{entry['size']} px"]
    parts += [f"loss {training['loss']:.4f}"] if "loss" in training else []
    parts += [f"{name} {validation[name]:.3f}" for name in _SHOWN if name in validation]
    parts += [f"{name} {value:.3f}" for name, value in training.items() if name == "accuracy_triplet"]
    parts += [f"{training['pictures_per_s']:.0f} images/s", f"{entry['seconds'] / 60:.1f} min"]
    return " · ".join(parts) + (" · best" if entry["best"] else "")


class _Screen:
    """One line that is overwritten on a terminal; an occasional line elsewhere."""

    def __init__(self) -> None:
        self._said = 0.0
        self._terminal = sys.stderr.isatty()

    def step(self, progress: Progress) -> None:
        losses = " ".join(f"{name} {value:.3f}" for name, value in progress.figures.items() if name != "loss")
        self._show(
            f"epoch {progress.epoch + 1}/{progress.epochs} step {progress.step}/{progress.steps} · "
            f"{progress.pictures_per_s:.0f} images/s · {_duration(progress.left_s)} left · "
            f"loss {progress.figures['loss']:.4f} {losses}"
        )

    def validation(self, done: int, total: int) -> None:
        self._show(f"validation {done:,} of {total:,} pictures")

    def features(self, done: int, total: int) -> None:
        self._show(f"features of {done:,} of {total:,} pictures, for the heads")

    def clear(self) -> None:
        if self._terminal:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)

    def _show(self, text: str) -> None:
        now = time.monotonic()
        if now - self._said < (0.2 if self._terminal else _SECONDS_BETWEEN_LINES):
            return
        self._said = now
        if self._terminal:
            width = os.get_terminal_size(sys.stderr.fileno()).columns
            print(f"\r\x1b[2K{text[: width - 1]}", end="", file=sys.stderr, flush=True)
        else:
            note(text)


def _duration(seconds: float) -> str:
    hours, minutes = divmod(int(seconds) // 60, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
