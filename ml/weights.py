"""Which weights to use, and where they come from."""

import hashlib
import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ml import download, layout
from ml.spec import BACKBONES, ModelSpec

KERAS_BASE_URL = "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
KERAS_FILE = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
KERAS_URL = KERAS_BASE_URL + KERAS_FILE
KERAS_MD5 = "4d473c1dd8becc155b73f8504c6f6626"  # keras/src/applications/resnet.py, WEIGHTS_HASHES
MIRROR_VARIABLE = "LOOKALIKE_IMAGENET_URL"

BUNDLED = Path(__file__).parent / "weights_data"

_IMAGENET_SPEC = ModelSpec("resnet50", 224, "stretch", "avg", BACKBONES["resnet50"])
_UNTRAINED_SPEC = ModelSpec("resnet50", 80, "letterbox", "avg", BACKBONES["resnet50"])

Log = Callable[[str], None]


class WeightsError(Exception):
    """Weights that cannot be used: one sentence that names the file and the remedy."""


@dataclass(frozen=True)
class Weights:
    """Weights that were found and look usable; nothing is loaded yet.

    Attributes:
        source: "file", "bundled", "imagenet" or "untrained".
        sha256: hex digest of the file; for "untrained", of the text that describes how they are drawn.
        path: None for "untrained".
        name: a short name for people, e.g. "resnet50-imagenet-avg".
    """

    source: str
    spec: ModelSpec
    sha256: str
    path: Path | None
    name: str


def resolve(
    setting: str | None,
    *,
    cache_dir: Path,
    pooling: str | None = None,
    url: str = KERAS_URL,
    md5: str = KERAS_MD5,
    timeout_s: float = 10.0,
    progress: Callable[[int, int | None], None] | None = None,
    log: Log | None = None,
) -> Weights:
    """The weights that `setting` asks for, or without one the best that can be had.

    Args:
        setting: "untrained", "imagenet", or the path of an .npz, .h5 or .weights.h5 file. None or empty tries
            the bundled file, then Keras's ImageNet weights, then falls back to an untrained network and says
            so through `log`.
        cache_dir: where downloads are kept.
        pooling: "avg" or "max", in place of what the weights were made with.
        url: Keras's address; the environment variable LOOKALIKE_IMAGENET_URL names the folder of a mirror.
        timeout_s: seconds to connect.
        progress: called with (bytes so far, bytes in all or None) while downloading.
        log: called with a sentence about what was not as expected.

    Raises:
        WeightsError: what was asked for by name cannot be used. Never when `setting` is None.
    """
    if pooling not in (None, "avg", "max"):
        raise WeightsError(f"Pooling must be avg or max, not {pooling!r}.")
    if setting == "untrained":
        return _untrained(pooling)
    if setting == "imagenet":
        return _imagenet(cache_dir, pooling, url, md5, timeout_s, progress, log)
    if setting:
        return _file(Path(setting).expanduser(), "file", pooling)
    for path in sorted(BUNDLED.glob("*.npz")):
        try:
            return _file(path, "bundled", pooling)
        except WeightsError as error:
            _say(log, f"The bundled weights cannot be used: {error}")
    try:
        return _imagenet(cache_dir, pooling, url, md5, timeout_s, progress, log)
    except WeightsError as error:
        _say(log, str(error))
    _say(
        log,
        "USING AN UNTRAINED NETWORK: neighbours will share colours and coarse shapes, no more. "
        "Name a weights file, or connect to the internet, for real results.",
    )
    return _untrained(pooling)


def read_variables(weights: Weights) -> dict[str, np.ndarray]:
    """Variable path → float32 array, of an .npz file or of the untrained network.

    Raises:
        WeightsError: the file is gone, damaged, or has other variables than ResNet50.
    """
    if weights.path is None:
        return layout.untrained_variables()
    arrays, _ = _read_npz(weights.path)
    return {path: array.astype(np.float32) for path, array in arrays.items()}


def _say(log: Log | None, sentence: str) -> None:
    if log:
        log(sentence)


def _untrained(pooling: str | None) -> Weights:
    spec = replace(_UNTRAINED_SPEC, pooling=pooling or "avg")
    sha256 = hashlib.sha256(layout.UNTRAINED_DESCRIPTION.encode()).hexdigest()
    return Weights("untrained", spec, sha256, None, _name("resnet50-untrained", pooling, "avg"))


