"""Smaller and faster graphs that still give the same neighbours."""

from pathlib import Path

import numpy as np
import pytest

from ml.networks.export import export_onnx
from ml.networks.graph import quantised_kernel
from ml.networks.quantise import MIN_PICTURES
from ml.pictures import codec
from ml.runtimes.onnx import OnnxEmbedder
from ml.runtimes.opening import computes_best_in_int8
from ml.runtimes.processor import multiplies_int8
from ml.spec import ModelSpec
from ml.weights import WeightsError, read_graph_meta, resolve
from tests.ml.conftest import draw, encode, studio_photos
from tests.ml.random_networks import saved

SPEC = ModelSpec("resnet50", 48, "letterbox", "avg", 2048)
MAX_COMPACT_BYTES = 25_000_000


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return [codec.to_input(encode(draw(seed=seed)), SPEC) for seed in range(MIN_PICTURES)]


def cosines(first: Path, second: Path, pictures: list[np.ndarray]) -> np.ndarray:
    """Cosines after removing the mean, because vectors of random networks are all similar."""
    centred = []
    for path in (first, second):
        vectors = OnnxEmbedder(path).embed(pictures)
        vectors = vectors - vectors.mean(axis=0)
        centred.append(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return np.asarray((centred[0] * centred[1]).sum(axis=1))


def test_a_kernel_keeps_its_largest_number_and_no_channel_spoils_another() -> None:
    kernel = np.array([[1.0, -127.0, 63.5], [0.001, 0.0005, -0.00025], [0, 0, 0]], np.float32)
    quantised, scale = quantised_kernel(kernel, axis=0)
    assert quantised.tolist() == [[1, -127, 64], [127, 64, -32], [0, 0, 0]]
    np.testing.assert_allclose(scale, [1.0, 0.001 / 127, 1.0], rtol=1e-6)


def test_a_channel_of_almost_zeros_leaves_room_for_its_bias() -> None:
    kernel = np.array([[1.0, -127.0], [1e-9, -2e-9]], np.float32)
    quantised, scale = quantised_kernel(kernel, axis=0)
    assert quantised.tolist() == [[1, -127], [0, 0]]
    assert scale[1] == pytest.approx(5e-6)


@pytest.mark.slow
def test_the_bundled_general_model_computes_alike_in_floats_and_in_int8(tmp_path: Path) -> None:
    weights = resolve("lookalike-general", cache_dir=tmp_path)
    assert (weights.source, weights.setting, weights.spec.input_size) == ("bundled", "lookalike-general-1", 224)
    assert weights.path is not None
    assert weights.path.stat().st_size < 10_000_000
    export_onnx(weights, tmp_path / "int8.onnx", precision="int8")
    drawn = [codec.to_input(encode(draw(seed=seed)), weights.spec) for seed in range(4)]
    ours, reference = (OnnxEmbedder(path).embed(drawn) for path in (tmp_path / "int8.onnx", weights.path))
    assert (ours * reference).sum(axis=1).min() > 0.99


@pytest.mark.slow
def test_compact_is_a_quarter_of_the_file_and_the_same_vectors(tmp_path: Path, pictures: list[np.ndarray]) -> None:
    weights = saved(tmp_path / "model.npz", SPEC)
    export_onnx(weights, tmp_path / "float.onnx")
    export_onnx(weights, tmp_path / "compact.onnx", precision="compact")
    assert (tmp_path / "compact.onnx").stat().st_size <= MAX_COMPACT_BYTES
    assert read_graph_meta(tmp_path / "compact.onnx").precision == "compact"
    assert cosines(tmp_path / "float.onnx", tmp_path / "compact.onnx", pictures[:12]).min() > 0.98


@pytest.mark.drill
def test_one_compact_file_gives_int8_without_the_pictures(tmp_path: Path, pictures: list[np.ndarray]) -> None:
    weights = saved(tmp_path / "model.npz", SPEC)
    export_onnx(weights, tmp_path / "compact.onnx", precision="compact", calibration=pictures)
    compact = resolve(str(tmp_path / "compact.onnx"), cache_dir=tmp_path)
    export_onnx(compact, tmp_path / "int8.onnx", precision="int8")
    described = read_graph_meta(tmp_path / "int8.onnx")
    assert (described.precision, described.spec, described.weights_sha256) == ("int8", SPEC, weights.sha256)
    assert cosines(tmp_path / "compact.onnx", tmp_path / "int8.onnx", pictures[:12]).min() > 0.8
    export_onnx(weights, tmp_path / "direct.onnx", precision="int8", calibration=pictures)
    assert cosines(tmp_path / "direct.onnx", tmp_path / "int8.onnx", pictures[:12]).min() > 0.99999


@pytest.mark.drill
def test_int8_serves_where_it_was_tried_and_the_processor_is_made_for_it(
    tmp_path: Path, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = saved(tmp_path / "model.npz", SPEC)
    export_onnx(weights, tmp_path / "untried.onnx", precision="compact")
    export_onnx(weights, tmp_path / "tried.onnx", precision="compact", calibration=pictures)
    untried, tried = tmp_path / "untried.onnx", tmp_path / "tried.onnx"
    measured = read_graph_meta(tmp_path / "tried.onnx").int8_cosine
    assert measured is not None
    assert 0.99 < measured < 1
    assert read_graph_meta(tmp_path / "untried.onnx").int8_cosine is None
    monkeypatch.setattr("ml.runtimes.opening.multiplies_int8", lambda: True)
    assert [computes_best_in_int8(graph) for graph in (untried, tried)] == [False, True]
    monkeypatch.setattr("ml.runtimes.opening.MIN_INT8_COSINE", 1.0)
    assert not computes_best_in_int8(tried)
    monkeypatch.undo()
    monkeypatch.setattr("ml.runtimes.opening.multiplies_int8", lambda: False)
    assert not computes_best_in_int8(tried)


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_vnni\n", True),
        ("processor\t: 0\nflags\t\t: fpu avx2 avx_vnni\n", True),
        ("processor\t: 0\nflags\t\t: fpu avx2 avx512f\n", False),
        ("processor\t: 0\nBogoMIPS\t: 243\nFeatures\t: fp asimd asimddp\n", True),
        ("", False),
    ],
)
def test_what_the_processor_says_of_itself(tmp_path: Path, cpuinfo: str, expected: bool) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert multiplies_int8(tmp_path / "cpuinfo") is expected
    assert multiplies_int8(tmp_path / "absent") is False


