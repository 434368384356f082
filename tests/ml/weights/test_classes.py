"""Types that are recognised in stored vectors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.pictures import codec
from ml.runtimes.onnx import OnnxEmbedder
from ml.weights import WeightsError, read_graph_meta
from ml.weights.classes import Classes, read_types
from ml.weights.editions import find_edition
from shop.settings import BASE_DIR

PLANE = Classes(np.eye(3, dtype=np.float32), slice(1, 4))  # three types; the first number of a vector is another part


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lookalike-fashion", "lookalike-general"])
def test_the_likeliest_type_is_recognised_in_the_finished_vector(name: str) -> None:
    path = find_edition(name).path
    network = OnnxEmbedder(path, threads=1)
    types = read_types(path, network.spec)
    assert types is not None
    assert np.linalg.norm(types.directions, axis=0) == pytest.approx(1, abs=1e-3)
    photos = sorted((BASE_DIR / "demo" / "photos").rglob("*.webp"))[::20]
    inputs = [codec.to_input(file.read_bytes(), network.spec) for file in photos]
    vectors, probabilities = network.embed_labelled(inputs)
    same = types.cosines(vectors).argmax(axis=1) == probabilities["type"].argmax(axis=1)
    assert same.mean() > 0.9
    assert types.shares(vectors).sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_cosines_are_of_the_part_that_the_types_read() -> None:
    vectors = np.array([[9, 2, 0, 0], [0, 3, 4, 0], [1, 0, 0, 0]], np.float32)
    assert PLANE.cosines(vectors).tolist() == [[1, 0, 0], pytest.approx([0.6, 0.8, 0]), [0, 0, 0]]
    assert PLANE.shares(vectors)[2] == pytest.approx([1 / 3] * 3)


def test_a_damaged_graph_is_named(tmp_path: Path) -> None:
    path = find_edition("lookalike-general").path
    content, spec = path.read_bytes(), read_graph_meta(path).spec
    other = content.replace(b"labels/type/kernel", b"labels/else/kernel")
    for number, some in enumerate((content[: len(content) // 2], other)):
        damaged = tmp_path / f"{number}.onnx"
        damaged.write_bytes(some)
        with pytest.raises(WeightsError, match="its types cannot be read"):
            read_types(damaged, spec)


def test_a_model_without_types_has_none() -> None:
    path = find_edition("lookalike-general").path
    assert read_types(path, replace(read_graph_meta(path).spec, labels=())) is None
