"""A setting → weights: a file, a bundled model, ImageNet weights, or an untrained network."""

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common import files
from ml.files import download
from ml.spec import BACKBONES, COLOUR, HISTOGRAM_BINS, POOLINGS, SHAPE, ModelSpec, Part
from ml.weights import layout
from ml.weights.editions import (
    BUNDLED_SETTING,
    SUMS,
    Edition,
    bundled_names,
    find_edition,
    is_bundled_name,
)
from ml.weights.errors import WeightsError
from ml.weights.found import Weights
from ml.weights.graphs import read_graph_meta
from ml.weights.h5 import read_h5
from ml.weights.npz import read_npz
from ml.weights.pth import find_pth

MIRROR_VARIABLE = "LOOKALIKE_IMAGENET_URL"


@dataclass(frozen=True)
class KerasFile:
    """Weights that Keras publishes; `md5` as in keras/src/applications/{resnet,inception_v3}.py."""

    folder: str
    name: str
    md5: str
    spec: ModelSpec


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"
KERAS_FILES = {
    "resnet50": KerasFile(
        _KERAS + "resnet/",
        "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "4d473c1dd8becc155b73f8504c6f6626",
        ModelSpec("resnet50", 224, "stretch", "avg", BACKBONES["resnet50"]),
    ),
    "inception_v3": KerasFile(
        _KERAS + "inception_v3/",
        "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "bcbd6486424b2319ff4ef7d526e38f63",
        ModelSpec("inception_v3", 299, "stretch", "avg", BACKBONES["inception_v3"]),
    ),
}
# Settings that are neither files nor bundled models → (source, backbone).
NAMED = {
    "imagenet": ("imagenet", "resnet50"),
    "imagenet-inception": ("imagenet", "inception_v3"),
    "efficientnet-lite0": ("package", "efficientnet_lite0"),
    "efficientnet-lite2": ("package", "efficientnet_lite2"),
    "untrained": ("untrained", "resnet50"),
}
_LITE_SPECS = {
    "efficientnet_lite0": ModelSpec("efficientnet_lite0", 224, "letterbox", "avg", BACKBONES["efficientnet_lite0"]),
    "efficientnet_lite2": ModelSpec("efficientnet_lite2", 260, "letterbox", "avg", BACKBONES["efficientnet_lite2"]),
}
COLOUR_SUFFIX = "+colour"
_UNTRAINED_SPEC = ModelSpec("resnet50", 80, "letterbox", "avg", BACKBONES["resnet50"])

Log = Callable[[str], None]
Progress = Callable[[int, int | None], None]


def resolve(
    setting: str | None,
    *,
    cache_dir: Path,
    pooling: str | None = None,
    url: str | None = None,
    md5: str | None = None,
    timeout_s: float = 10.0,
    progress: Progress | None = None,
    log: Log | None = None,
) -> Weights:
    """The weights that `setting` names, or without one the best available.

    Args:
        setting: "bundled", the name of a bundled model or of one of its editions, "imagenet" (ResNet50),
            "imagenet-inception", "efficientnet-lite0", "efficientnet-lite2", "untrained", or the path of an .npz, .h5,
            .weights.h5 or .onnx file; the suffix "+colour" adds a colour histogram to the vector. None or empty tries
            the bundled model, then Keras's ImageNet weights, then falls back to an untrained network with a warning
            through `log`.
        cache_dir: the folder for downloads.
        pooling: "avg", "max" or "gem", instead of the pooling that the weights were made with.
        url, md5: instead of Keras's; the environment variable LOOKALIKE_IMAGENET_URL names the folder of a mirror.
        timeout_s: seconds to connect.
        progress: called with (bytes so far, bytes in total or None) while downloading.
        log: called with messages about anything unexpected.

    Raises:
        WeightsError: the named weights cannot be used. Never raised if `setting` is None.
    """
    if pooling not in (None, *POOLINGS):
        raise WeightsError(f"Pooling must be {', '.join(POOLINGS[:-1])} or {POOLINGS[-1]}, not {pooling!r}.")

    def imagenet(named: str) -> Weights:
        keras = KERAS_FILES[NAMED[named][1]]
        return _imagenet(keras, named, cache_dir, pooling, url, md5, timeout_s, progress, log)

    base, with_colour = split_setting(setting or "")
    if with_colour:
        found = resolve(
            base,
            cache_dir=cache_dir,
            pooling=pooling,
            url=url,
            md5=md5,
            timeout_s=timeout_s,
            progress=progress,
            log=log,
        )
        return _with_colour(found)
    if base in NAMED:
        source, backbone = NAMED[base]
        if source == "package":
            return _package(backbone, base, pooling)
        return _untrained(pooling) if source == "untrained" else imagenet(base)
    if base and not is_bundled_name(base):
        return _file(Path(base).expanduser(), "file", pooling)
    if base:
        return _checked_bundle(find_edition(base), base, pooling)
    if bundled_names():
        try:
            return _checked_bundle(find_edition(BUNDLED_SETTING), BUNDLED_SETTING, pooling)
        except WeightsError as error:
            _say(log, f"The bundled model cannot be used: {error}")
    try:
        return imagenet("imagenet")
    except WeightsError as error:
        _say(log, str(error))
    _say(
        log,
        "USING AN UNTRAINED NETWORK: neighbours will share only colours and coarse shapes. "
        "For real results, name a weights file or connect to the internet.",
    )
    return _untrained(pooling)


def split_setting(setting: str) -> tuple[str, bool]:
    """(the setting without its suffix, whether a colour histogram is added to the vector)."""
    base = setting.removesuffix(COLOUR_SUFFIX)
    return base, base != setting


