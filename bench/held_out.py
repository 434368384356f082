"""Labelled sets, and cached vectors of them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ml.commands.common import load, note, progress, resolve
from ml.commands.data import prepared_set
from ml.datasets import Prepared, Sample, open_set
from ml.evaluation.pictures import PictureSet
from ml.evaluation.vectors import Model


@dataclass(frozen=True)
class Sets:
    """Attributes: cache_dir, of decoded pictures and vectors; a second run takes seconds."""

    cache_dir: Path

    def open(self, path: Path) -> PictureSet:
        """Every different picture of a set once."""

        def prepare(some: Sequence[Sample], input_size: int, fit: str) -> Prepared:
            return prepared_set(path, input_size=input_size, fit=fit, cache_dir=self.cache_dir, samples=list(some))

        return PictureSet(path, samples_of(path), prepare)

    def model(self, name: str) -> Model:
        options = Namespace(weights=name, pooling=None, runtime="onnx", cache_dir=self.cache_dir)
        return Model(
            resolve(options),
            lambda: load(options),
            name=name,
            runtime=options.runtime,
            cache_dir=self.cache_dir,
            progress=lambda what, total, done: progress(what, total, done=done),
        )


@cache
def samples_of(path: Path) -> list[Sample]:
    """The pictures of a set, read once: a table of 39,571 rows takes two seconds."""
    return open_set(path, note=note)
