"""A graph stores the vectors of a few pictures; every host that loads it compares, in any precision."""

import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ml.networks import quantise
from ml.networks.export import export_onnx
from ml.runtimes import golden
from ml.runtimes.golden import WrongNumbers, golden_pictures
from ml.runtimes.onnx import OnnxEmbedder, open_session, session_of
from ml.spec import ModelSpec
from ml.weights import BUNDLED, GOLDEN, WeightsError, read_graph_meta, resolve
from tests.ml.random_networks import saved

SPEC = ModelSpec("resnet50", 32, "letterbox", "avg", 2048)
FASHION = BUNDLED / "lookalike-fashion-1.onnx"


@pytest.fixture(scope="module")
def fashion_int8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model in int8, made as every shop makes it."""
    path = tmp_path_factory.mktemp("int8") / "fashion.onnx"
    export_onnx(resolve("bundled", cache_dir=path.parent), path, precision="int8")
    return path


def spoilt(path: Path, destination: Path) -> Path:
    """A copy with other kernels than those that its golden vectors came from."""
    model = onnx.load(str(path))
    chance = np.random.default_rng(3)
    for constant in model.graph.initializer:
        values = numpy_helper.to_array(constant)
        if "kernel_int8" in constant.name and values.ndim == 4:
            other = chance.permutation(values.reshape(-1)).reshape(values.shape)
            constant.CopyFrom(numpy_helper.from_array(other, constant.name))
    onnx.save(model, str(destination))
    return destination


def with_property(path: Path, destination: Path, key: str, value: str | None) -> Path:
    model = onnx.load(str(path))
    kept = {entry.key: entry.value for entry in model.metadata_props if entry.key != key}
    helper.set_model_props(model, kept | ({} if value is None else {key: value}))
    onnx.save(model, str(destination))
    return destination


@pytest.mark.parametrize(
    ("size", "digest"), [(32, "29cdefc7da16aa10"), (72, "7568e315c870838c"), (224, "7980b8af1f991029")]
)
def test_every_host_draws_the_same_golden_pictures(size: int, digest: str) -> None:
    pictures = golden_pictures(size)
    assert (pictures.shape, pictures.dtype) == ((3, size, size, 3), np.uint8)
    assert hashlib.sha256(pictures.tobytes()).hexdigest()[:16] == digest


@pytest.mark.drill
def test_every_precision_carries_the_vectors_of_the_full_weights(tmp_path: Path) -> None:
    weights = saved(tmp_path / "model.npz", SPEC)
    calibration = [picture for picture in golden_pictures(SPEC.input_size) for _ in range(40)]
    for precision in ("float", "compact", "int8"):
        export_onnx(weights, tmp_path / f"{precision}.onnx", precision=precision, calibration=calibration)
    full = open_session(tmp_path / "float.onnx")
    expected = golden.run(full, SPEC)
    for precision in ("float", "compact", "int8"):
        meta = read_graph_meta(tmp_path / f"{precision}.onnx")
        known = golden.known_vectors(meta)
        assert known is not None
        np.testing.assert_allclose(known, expected, atol=1e-3, err_msg=precision)
        cosine = OnnxEmbedder(tmp_path / f"{precision}.onnx").cosine
        assert cosine is not None
        assert cosine >= golden.MIN_COSINE


@pytest.mark.slow
@pytest.mark.case
def test_the_bundled_model_is_right_in_floats_and_in_int8_on_this_processor(fashion_int8: Path) -> None:
    floats, int8 = OnnxEmbedder(FASHION), OnnxEmbedder(fashion_int8, or_floats=False)
    assert (floats.in_int8, int8.in_int8) == (False, True)
    assert floats.cosine is not None
    assert int8.cosine is not None
    assert floats.cosine > 0.9999
    assert int8.cosine > 0.998


@pytest.mark.case
def test_the_sums_of_int8_are_exact_however_large_the_products(tmp_path: Path) -> None:
    """255 · 127 twice exceeds 16 bits: on a processor that adds pairs in 16 bits, plain ONNX Runtime gives another
    sum."""
    channels, scale = 64, np.float32(1 / 255)
    kernel = np.where(np.arange(channels) % 4 < 3, 127, -127).astype(np.int8) * np.ones((8, 1), np.int8)
    kernel = kernel.reshape(8, channels, 1, 1)
    constants = {
        "scale": np.asarray(scale), "zero": np.asarray(np.uint8(0)), "kernel": kernel,
        "kernel_scale": np.full(8, 1 / 127, np.float32), "bias": np.zeros(8, np.int32),
        "bias_scale": np.full(8, scale / 127, np.float32), "out_scale": np.asarray(np.float32(channels / 255)),
    }  # fmt: skip
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "scale", "zero"], ["xd"]),
        helper.make_node("DequantizeLinear", ["kernel", "kernel_scale"], ["kd"], axis=0),
        helper.make_node("DequantizeLinear", ["bias", "bias_scale"], ["bd"], axis=0),
        helper.make_node("Conv", ["xd", "kd", "bd"], ["c"], kernel_shape=[1, 1]),
        helper.make_node("QuantizeLinear", ["c", "out_scale", "zero"], ["cq"]),
        helper.make_node("DequantizeLinear", ["cq", "out_scale", "zero"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, "sums",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, channels, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 6, 6])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    found = session_of(model.SerializeToString(), precision="int8").run(
        ["y"], {"x": np.ones((1, channels, 6, 6), np.float32)}
    )[0]
    np.testing.assert_allclose(found, channels / 2, atol=channels / 255)  # three quarters minus one quarter of them


@pytest.mark.slow
def test_int8_that_computes_wrongly_falls_back_to_floats_and_then_to_a_refusal(
    tmp_path: Path, fashion_int8: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = spoilt(fashion_int8, tmp_path / "wrong.onnx")
    with pytest.raises(
        WrongNumbers, match=r"In int8, .* smallest cosine .* at least 0\.99 .*float or compact"
    ) as found:
        OnnxEmbedder(wrong, or_floats=False)
    assert found.value.cosine < golden.MIN_COSINE
    with caplog.at_level(logging.WARNING), pytest.raises(WrongNumbers, match=r"In floats, .* must not embed"):
        OnnxEmbedder(wrong)  # its kernels are wrong in floats, too
    assert f"{found.value.cosine:.4f}" in caplog.text


@pytest.mark.slow
def test_an_int8_file_on_a_processor_that_saturates_computes_in_floats_and_says_so(
    fashion_int8: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulate saturating sums: int8 kernels lose what 16 bits would cut off."""
    monkeypatch.setattr("ml.runtimes.onnx.session_of", saturating(session_of))
    with caplog.at_level(logging.WARNING):
        network = OnnxEmbedder(fashion_int8)
    assert network.in_int8 is False
    assert "smallest cosine" in caplog.text
    assert "runs in floats, which is slower" in caplog.text
    expected = golden.run(open_session(FASHION), network.spec)
    assert golden.smallest_cosine(network.embed_batch(golden_pictures(network.spec.input_size)), expected) > 0.995


