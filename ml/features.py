"""A file of vectors with their names, and exact search in it."""

import json
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


class FeaturesError(Exception):
    """A features file that cannot be used: one sentence that names the file and the remedy."""


@dataclass(frozen=True)
class Features:
    """Attributes: names, n of them; vectors, float32 [n, D], unit length; meta, how they were made."""

    names: list[str]
    vectors: np.ndarray
    meta: dict[str, Any]


@dataclass(frozen=True)
class Match:
    """`score` is the cosine similarity, whatever the order is by; `distance` is Euclidean."""

    name: str
    score: float
    distance: float


def save(path: Path, features: Features) -> None:
    """Write an .npz with `names`, `vectors` and `meta` (JSON), whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".features-") as folder:
        draft = Path(folder) / "features.npz"
        np.savez(
            draft,
            names=np.array(features.names, dtype=np.str_),
            vectors=features.vectors.astype(np.float32),
            meta=np.array(json.dumps(features.meta)),
        )
        os.replace(draft, path)


def load(path: Path) -> Features:
    """Read what `save` wrote; raises FeaturesError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return Features(file["names"].tolist(), file["vectors"], json.loads(str(file["meta"])))
    except FileNotFoundError:
        raise FeaturesError(f"{path} does not exist. Make it with `python -m ml embed PATH -o {path}`.") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise FeaturesError(
            f"{path} is not a features file ({error}). Make it anew with `python -m ml embed`."
        ) from error


def nearest(features: Features, query: np.ndarray, k: int, *, metric: str = "cosine") -> list[Match]:
    """The `k` nearest, best first, equals by name; all of them when there are fewer.

    For unit vectors both metrics give the same order, as |a − b|² = 2 − 2·cos.

    Args:
        query: float32 [D], unit length.
        metric: "cosine" or "euclidean": which one the order is computed by.
    """
    scores = features.vectors @ query
    distances = np.linalg.norm(features.vectors - query, axis=1)
    keys = -scores if metric == "cosine" else distances
    order = sorted(range(len(keys)), key=lambda index: (keys[index], features.names[index]))[:k]
    return [Match(features.names[i], float(scores[i]), float(distances[i])) for i in order]
