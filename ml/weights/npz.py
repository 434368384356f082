"""Weights files of this project: NumPy's `.npz` with Keras's variable paths as keys, and `meta` (JSON)."""

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.files import replacing, sha256_of
from ml.spec import ModelSpec
from ml.weights.architectures import ARCHITECTURES
from ml.weights.errors import WeightsError
from ml.weights.layout import Shapes, model_shapes

EXTRA = ("training", "metrics")  # keys of meta in addition to the spec, with any JSON
_LARGEST_FLOAT16 = 65504.0


def write_npz(
    path: Path, variables: Mapping[str, np.ndarray], spec: ModelSpec, extra_meta: Mapping[str, Any] | None = None
) -> str:
    """Write a weights file, whole or not at all, and return its sha256, hex.

    The backbone's kernels are stored as float16, which halves the file and changes no cosine by 1e-5; everything else
    is float32.

    Args:
        variables: path → array, exactly those of `ml.weights.layout.model_shapes(spec)`.
        extra_meta: "training" and "metrics", as far as known.

    Raises:
        ValueError: variables are missing, unknown, of the wrong shape or not finite.
        OSError: the file cannot be written.
    """
    spec.validate()
    problems = _problems({name: array.shape for name, array in variables.items()}, model_shapes(spec), spec)
    if problems:
        raise ValueError(f"These are not the variables of this model: {problems}.")
    arrays = {name: _stored(name, np.asarray(array)) for name, array in variables.items()}
    meta = {**dict(extra_meta or {}), **spec.to_meta()}
    with replacing(path) as draft:
        with draft.open("wb") as file:
            # Uncompressed: float16 kernels would shrink by only a tenth, and that takes seconds.
            np.savez(file, allow_pickle=False, meta=np.array(json.dumps(meta, sort_keys=True)), **arrays)
        return sha256_of(draft)


def read_npz(path: Path) -> tuple[dict[str, np.ndarray], ModelSpec, dict[str, Any]]:
    """(variables as stored, spec, the values of `meta` for EXTRA).

    Raises:
        WeightsError: the file is damaged, not a weights file, or its variables do not fit its spec.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise WeightsError(
            f"Weights file {path} is damaged or not an .npz file ({error}). Copy it again from its source."
        ) from error
    meta = arrays.pop("meta", None)
    try:
        if meta is None:
            raise ValueError("it has no 'meta' entry")
        described = json.loads(str(meta))
        if not isinstance(described, dict):
            raise ValueError("its 'meta' is not a JSON object")
        spec = ModelSpec.from_meta(described)
    except ValueError as error:
        raise WeightsError(
            f"Weights file {path} does not describe its model: {error}. "
            "Its 'meta' must be JSON with architecture, input_size, fit, pooling and dimension."
        ) from error
    check_variables(path, {name: array.shape for name, array in arrays.items()}, spec)
    return arrays, spec, {key: described[key] for key in EXTRA if key in described}


def check_variables(path: Path, found: Shapes, spec: ModelSpec) -> None:
    """Raise WeightsError if `found` (path → shape) does not fit `spec`."""
    problems = _problems(found, model_shapes(spec), spec)
    if problems:
        raise WeightsError(
            f"Weights file {path} does not fit {ARCHITECTURES[spec.backbone].title}: {problems}. "
            "Keys must be Keras variable paths such as conv1_conv/kernel."
        )


def _problems(found: Shapes, expected: Shapes, spec: ModelSpec) -> str:
    title = ARCHITECTURES[spec.backbone].title
    problems = [
        _listing("missing", [name for name in expected if name not in found]),
        _listing(f"not part of {title}", [name for name in found if name not in expected]),
        _listing(
            "of the wrong shape",
            [
                f"{name} {found[name]} instead of {shape}"
                for name, shape in expected.items()
                if name in found and found[name] != shape
            ],
        ),
    ]
    return "; ".join(filter(None, problems))


def _listing(what: str, names: list[str]) -> str:
    if not names:
        return ""
    return f"{len(names)} {what} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"


def _stored(name: str, array: np.ndarray) -> np.ndarray:
    if not np.isfinite(array).all():
        raise ValueError(f"{name} is not finite, so the model is not written.")
    is_backbone_kernel = name.endswith("/kernel") and not name.startswith(("head/", "labels/"))
    if is_backbone_kernel and np.abs(array).max(initial=0.0) <= _LARGEST_FLOAT16:
        return array.astype(np.float16)
    return array.astype(np.float32)