def saturating(real: Any) -> Any:
    """`session_of` of a processor whose int8 kernels clip large products: the same session over a graph in which every
    kernel of 3 × 3 stops at half its range."""

    def opened(graph: str | bytes, *, precision: str, threads: int | None = None) -> Any:
        if precision != "int8":
            return real(graph, precision=precision, threads=threads)
        model = onnx.load(graph) if isinstance(graph, str) else onnx.load_from_string(graph)
        for constant in model.graph.initializer:
            values = numpy_helper.to_array(constant)
            if values.dtype == np.int8 and values.ndim == 4:
                constant.CopyFrom(numpy_helper.from_array(values.clip(-20, 20), constant.name))
        return real(model.SerializeToString(), precision=precision, threads=threads)

    return opened


@pytest.mark.slow
def test_floats_that_are_wrong_are_refused_with_the_remedy(tmp_path: Path) -> None:
    weights = saved(tmp_path / "model.npz", SPEC)
    export_onnx(weights, tmp_path / "good.onnx")
    other = golden.describe(-golden.run(open_session(tmp_path / "good.onnx"), SPEC))
    wrong = with_property(tmp_path / "good.onnx", tmp_path / "wrong.onnx", GOLDEN, other)
    with pytest.raises(WrongNumbers, match=r"smallest cosine -1\.0000 .* export the graph again .* must not embed"):
        OnnxEmbedder(wrong)
    with pytest.raises(WeightsError, match=r"golden vectors of a graph are damaged"):
        OnnxEmbedder(with_property(tmp_path / "good.onnx", tmp_path / "cut.onnx", GOLDEN, other[:-40] + '"}'))


