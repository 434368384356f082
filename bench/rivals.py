"""The usual ways to find neighbours outside a database, on the same vectors. Optional: requirements/bench.txt."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ml.runtimes.onnx import usable_cores

MODULES = {"scikit-learn": "sklearn", "faiss": "faiss", "hnswlib": "hnswlib"}
MISSING = {
    "scikit-learn": ".venv/bin/python -m pip install --require-hashes -r requirements/bench.txt",
    "faiss": ".venv/bin/python -m pip install --require-hashes -r requirements/bench.txt",
    "hnswlib": ".venv/bin/python -m pip install --require-hashes -r requirements/hnswlib.txt  (needs a C++ compiler)",
}
# The parameters of the product's index (pgvector's defaults; settings.py for ef_search).
M, EF_CONSTRUCTION, EF_SEARCH = 16, 64, 100


@dataclass(frozen=True)
class Rival:
    """Attributes:
    ask: float32 [1, D] and how many → their positions, int [k], nearest first.
    limited: inside, it uses one thread; None where one query never uses more.
    """

    name: str
    ask: Callable[[np.ndarray, int], np.ndarray]
    limited: Callable[[], AbstractContextManager[Any]] | None
    index_mib: float
    built_s: float


def missing(names: list[str]) -> list[str]:
    """A message for each library that is not installed."""
    return [f"{name} is not installed: {MISSING[name]}" for name in names if find_spec(MODULES[name]) is None]


def rivals(names: list[str], vectors: np.ndarray, kept: Path) -> Iterator[Rival]:
    """The libraries one after the other, so that only one uses memory.

    Args:
        kept: where an index that takes long to build is found by the next run.
    """
    for name in names:
        if find_spec(MODULES[name]) is None:
            continue
        if name == "scikit-learn":
            yield from _scikit_learn(vectors)
        elif name == "faiss":
            yield from _faiss(vectors)
        else:
            yield from _hnswlib(vectors, kept)


def _scikit_learn(vectors: np.ndarray) -> Iterator[Rival]:
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415 (optional: requirements/bench.txt)
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 (optional: requirements/bench.txt)

    # On unit vectors both give the same order; "euclidean" has a faster implementation.
    for metric in ("cosine", "euclidean"):
        began = time.perf_counter()
        found = NearestNeighbors(algorithm="brute", metric=metric).fit(vectors)
        built = time.perf_counter() - began
        yield Rival(
            f"scikit-learn brute, {metric}",
            lambda query, k, found=found: found.kneighbors(query, k, return_distance=False)[0],  # type: ignore[misc]
            lambda: threadpool_limits(1),
            vectors.nbytes / 2**20,
            built,
        )


def _faiss(vectors: np.ndarray) -> Iterator[Rival]:
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)
    import faiss  # noqa: PLC0415 (optional: requirements/bench.txt)

    began = time.perf_counter()
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)

    class OneThread(nullcontext[None]):
        def __enter__(self) -> None:
            faiss.omp_set_num_threads(1)

        def __exit__(self, *_: object) -> None:
            faiss.omp_set_num_threads(usable_cores())

    yield Rival(
        "FAISS flat", lambda query, k: index.search(query, k)[1][0], OneThread, vectors.nbytes / 2**20,
        time.perf_counter() - began,
    )  # fmt: skip


def _hnswlib(vectors: np.ndarray, kept: Path) -> Iterator[Rival]:
    import hnswlib  # noqa: PLC0415 (optional: requirements/bench.txt)

    index = hnswlib.Index(space="ip", dim=vectors.shape[1])
    record = kept.with_suffix(".json")
    if record.exists():
        index.load_index(str(kept), max_elements=len(vectors))
        built = json.loads(record.read_text())["built_s"]
    else:
        began = time.perf_counter()
        index.init_index(max_elements=len(vectors), M=M, ef_construction=EF_CONSTRUCTION)
        index.add_items(vectors, num_threads=usable_cores())
        built = time.perf_counter() - began
        kept.parent.mkdir(parents=True, exist_ok=True)
        index.save_index(str(kept))
        record.write_text(json.dumps({"built_s": built}))
    index.set_ef(EF_SEARCH)
    yield Rival(
        f"hnswlib, ef {EF_SEARCH}", lambda query, k: index.knn_query(query, k, num_threads=1)[0][0], None,
        kept.stat().st_size / 2**20, built,
    )  # fmt: skip
