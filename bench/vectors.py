"""The vectors that searches are measured on: of real photos, and of real ones perturbed where there must be more."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from bench.shop import ScratchShop
from ml import Embedder
from ml.embedder import default_cache_dir
from ml.runtimes.onnx import usable_cores
from ml.sources import find, read_ahead
from ml.weights import Weights, resolve

BATCH = 32
NOISE = 0.3  # of the vector's own length: a copy keeps a cosine of about 0.96 with its original
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
    """Real ones are computed once by the product's own embedder and kept below VAR_DIR.

    Args:
        most: photos and rows, for a quick look.
    """
    weights = resolve(shop.weights if wanted.pooled else "bundled", cache_dir=default_cache_dir())
    real = _real(weights, shop, most)
    rows = min(wanted.rows or len(real), most or wanted.rows or len(real))
    values = real[:rows] if rows <= len(real) else _with_copies(real, rows)
    return Vectors(f"{wanted.name}-{weights.sha256[:12]}-{rows}", weights, values, min(len(real), rows))


def _real(weights: Weights, shop: ScratchShop, most: int | None) -> np.ndarray:
    """float32 [n, D], unit length."""
    folder = shop.var / "vectors"
    whole = folder / f"{weights.sha256[:12]}-{'photos' if shop.photos else 'drawn'}.npy"
    kept = whole if most is None else whole.with_stem(f"{whole.stem}-{most}")
    for path in (whole, kept):
        if path.exists():
            return np.asarray(np.load(path)[:most])
    embedder = Embedder.load(weights.setting)
    sources = list(find([shop.catalog()]))[:most]
    print(f"  embedding {len(sources):,} pictures with {weights.name}, once…", flush=True)
    began = time.perf_counter()
    found = [
        embedder.runtime.embed([read.pixels for read in reads if read.pixels is not None])
        for reads in read_ahead(sources, embedder.spec, batch=BATCH, workers=usable_cores())
    ]
    real = np.concatenate(found)
    print(f"  {len(real) / (time.perf_counter() - began):.0f} pictures a second")
    folder.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(".part.npy")
    np.save(partial, real)
    partial.replace(kept)
    return real


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