@pytest.mark.slow
def test_graphs_of_earlier_releases_go_on_working(
    tmp_path: Path, fashion_int8: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older graphs store no vectors: floats are accepted; int8 is compared with its own steps summed up in floats."""
    monkeypatch.setattr("ml.runtimes.golden._bundled", dict)
    silent = OnnxEmbedder(FASHION)
    assert silent.cosine is None
    old = with_property(fashion_int8, tmp_path / "old.onnx", GOLDEN, None)
    network = OnnxEmbedder(old)
    assert network.in_int8
    assert network.cosine is not None
    assert network.cosine > 0.99
    unknown = with_property(fashion_int8, tmp_path / "newer.onnx", GOLDEN, '{"pictures": "drawn-2", "vectors": ""}')
    assert OnnxEmbedder(unknown).in_int8
    monkeypatch.setattr("ml.runtimes.onnx.session_of", saturating(session_of))
    assert OnnxEmbedder(old).in_int8 is False
    assert "smallest cosine" in caplog.text


@pytest.mark.slow
def test_an_int8_file_of_an_earlier_release_gives_right_vectors_on_every_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its heads are in int8 and share a kernel, so kernels cannot be shifted: without VNNI it computes in floats."""
    monkeypatch.setattr("ml.networks.quantise._Editor._is_head_kernel", lambda *_: False)
    compact = onnx.load(str(FASHION))
    onnx.save(quantise.to_int8(compact, quantise.remembered_ranges(compact)), str(tmp_path / "old.onnx"))
    network = OnnxEmbedder(tmp_path / "old.onnx")
    expected = golden.run(open_session(FASHION), network.spec)
    assert golden.smallest_cosine(network.embed_batch(golden_pictures(network.spec.input_size)), expected) > 0.99


@pytest.mark.slow
def test_int8_that_is_too_coarse_is_not_written(tmp_path: Path) -> None:
    """Ranges that fit nothing, on any processor."""
    compact = onnx.load(str(FASHION))
    narrow = {name: (low / 20, high / 20) for name, (low, high) in quantise.remembered_ranges(compact).items()}
    kept = {entry.key: entry.value for entry in compact.metadata_props}
    helper.set_model_props(compact, kept | {"lookalike.ranges": json.dumps(narrow)})
    onnx.save(compact, str(tmp_path / "narrow.onnx"))
    weights = resolve(str(tmp_path / "narrow.onnx"), cache_dir=tmp_path)
    with pytest.raises(WeightsError, match=r"narrow in int8 is too far from floats: smallest cosine .* --calibrate"):
        export_onnx(weights, tmp_path / "int8.onnx", precision="int8")
    assert not (tmp_path / "int8.onnx").exists()


@pytest.mark.slow
def test_what_is_made_of_a_graph_has_its_golden_vectors(tmp_path: Path, fashion_int8: Path) -> None:
    """Even if it was copied from the bundled one, which stores none itself."""
    expected = golden.known_vectors(read_graph_meta(FASHION))
    assert expected is not None
    copied = tmp_path / "copied.onnx"
    shutil.copy(FASHION, copied)
    for path in (copied, fashion_int8):
        known = golden.known_vectors(read_graph_meta(path))
        assert known is not None
        assert (known == expected).all()
    assert read_graph_meta(fashion_int8).golden is not None
