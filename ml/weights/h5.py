"""Weights as Keras keeps them in HDF5, read without Keras.

Two layouts: that of the published files and of Keras 2's `save_weights` (a group per layer, named in the
attribute `layer_names`, arrays named in `weight_names`), and Keras 3's `.weights.h5` (`layers/conv2d_7/vars/0`).
Neither relies on the layers' names, which change from one process to the next; both go by the order of the
layers, and so does this.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from ml.weights.architectures import ARCHITECTURES
from ml.weights.errors import WeightsError
from ml.weights.layout import layers_in_file_order, variable_shapes

# Keras 3 counts the layers of each class; these are the classes that have variables here.
_CONVOLUTION, _NORMALISATION = "conv2d", "batch_normalization"
BACKBONES_OF_KERAS = ("resnet50", "inception_v3")
_Layers = dict[str, list[list[np.ndarray]]]  # by class, each in the order of the layers, as lists of arrays


def read_h5(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """(path → float32 array, backbone) of a backbone that Keras publishes.

    Raises:
        WeightsError: the file is damaged, not HDF5, or does not contain a backbone without its top.
    """
    layers = _read(path)
    reasons = []
    for backbone in BACKBONES_OF_KERAS:
        try:
            return _assigned(layers, backbone), backbone
        except _OtherNetwork as difference:
            reasons.append(str(difference))
    titles = " or ".join(ARCHITECTURES[backbone].title for backbone in BACKBONES_OF_KERAS)
    raise WeightsError(
        f"Weights file {path} does not contain {titles} without its top ({'; '.join(reasons)}). "
        "Use Keras's '…_notop.h5', or save_weights of a network made with include_top=False."
    )


class _OtherNetwork(Exception):
    """How the layers of a file differ from those of a backbone."""


def _assigned(layers: _Layers, backbone: str) -> dict[str, np.ndarray]:
    """The variables by path, if the layers are that backbone's; _OtherNetwork if not."""
    title, shapes = ARCHITECTURES[backbone].title, variable_shapes(backbone)
    expected: dict[str, list[list[str]]] = {_CONVOLUTION: [], _NORMALISATION: []}
    for _, paths in layers_in_file_order(backbone):
        is_convolution = paths[0].endswith("/kernel")
        expected[_CONVOLUTION if is_convolution else _NORMALISATION].append(paths)
    variables: dict[str, np.ndarray] = {}
    for layer_class, wanted in expected.items():
        if len(layers[layer_class]) != len(wanted):
            raise _OtherNetwork(f"{title} has {len(wanted)} {layer_class} layers, the file {len(layers[layer_class])}")
        for paths, arrays in zip(wanted, layers[layer_class], strict=True):
            if [array.shape for array in arrays] != [shapes[path] for path in paths]:
                raise _OtherNetwork(f"{', '.join(paths)} of {title} and of the file have different shapes")
            variables |= zip(paths, (array.astype(np.float32) for array in arrays), strict=True)
    return {path: variables[path] for path in shapes}


def _read(path: Path) -> _Layers:
    import h5py  # type: ignore[import-untyped]  # noqa: PLC0415 (h5py: 0.1 s)

    try:
        with h5py.File(path, "r") as file:
            # A complete model saved by Keras 2 has its weights one level deeper.
            group = file.get("model_weights", file)
            if "layers" in group:
                return _keras_3(group["layers"])
            return _keras_2(group)
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"Weights file {path} is damaged or not an HDF5 file of Keras ({error}). Copy it again from its source."
        ) from error


def _keras_2(group: Any) -> _Layers:
    layers: _Layers = {_CONVOLUTION: [], _NORMALISATION: []}
    for layer in _names(group, "layer_names"):
        arrays = [np.asarray(group[layer][name]) for name in _names(group[layer], "weight_names")]
        if arrays:
            layers[_CONVOLUTION if arrays[0].ndim == 4 else _NORMALISATION].append(arrays)
    return layers


def _names(group: Any, attribute: str) -> Iterator[str]:
    """The values of an attribute, which Keras splits (`layer_names0`, …) if it is too long for HDF5."""
    pieces = [attribute] if attribute in group.attrs else (f"{attribute}{index}" for index in count())
    for piece in pieces:
        if piece not in group.attrs:
            return
        for name in group.attrs[piece]:
            yield name.decode() if isinstance(name, bytes) else str(name)


def _keras_3(group: Any) -> _Layers:
    layers: _Layers = {_CONVOLUTION: [], _NORMALISATION: []}
    for layer_class, found in layers.items():
        for index in count():
            name = f"{layer_class}_{index}" if index else layer_class
            if name not in group:
                break
            arrays = group[name]["vars"]
            found.append([np.asarray(arrays[str(number)]) for number in range(len(arrays))])
    return layers
