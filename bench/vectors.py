"""The vectors for measuring searches: those of real photos, and perturbed copies if more are needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.shop import ScratchShop
from ml import Embedder
from ml.embedder import default_cache_dir
from ml.files.pictures import Source, find, read_ahead
from ml.runtimes.onnx import usable_cores
from ml.weights import Weights, resolve

BATCH = 32
PART = 2000  # pictures in a file
NOISE = 0.3  # relative to the vector's length: a copy has a cosine of about 0.96 with its original
_SLICE = 50_000  # copies made at a time


@dataclass(frozen=True)
class VectorSet:
    """Attributes:
    rows: None for as many as there are real photos.
    pooled: the 2,048 numbers that a ResNet50's pooling gives, in place of the bundled model's vector.
    """

    name: str
    rows: int | None
    pooled: bool


SETS = {
    found.name: found
    for found in (
        VectorSet("fashion256", None, pooled=False),
        VectorSet("fashion2048", None, pooled=True),
        VectorSet("million256", 1_000_000, pooled=False),
        VectorSet("large2048", 200_000, pooled=True),
    )
}


@dataclass(frozen=True)
class Vectors:
    """Attributes:
    weights: of the network that the real ones come from.
    values: float32 [rows, D], unit length; the first `real` are of photos.
    """

    key: str
    weights: Weights
    values: np.ndarray
    real: int

    def describe(self) -> str:
        rows, width = self.values.shape
        made = (
            "all of photos" if rows == self.real else f"{self.real:,} of photos, the rest perturbed copies (cosine .96)"
        )
        return f"{rows:,} x {width}, {made}; network {self.weights.name}, {self.weights.spec.input_size} px"


def vectors_of(wanted: VectorSet, shop: ScratchShop, *, most: int | None) -> Vectors:
    """Real vectors are computed once by the product's embedder and cached below VAR_DIR.

    Args:
        most: photos and rows, for a quick look.
    """
    weights = resolve(shop.weights if wanted.pooled else "bundled", cache_dir=default_cache_dir())
    real = _real(weights, shop, most)
    rows = min(wanted.rows or len(real), most or wanted.rows or len(real))
    values = real[:rows] if rows <= len(real) else _with_copies(real, rows)
    return Vectors(f"{wanted.name}-{weights.sha256[:12]}-{rows}", weights, values, min(len(real), rows))


def _real(weights: Weights, shop: ScratchShop, most: int | None) -> np.ndarray:
    """float32 [n, D], unit length. Cached in parts, so that a stopped run can be resumed."""
    folder = shop.var / "vectors" / f"{weights.sha256[:12]}-{'photos' if shop.photos else 'demo'}"
    folder.mkdir(parents=True, exist_ok=True)
    sources = list(find([shop.catalog()]))[:most]
    parts = {folder / f"{start}.npy": sources[start : start + PART] for start in range(0, len(sources), PART)}
    left = {path: part for path, part in parts.items() if not path.exists()}
    if left:
        print(f"  embedding {sum(map(len, left.values())):,} pictures with {weights.name}, once…", flush=True)
        embedder = Embedder.load(weights.setting)
        for path, part in left.items():
            np.save(path.with_suffix(".new.npy"), _embedded(part, embedder))
            path.with_suffix(".new.npy").replace(path)
    return np.concatenate([np.load(path) for path in parts])[:most]


def _embedded(sources: list[Source], embedder: Embedder) -> np.ndarray:
    return np.concatenate(
        [
            embedder.runtime.embed([read.pixels for read in reads if read.pixels is not None])
            for reads in read_ahead(sources, embedder.spec, batch=BATCH, workers=usable_cores())
        ]
    )


def _with_copies(real: np.ndarray, rows: int) -> np.ndarray:
    chance = np.random.default_rng(3)
    values = np.empty((rows, real.shape[1]), np.float32)
    values[: len(real)] = real
    for start in range(len(real), rows, _SLICE):
        part = values[start : start + _SLICE]
        chance.standard_normal(out=part, dtype=np.float32)
        part *= NOISE / np.linalg.norm(part, axis=1, keepdims=True)
        part += real[chance.integers(len(real), size=len(part))]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return values
