"""Files of named vectors, and exact search in them."""

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from common.files import replacing
from ml.spec import ModelSpec

SUFFIXES = (".npz", ".parquet")
_LENGTH_TOLERANCE = 1e-3
_SCHEMA_KEY = b"lookalike"
_ROW_GROUP = 16384
_NO_MAKER = "{path} does not say which model made it ({reason}). Make it again with `python -m ml embed`."


class FeaturesError(Exception):
    """A features file that cannot be used: one sentence that names the file and the remedy."""


@dataclass(frozen=True)
class Predicted:
    """Predictions of a label head: the likeliest label of each picture, and its probability, float32 [n], 0 to 1."""

    labels: list[str]
    confidences: np.ndarray


@dataclass(frozen=True)
class Features:
    """What `embed` writes.

    Attributes:
        names: n different ones; paths, or the path of a zip file followed by the path inside it.
        vectors: float32 [n, D], unit length.
        meta: how they were made: "name", "source", "weights_sha256", "spec" and "weights", the setting that
            finds the weights again; "folder", to which relative names belong; "views" of each picture, if not 1.
        digests: sha256 of each picture's file, hex; empty in files of other programs.
        predicted: label task, e.g. "type" → predictions; empty for models without label heads.
    """

    names: list[str]
    vectors: np.ndarray
    meta: dict[str, Any]
    digests: list[str] = field(default_factory=list)
    predicted: Mapping[str, Predicted] = field(default_factory=dict)


@dataclass(frozen=True)
class Maker:
    """The model that made a features file; `weights` is the setting that finds it again, None if unknown."""

    name: str
    sha256: str
    spec: ModelSpec
    weights: str | None


@dataclass(frozen=True)
class Match:
    """`score` is the cosine similarity, -1 to 1, in every order; `distance` is Euclidean; `index` is the row."""

    name: str
    score: float
    distance: float
    index: int


def check_writable(path: Path) -> None:
    """Raise FeaturesError unless `save` can write a file of this name. Call it before hours of work."""
    if path.suffix.lower() not in SUFFIXES:
        raise FeaturesError(f"{path} must end in .npz or .parquet.")
    if path.is_dir():
        raise FeaturesError(f"{path} is a folder. Name the file to write.")
    if path.suffix.lower() == ".parquet":
        _parquet(path)


def save(path: Path, features: Features) -> None:
    """Write the file completely or not at all. The name selects NumPy's format or Parquet.

    .npz: `names`, `vectors`, `meta` (JSON), `digests`, and for each task `label_TASK` and `confidence_TASK`.
    .parquet: columns name, vector (fixed-size list of float32), digest, label_TASK, confidence_TASK; the JSON
    is in the schema's metadata under "lookalike".

    Raises:
        FeaturesError: another file extension, or Parquet without pyarrow.
        OSError: it cannot be written.
    """
    check_writable(path)
    with replacing(path) as draft:
        _WRITERS[path.suffix.lower()](draft, features)


def load(path: Path) -> Features:
    """Read what `save` wrote, and check it.

    Raises:
        FeaturesError: it does not exist, is damaged, or its vectors do not match its meta.
    """
    if not path.is_file():
        raise FeaturesError(f"{path} does not exist. Make it with `python -m ml embed PATH -o {path}`.")
    try:
        features = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_npz(path)
        _check(features)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise FeaturesError(
            f"{path} is not a features file ({error}). Make it again with `python -m ml embed`."
        ) from error
    return features


def maker(path: Path, features: Features) -> Maker:
    """The model in the meta of the file at `path`. Files of other programs may not name one, and can still be measured.

    Raises:
        FeaturesError: the meta is not enough to find the model.
    """
    try:
        name, sha256 = features.meta["name"], features.meta["weights_sha256"]
        weights = features.meta.get("weights")
        if not isinstance(name, str) or not isinstance(sha256, str) or not isinstance(weights, str | None):
            raise ValueError("name, weights_sha256 and weights must be texts")
        return Maker(name, sha256, ModelSpec.from_meta(features.meta["spec"]), weights)
    except KeyError as error:
        reason = f"missing in meta: {error.args[0]}"
        raise FeaturesError(_NO_MAKER.format(path=path, reason=reason)) from error
    except (ValueError, TypeError) as error:
        raise FeaturesError(_NO_MAKER.format(path=path, reason=error)) from error


def nearest(
    features: Features, query: np.ndarray, k: int, *, metric: str = "cosine", among: np.ndarray | None = None
) -> list[Match]:
    """The `k` nearest, best first, ties ordered by name; all of them if there are fewer.

    For unit vectors both metrics give the same order, as |a − b|² = 2 − 2·cos.

    Args:
        query: float32 [D], unit length.
        metric: "cosine" or "euclidean", which the order is computed by.
        among: bool [n], the rows that may be found; all of them by default.
    """
    rows = np.arange(len(features.names)) if among is None else np.flatnonzero(among)
    k = min(k, len(rows))
    if k == 0:
        return []
    vectors = features.vectors if among is None else features.vectors[rows]
    scores = vectors @ query
    keys = -scores if metric == "cosine" else np.linalg.norm(vectors - query, axis=1)
    candidates = np.flatnonzero(keys <= np.partition(keys, k - 1)[k - 1])
    order = sorted(candidates, key=lambda place: (keys[place], features.names[rows[place]]))[:k]
    return [
        Match(
            features.names[rows[place]],
            float(np.clip(scores[place], -1, 1)),  # rounding may exceed 1
            float(np.linalg.norm(vectors[place] - query)),
            int(rows[place]),
        )
        for place in order
    ]