def _imagenet(
    cache_dir: Path,
    pooling: str | None,
    url: str,
    md5: str,
    timeout_s: float,
    progress: Callable[[int, int | None], None] | None,
    log: Log | None,
) -> Weights:
    mirror = os.environ.get(MIRROR_VARIABLE)
    if mirror and url == KERAS_URL:
        url = mirror.rstrip("/") + "/" + KERAS_FILE
    try:
        path = download.fetch(url, cache_dir / KERAS_FILE, md5=md5, timeout_s=timeout_s, progress=progress, log=log)
    except download.DownloadError as error:
        raise WeightsError(
            f"The ImageNet weights could not be downloaded: {error}. Try again, download the file elsewhere "
            f"and give its path, or set {MIRROR_VARIABLE} to the folder of a mirror."
        ) from error
    spec = replace(_IMAGENET_SPEC, pooling=pooling or "avg")
    return Weights("imagenet", spec, _sha256(path), path, f"resnet50-imagenet-{spec.pooling}")


def _file(path: Path, source: str, pooling: str | None) -> Weights:
    if not path.is_file():
        raise WeightsError(
            f"Weights file {path} does not exist. Give the path of an .npz or .h5 file, or 'imagenet' or 'untrained'."
        )
    if path.suffix == ".npz":
        arrays, spec = _read_npz(path)
        _check_variables(path, {name: array.shape for name, array in arrays.items()})
    elif path.suffix in (".h5", ".hdf5"):
        _check_h5(path)
        spec = _IMAGENET_SPEC
    else:
        raise WeightsError(f"Weights file {path} is of an unknown kind. Give an .npz, .h5 or .weights.h5 file.")
    stem = path.name.split(".")[0] if path.name.endswith(".weights.h5") else path.stem
    name = _name(re.sub(r"[^\w.-]+", "-", stem), pooling, spec.pooling)
    return Weights(source, replace(spec, pooling=pooling or spec.pooling), _sha256(path), path, name)


def _name(stem: str, pooling: str | None, usual: str) -> str:
    return stem if pooling in (None, usual) else f"{stem}-{pooling}"


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"Weights file {path} cannot be read: {error.strerror}.") from error


def _read_npz(path: Path) -> tuple[dict[str, np.ndarray], ModelSpec]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise WeightsError(
            f"Weights file {path} is damaged or not an .npz file ({error}). Copy it again from where it came."
        ) from error
    meta = arrays.pop("meta", None)
    try:
        if meta is None:
            raise ValueError("it has no 'meta' entry")
        described = json.loads(str(meta))
        if not isinstance(described, dict):
            raise ValueError("its 'meta' is not a JSON object")
        return arrays, ModelSpec.from_meta(described)
    except ValueError as error:
        raise WeightsError(
            f"Weights file {path} does not say what it is: {error}. "
            "Its 'meta' must be JSON with architecture, input_size, fit, pooling and dimension."
        ) from error


def _check_variables(path: Path, found: dict[str, tuple[int, ...]]) -> None:
    expected = layout.variable_shapes()
    problems = [
        _listing("missing", [name for name in expected if name not in found]),
        _listing("not part of ResNet50", [name for name in found if name not in expected]),
        _listing(
            "of the wrong shape",
            [
                f"{name} {found[name]} instead of {shape}"
                for name, shape in expected.items()
                if name in found and found[name] != shape
            ],
        ),
    ]
    if any(problems):
        raise WeightsError(
            f"Weights file {path} does not fit ResNet50: {'; '.join(filter(None, problems))}. "
            "Keys must be Keras variable paths such as conv1_conv/kernel."
        )


def _listing(what: str, names: list[str]) -> str:
    if not names:
        return ""
    return f"{len(names)} {what} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"


def _check_h5(path: Path) -> None:
    """That the file can be opened and is not cut short; its variables are checked when they are loaded."""
    import h5py  # type: ignore[import-untyped]

    try:
        with h5py.File(path, "r"):
            return
    except OSError as error:
        raise WeightsError(
            f"Weights file {path} is damaged or not an HDF5 file ({error}). Copy it again from where it came."
        ) from error
