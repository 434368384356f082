"""Sources of a system's vectors: a baseline, a model (cached on disk), or a features file."""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from common.files import replacing
from ml.embedder import GRAPH_VERSION, Embedder
from ml.evaluation import baselines
from ml.evaluation.pictures import PictureSet
from ml.files import features
from ml.weights import Weights

_AT_A_TIME = 64
# Pictures in a cache file: a stopped run loses at most the work on this many.
_SHARD = 2048

Progress = Callable[[str, int, int], AbstractContextManager[Callable[[int], None]]]


class NoVectors(Exception):
    """The system has no vectors for these pictures."""


class System(Protocol):
    """Something to measure.

    Attributes:
        name: for tables.
        kind: "baseline", "model" or "features".
        held_out_types: types that were held out of its training, as far as recorded.
    """

    name: str
    kind: str
    held_out_types: tuple[str, ...]

    def described(self) -> dict[str, Any]:
        """Its description in the JSON, in addition to name and kind."""
        ...

    def vectors(self, pictures: PictureSet) -> np.ndarray:
        """float32 [n, D], unit length, in the order of `pictures`; raises NoVectors if it lacks some."""
        ...

    def of_photos(self, pictures: PictureSet) -> np.ndarray:
        """The same for pictures that are embedded as photo searches are, in one view."""
        ...


class Baseline:
    """Pixels, an HSV histogram, or a blend of both; see `ml.evaluation.baselines`."""

    kind = "baseline"
    held_out_types: tuple[str, ...] = ()

    def __init__(self, name: str) -> None:
        self.name = name

    def described(self) -> dict[str, Any]:
        return {"input_size": baselines.INPUT_SIZE, "fit": baselines.FIT}

    def vectors(self, pictures: PictureSet) -> np.ndarray:
        pixels, _ = pictures.pixels(baselines.INPUT_SIZE, baselines.FIT)
        if self.name == "pixels":
            return baselines.pixels(pixels)
        if self.name == "hsv":
            return baselines.hsv_histogram(pixels)
        return baselines.blend(baselines.pixels(pixels), baselines.hsv_histogram(pixels))

    of_photos = vectors


class Model:
    """A network. Its vectors are cached under `cache_dir`, keyed by the weights' sha256 and the pictures' digests."""

    kind = "model"

    def __init__(
        self,
        weights: Weights,
        load: Callable[[], Embedder],
        *,
        name: str,
        runtime: str,
        cache_dir: Path,
        progress: Progress,
        views: int = 1,
    ) -> None:
        """
        Args:
            load: starts the runtime; called only if vectors are missing from the cache.
            views: of each picture of the gallery; see `ml.runtimes.views`.
            runtime: its name, a part of the cache key, because the last bits of vectors differ between runtimes.
        """
        self.name = name if views == 1 else f"{name}, {views} views"
        training = weights.extra.get("training")
        told = training.get("held_out_types") if isinstance(training, dict) else None
        self.held_out_types = tuple(map(str, told)) if isinstance(told, list | tuple) else ()
        self.trained = weights.source in ("file", "bundled")  # perhaps on these pictures
        self.weights = weights
        self._load = load
        self._runtime = runtime
        self._cache_dir = cache_dir
        self._progress = progress
        self._views = views
        self._embedder: Embedder | None = None

    def described(self) -> dict[str, Any]:
        return self._made_with() | {"views": self._views}

    def _made_with(self) -> dict[str, Any]:
        return {
            "weights": self.weights.name,
            "source": self.weights.source,
            "weights_sha256": self.weights.sha256,
            "spec": self.weights.spec.to_meta(),
            "runtime": self._runtime,
        }

    def vectors(self, pictures: PictureSet) -> np.ndarray:
        return self._cached(pictures, self._views)

    def of_photos(self, pictures: PictureSet) -> np.ndarray:
        return self._cached(pictures, 1)

    def _cached(self, pictures: PictureSet, views: int) -> np.ndarray:
        spec = self.weights.spec
        pixels, digests = pictures.pixels(spec.input_size, spec.fit)
        # Vectors of one view are kept under the key that they have always had.
        made_with = self._made_with() | ({"views": views} if views > 1 else {})
        key = hashlib.sha256(json.dumps([GRAPH_VERSION, made_with, digests], sort_keys=True).encode()).hexdigest()
        folder = self._cache_dir / "vectors" / key[:32]
        parts = [folder / f"{start:07}.npy" for start in range(0, len(pixels), _SHARD)]
        done = sum(part.is_file() for part in parts)
        if done < len(parts):
            with self._progress(f"embedding with {self.name}", len(pixels), min(done * _SHARD, len(pixels))) as advance:
                for number, part in enumerate(parts):
                    if not part.is_file():
                        rows = range(number * _SHARD, min((number + 1) * _SHARD, len(pixels)))
                        _write(part, self._embed(pixels, rows, views, advance))
        return np.concatenate([np.load(part) for part in parts])

    def _embed(self, pixels: Any, rows: range, views: int, advance: Callable[[int], None]) -> np.ndarray:
        self._embedder = self._embedder or self._load()
        vectors = []
        for start in rows[::_AT_A_TIME]:
            batch = pixels[start : min(start + _AT_A_TIME, rows.stop)]
            vectors.append(self._embedder.runtime.embed(list(batch), views=views))
            advance(len(batch))
        return np.concatenate(vectors)


class FromFile:
    """A file that `python -m ml embed` wrote. Pictures are matched by name; the leading folder or zip may differ."""

    kind = "features"
    held_out_types: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        """Raises FeaturesError."""
        self._file = features.load(path)
        self._path = path
        self.name = path.stem
        self._rows: dict[str, int] = {}
        for row, name in enumerate(self._file.names):
            for ending in _endings(name):
                self._rows[ending] = -1 if ending in self._rows else row  # −1: ambiguous

    def described(self) -> dict[str, Any]:
        meta = self._file.meta
        told = {key: meta.get(key) for key in ("source", "weights_sha256", "spec")}
        return {"weights": meta.get("name")} | told | {"views": meta.get("views", 1)}

    def rows(self, pictures: PictureSet) -> np.ndarray:
        """int [n]: the row of each picture, −1 if the file lacks it."""
        return np.array([self._row(sample.name, pictures) for sample in pictures.samples])

    def vectors(self, pictures: PictureSet) -> np.ndarray:
        rows = self.rows(pictures)
        if (rows < 0).any():
            first = pictures.samples[int(np.flatnonzero(rows < 0)[0])].name
            raise NoVectors(
                f"{self._path} has no vector for {(rows < 0).sum():,} of the {len(rows):,} pictures of "
                f"{pictures.name}, such as {first}. Make the file again with `python -m ml embed` from the same set."
            )
        return np.ascontiguousarray(self._file.vectors[rows], np.float32)

    of_photos = vectors

    def _row(self, name: str, pictures: PictureSet) -> int:
        """The row with the longest match of names."""
        found = self._rows.get(f"{pictures.name}/{name}", -1)
        return found if found >= 0 else self._rows.get(name, -1)


def _endings(name: str) -> list[str]:
    parts = name.replace(os.sep, "/").split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _write(path: Path, vectors: np.ndarray) -> None:
    with replacing(path) as draft:
        np.save(draft, vectors)