def is_ready_made(setting: str | None) -> bool:
    """Whether nothing has to be exported: `setting` names a graph, or leaves the choice to `resolve` and a graph is
    bundled."""
    if setting in (None, "", BUNDLED_SETTING):
        return bool(bundled_names())
    return is_bundled_name(setting) or setting.endswith(".onnx")


def sha256_of(path: Path) -> str:
    """Hex digest of a file; raises WeightsError."""
    try:
        return files.sha256_of(path)
    except OSError as error:
        raise WeightsError(f"Weights file {path} cannot be read: {error.strerror}.") from error


def _say(log: Log | None, sentence: str) -> None:
    if log:
        log(sentence)


def _checked_bundle(edition: Edition, asked: str, pooling: str | None) -> Weights:
    """An edition of a bundled model, under the name that was `asked` for; `setting` names the edition.

    Raises:
        WeightsError: the file is not the released one.
    """
    found = sha256_of(edition.path)
    if edition.sha256 != found:
        raise WeightsError(
            f"{edition.path} is not the released file: its sha256 is {found}, expected {edition.sha256} as in {SUMS}. "
            "Check it out or install it again."
        )
    weights = _file(edition.path, "bundled", pooling)
    return replace(weights, name=edition.model if asked != edition.name else asked, setting=edition.name)


def _untrained(pooling: str | None) -> Weights:
    spec = replace(_UNTRAINED_SPEC, pooling=pooling or "avg")
    sha256 = hashlib.sha256(layout.untrained_description(spec.backbone).encode()).hexdigest()
    return Weights("untrained", spec, sha256, None, _name("resnet50-untrained", pooling, "avg"), "untrained")


def _imagenet(
    keras: KerasFile,
    setting: str,
    cache_dir: Path,
    pooling: str | None,
    url: str | None,
    md5: str | None,
    timeout_s: float,
    progress: Progress | None,
    log: Log | None,
) -> Weights:
    mirror = os.environ.get(MIRROR_VARIABLE)
    url = url or (mirror.rstrip("/") + "/" if mirror else keras.folder) + keras.name
    try:
        path = download.fetch(
            url, cache_dir / keras.name, md5=md5 or keras.md5, timeout_s=timeout_s, progress=progress, log=log
        )
    except download.DownloadError as error:
        raise WeightsError(
            f"The ImageNet weights could not be downloaded: {error}. Try again, download the file elsewhere "
            f"and give its path, or set {MIRROR_VARIABLE} to the folder of a mirror."
        ) from error
    spec = replace(keras.spec, pooling=pooling or keras.spec.pooling)
    return Weights("imagenet", spec, sha256_of(path), path, f"{spec.backbone}-imagenet-{spec.pooling}", setting)


def _package(backbone: str, setting: str, pooling: str | None) -> Weights:
    path = find_pth(backbone)
    spec = replace(_LITE_SPECS[backbone], pooling=pooling or "avg")
    return Weights("imagenet", spec, sha256_of(path), path, f"{setting}-imagenet-{spec.pooling}", setting)


def _with_colour(found: Weights) -> Weights:
    """The weights with the same two parts as the bundled model, so that a shop can weight colour against shape."""
    if found.spec.parts:
        raise WeightsError(f"{found.name} already has parts: a colour histogram cannot be added to it.")
    if found.ready_made:
        raise WeightsError(f"{found.path} is a finished graph: add {COLOUR_SUFFIX} to the .npz file it was made from.")
    parts = (
        Part(SHAPE, found.spec.dimension, ("pooled",), linear=False),
        Part(COLOUR, HISTOGRAM_BINS, ("lab_histogram",), linear=False),
    )
    spec = replace(found.spec, parts=parts, dimension=sum(part.dimension for part in parts))
    setting = f"{found.setting}{COLOUR_SUFFIX}"
    return replace(found, spec=spec, name=f"{found.name}-colour", setting=setting)


def _file(path: Path, source: str, pooling: str | None) -> Weights:
    if not path.is_file():
        wrong = "is not a file" if path.exists() else "does not exist"
        raise WeightsError(
            f"Weights file {path} {wrong}. Give the path of an .npz, .h5 or .onnx file, "
            f"or one of {', '.join([BUNDLED_SETTING, *bundled_names()[1:], *NAMED])}."
        )
    extra: dict[str, Any] = {}
    if path.suffix == ".npz":
        _, spec, extra = read_npz(path)
    elif path.suffix == ".onnx":
        described = read_graph_meta(path)
        spec, extra = described.spec, dict(described.extra)
    elif path.suffix in (".h5", ".hdf5"):
        spec = KERAS_FILES[read_h5(path)[1]].spec
    else:
        raise WeightsError(f"Weights file {path} has an unknown format. Give an .npz, .h5, .weights.h5 or .onnx file.")
    if pooling not in (None, spec.pooling) and (path.suffix == ".onnx" or spec.parts or spec.labels):
        raise WeightsError(
            f"{path} was made for {spec.pooling} pooling and cannot run with {pooling}: "
            "leave the pooling out, or train a model with it."
        )
    stem = path.name.split(".")[0] if path.name.endswith(".weights.h5") else path.stem
    name = _name(re.sub(r"[^\w.-]+", "-", stem), pooling, spec.pooling)
    spec = replace(spec, pooling=pooling or spec.pooling)
    return Weights(source, spec, sha256_of(path), path, name, str(path.resolve()), extra)


def _name(stem: str, pooling: str | None, usual: str) -> str:
    return stem if pooling in (None, usual) else f"{stem}-{pooling}"
