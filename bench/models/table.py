"""Measures the models and prints the table."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.embed import graph_of
from bench.held_out import Sets, samples_of
from bench.models.lines import Line, lines
from bench.models.material import STUDIO, Material
from ml.commands.common import note
from ml.datasets import DatasetError
from ml.embedder import cached_graph, default_cache_dir
from ml.evaluation.vectors import Model
from ml.pictures.codec import to_input
from ml.runtimes.onnx import OnnxEmbedder, usable_cores
from ml.weights import Weights, WeightsError, resolve
from ml.weights.editions import editions

_BATCH, _ROUNDS = 16, 3


def measure(
    *,
    weights: Sequence[str],
    split: Path | None,
    photos_split: Path | None,
    gallery: int | None,
    goods: Path | None,
    cache_dir: Path | None,
    seconds: float,
    as_json: bool,
) -> None:
    """Print a table with a column for each model."""
    folder = os.environ.get("LOOKALIKE_DATA")
    if folder is None:
        raise SystemExit("LOOKALIKE_DATA must name a folder with the labelled sets.")
    cache = cache_dir or default_cache_dir()
    material = Material(Path(folder), cache, split, photos_split, gallery, goods)
    columns: dict[str, list[Line]] = {}
    last: dict[str, list[tuple[str, str]]] = {}
    try:
        for name in weights or [edition.name for edition in editions() if edition.is_here]:
            found = resolve(name, cache_dir=cache, log=note)
            model: Model = Sets(cache).model(name)
            columns[name] = list(lines(material, model.vectors))
            last[name] = _of_file(found, material.data, cache, seconds)
    except (DatasetError, WeightsError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from error
    if as_json:
        figures = {
            name: {line.what: [line.mean, line.low, line.high] for line in column} | dict(last[name])
            for name, column in columns.items()
        }
        print(json.dumps({"gallery": len(material.studio), "models": figures}, ensure_ascii=False))
        return
    print(
        f"Gallery: {len(material.studio):,} pictures; queries: {len(material.tested.own):,} products of the test side."
    )
    print(f"\n| | {' | '.join(columns)} |")
    print("|---" * (1 + len(columns)) + "|")
    for rows in zip(*columns.values(), strict=True):
        print(f"| {rows[0].what} | {' | '.join(row.cell for row in rows)} |")
    for cells in zip(*last.values(), strict=True):
        print(f"| {cells[0][0]} | {' | '.join(text for _, text in cells)} |")


def _of_file(found: Weights, data: Path, cache: Path, seconds: float) -> list[tuple[str, str]]:
    """The size of the file and the speed of the network."""
    size = cached_graph(found, cache).stat().st_size
    rows = [("file", f"{size / 1e6:.1f} MB")]
    if seconds:
        samples = samples_of(data / STUDIO)
        inputs = np.stack([to_input(sample.read(), found.spec) for sample in samples[:: len(samples) // 128][:128]])
        for precision in ("float", "int8"):
            try:
                rate = f"{_rate(graph_of(found, precision, inputs), inputs[:_BATCH], seconds):.0f}"
            except WeightsError as error:  # a graph that was not calibrated has no int8
                note(str(error))
                rate = "–"
            rows.append((f"images/s, {precision}, {usable_cores()} cores", rate))
    return rows


def _rate(network: OnnxEmbedder, batch: np.ndarray, seconds: float) -> float:
    """Images per second that the cores compute, the best of three rounds. Time in which other programs have the cores
    does not count, so a busy machine gives nearly the same rate."""
    best = 0.0
    network.embed_batch(batch)
    for _ in range(_ROUNDS):
        until, used, done = time.monotonic() + seconds, time.process_time(), 0
        while time.monotonic() < until:
            network.embed_batch(batch)
            done += len(batch)
        best = max(best, done * usable_cores() / (time.process_time() - used))
    return best