def first_bad(vectors: np.ndarray) -> int | None:
    """The first row of float32 [n, D] that is not finite or not of length 1; None if there is none."""
    for start in range(0, len(vectors), _ROW_GROUP):
        lengths = np.linalg.norm(vectors[start : start + _ROW_GROUP], axis=1)
        bad = np.flatnonzero(~(np.abs(lengths - 1) <= _LENGTH_TOLERANCE))  # NaN fails every comparison
        if bad.size:
            return start + int(bad[0])
    return None


def _check(features: Features) -> None:
    shape = (len(features.names), features.meta["spec"]["dimension"])
    if features.vectors.shape != shape or features.vectors.dtype != np.float32:
        found = f"{features.vectors.dtype} {features.vectors.shape}"
        raise ValueError(f"its vectors are {found} instead of float32 {shape}")
    bad = first_bad(features.vectors)
    if bad is not None:
        raise ValueError(f"the vector of {features.names[bad]} is not finite and of length 1")
    counts = [len(features.digests)] if features.digests else []
    counts += [len(column) for task in features.predicted.values() for column in (task.labels, task.confidences)]
    if any(count != len(features.names) for count in counts):
        raise ValueError("its columns have different lengths")


def _write_npz(draft: Path, features: Features) -> None:
    columns = {
        "names": np.array(features.names, dtype=np.str_),
        "vectors": features.vectors.astype(np.float32, copy=False),
        "meta": np.array(json.dumps(features.meta)),
    }
    if features.digests:
        columns["digests"] = np.array(features.digests, dtype=np.str_)
    for task, predicted in features.predicted.items():
        columns[f"label_{task}"] = np.array(predicted.labels, dtype=np.str_)
        columns[f"confidence_{task}"] = predicted.confidences.astype(np.float32, copy=False)
    with draft.open("wb") as file:
        np.savez(file, **columns)  # type: ignore[arg-type]


def _read_npz(path: Path) -> Features:
    with np.load(path, allow_pickle=False) as file:
        predicted = {
            task: Predicted(file[f"label_{task}"].tolist(), file[f"confidence_{task}"]) for task in _tasks(file.files)
        }
        digests = file["digests"].tolist() if "digests" in file.files else []
        meta = json.loads(str(file["meta"]))
        return Features(file["names"].tolist(), file["vectors"], meta, digests, predicted)


def _write_parquet(draft: Path, features: Features) -> None:
    arrow, parquet = _parquet(draft)
    dimension = features.vectors.shape[1]
    fields = [arrow.field("name", arrow.string()), arrow.field("vector", arrow.list_(arrow.float32(), dimension))]
    if features.digests:
        fields.append(arrow.field("digest", arrow.string()))
    for task in features.predicted:
        fields += [arrow.field(f"label_{task}", arrow.string()), arrow.field(f"confidence_{task}", arrow.float32())]
    schema = arrow.schema(fields, metadata={_SCHEMA_KEY: json.dumps(features.meta)})
    with parquet.ParquetWriter(draft, schema, compression="zstd") as writer:
        for start in range(0, len(features.names), _ROW_GROUP):  # vectors may be on disk, and larger than memory
            rows = slice(start, start + _ROW_GROUP)
            vectors = np.ascontiguousarray(features.vectors[rows], np.float32).reshape(-1)
            columns = [
                arrow.array(list(map(_printable, features.names[rows])), arrow.string()),
                arrow.FixedSizeListArray.from_arrays(arrow.array(vectors), dimension),
            ]
            if features.digests:
                columns.append(arrow.array(features.digests[rows], arrow.string()))
            for predicted in features.predicted.values():
                columns.append(arrow.array(predicted.labels[rows], arrow.string()))
                columns.append(arrow.array(predicted.confidences[rows].astype(np.float32)))
            writer.write_table(arrow.table(columns, schema=schema))


def _read_parquet(path: Path) -> Features:
    _, parquet = _parquet(path)
    table = parquet.read_table(path)
    meta = json.loads(table.schema.metadata[_SCHEMA_KEY]) if table.schema.metadata else {}
    dimension = table.schema.field("vector").type.list_size
    chunks = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in table.column("vector").chunks]
    vectors = np.concatenate([np.zeros(0, np.float32), *chunks]).reshape(-1, dimension)
    predicted = {
        task: Predicted(table.column(f"label_{task}").to_pylist(), table.column(f"confidence_{task}").to_numpy())
        for task in _tasks(table.column_names)
    }
    digests = table.column("digest").to_pylist() if "digest" in table.column_names else []
    return Features(table.column("name").to_pylist(), vectors, meta, digests, predicted)


_WRITERS = {".npz": _write_npz, ".parquet": _write_parquet}


def _tasks(columns: list[str]) -> list[str]:
    return [column.removeprefix("label_") for column in columns if column.startswith("label_")]


def _printable(name: str) -> str:
    """File names may contain bytes that are not UTF-8, but strings in Parquet must not."""
    return name.encode("utf-8", "backslashreplace").decode()


def _parquet(path: Path) -> tuple[Any, Any]:
    """pyarrow and pyarrow.parquet, imported here because most users of this module never read Parquet."""
    try:
        import pyarrow  # noqa: PLC0415 (pyarrow: 0.2 s)
        from pyarrow import parquet  # noqa: PLC0415 (pyarrow: 0.2 s)
    except ImportError as error:
        raise FeaturesError(
            f"{path} needs pyarrow, which is not installed. Install it, or use a name that ends in .npz."
        ) from error
    return pyarrow, parquet