@pytest.mark.slow
def test_int8_without_pictures_says_what_is_missing(tmp_path: Path, pictures: list[np.ndarray]) -> None:
    weights = saved(tmp_path / "model.npz", SPEC)
    with pytest.raises(WeightsError, match=r"at least 100 real pictures, not 3: .* --calibrate"):
        export_onnx(weights, tmp_path / "int8.onnx", precision="int8", calibration=pictures[:3])
    assert not (tmp_path / "int8.onnx").exists()


@pytest.mark.drill
@pytest.mark.realdata
def test_on_real_products_compact_and_int8_give_the_vectors_of_the_full_weights(
    data_folder: Path, tmp_path: Path
) -> None:
    weights = resolve(str(data_folder / "resnet50-fashion-start.npz"), cache_dir=tmp_path)
    products = studio_photos(data_folder, weights.spec, 400)
    shown, seen = products[::2], products[1::2]
    export_onnx(weights, tmp_path / "float.onnx")
    export_onnx(weights, tmp_path / "compact.onnx", precision="compact")
    export_onnx(weights, tmp_path / "int8.onnx", precision="int8", calibration=shown)
    full = OnnxEmbedder(tmp_path / "float.onnx").embed(seen)
    assert len(seen) == 200
    for name, least in (("compact", 0.999), ("int8", 0.99)):
        vectors = OnnxEmbedder(tmp_path / f"{name}.onnx").embed(seen)
        assert (vectors * full).sum(axis=1).min() >= least, name
