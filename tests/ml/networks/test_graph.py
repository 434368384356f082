"""The ONNX graph, written node by node, computes what Keras computes."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.networks.export import export_onnx, verify
from ml.networks.tensorflow import TensorFlowEmbedder
from ml.pictures import codec
from ml.runtimes.onnx import OnnxEmbedder
from ml.spec import LabelTask, ModelSpec, Part
from ml.weights import KERAS_FILES, Weights, WeightsError, read_graph_meta, read_variables, resolve, write_npz
from tests.ml.conftest import draw, encode
from tests.ml.random_networks import saved

ROOT = Path(__file__).resolve().parents[3]
PLAIN = ModelSpec("resnet50", 48, "letterbox", "avg", 2048)
SPLIT = replace(
    PLAIN,
    pooling="gem",
    dimension=24 + 64 + 16,
    parts=(
        Part("kind", 24, towards=(("type", 1.5), ("season", 0.5))),
        Part("colour", 64, ("lab_histogram",), linear=False),
        Part("mixed", 16, ("unit_pooled", "lab_histogram")),
    ),
    labels=(
        LabelTask("type", "kind", ("dress", "shoe", "watch")),
        LabelTask("gender", "pooled", ("women", "men")),
        LabelTask("season", "kind", ("summer", "winter")),
    ),
)
LITE = ModelSpec("efficientnet_lite2", 64, "letterbox", "avg", 1280)
INCEPTION = ModelSpec("inception_v3", 80, "stretch", "avg", 2048)


def pictures(spec: ModelSpec, count: int = 6) -> list[np.ndarray]:
    return [codec.to_input(encode(draw(seed=seed)), spec) for seed in range(count)]


def compare(weights: Weights, folder: Path) -> tuple[OnnxEmbedder, dict[str, np.ndarray]]:
    export_onnx(weights, folder / "graph.onnx")
    onnx = OnnxEmbedder(folder / "graph.onnx")
    batch = pictures(weights.spec)
    ours, probabilities = onnx.embed_labelled(batch)
    reference, expected = TensorFlowEmbedder(weights).embed_labelled(batch)
    assert (ours * reference).sum(axis=1).min() >= 0.9999
    # Vectors of random networks are all alike, so their cosine alone would forgive much.
    np.testing.assert_allclose(ours, reference, atol=2e-5)
    assert probabilities.keys() == expected.keys()
    for task, values in expected.items():
        np.testing.assert_allclose(probabilities[task], values, atol=1e-4)
    return onnx, probabilities


@pytest.mark.drill
@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_resnet50_is_that_of_keras(tmp_path: Path, pooling: str) -> None:
    weights = saved(tmp_path / "plain.npz", replace(PLAIN, pooling=pooling))
    onnx, probabilities = compare(weights, tmp_path)
    assert (onnx.spec, probabilities) == (weights.spec, {})
    assert onnx.meta.weights_sha256 == weights.sha256


@pytest.mark.drill
def test_gem_parts_colours_and_labels_are_those_of_keras(tmp_path: Path) -> None:
    onnx, probabilities = compare(saved(tmp_path / "split.npz", SPLIT), tmp_path)
    shapes = {task: values.shape for task, values in probabilities.items()}
    assert shapes == {"type": (6, 3), "gender": (6, 2), "season": (6, 2)}
    assert probabilities["type"].sum(axis=1) == pytest.approx(np.ones(6), abs=1e-5)
    vectors = onnx.embed(pictures(SPLIT))
    parts = [vectors[:, :24], vectors[:, 24:88], vectors[:, 88:]]
    for part in parts:
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), 3**-0.5, atol=1e-5)


@pytest.mark.drill
def test_inception_is_that_of_keras(tmp_path: Path) -> None:
    compare(saved(tmp_path / "inception.npz", INCEPTION), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("spec", [LITE, replace(LITE, backbone="efficientnet_lite0", input_size=75)])
def test_efficientnet_lite_is_that_of_keras_at_even_and_odd_sizes(tmp_path: Path, spec: ModelSpec) -> None:
    compare(saved(tmp_path / "lite.npz", spec), tmp_path)


@pytest.mark.slow
def test_each_backbone_takes_what_keras_prepares_for_it() -> None:
    import keras

    from ml.networks.backbones import preprocess

    batch = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    for name, module in (("resnet50", keras.applications.resnet50), ("inception_v3", keras.applications.inception_v3)):
        expected = module.preprocess_input(batch.astype(np.float32))
        np.testing.assert_allclose(np.asarray(preprocess(batch, name)), expected, atol=1e-5)
    assert (KERAS_FILES["inception_v3"].spec.input_size, KERAS_FILES["inception_v3"].spec.fit) == (299, "stretch")


@pytest.mark.drill
def test_verify_compares_with_keras_on_demand(tmp_path: Path) -> None:
    weights = saved(tmp_path / "small.npz", replace(PLAIN, input_size=32))
    export_onnx(weights, tmp_path / "graph.onnx")
    assert verify(weights, tmp_path / "graph.onnx", pictures(weights.spec, 2)) >= 0.9999
    export_onnx(saved(tmp_path / "other.npz", weights.spec, seed=1), tmp_path / "other.onnx")
    assert verify(weights, tmp_path / "other.onnx", pictures(weights.spec, 2)) < 0.9999


@pytest.mark.slow
def test_making_a_graph_starts_no_tensorflow(tmp_path: Path) -> None:
    code = (
        "import sys; from ml.__main__ import main;"
        f"assert main(['export', '--weights', 'untrained', '--out', {str(tmp_path / 'graph.onnx')!r}]) == 0;"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert {"tensorflow", "keras", "tf2onnx"}.isdisjoint(done.stdout.split())


@pytest.mark.slow
def test_a_finished_graph_needs_nothing_made(tmp_path: Path) -> None:
    weights = saved(tmp_path / "model.npz", PLAIN)
    export_onnx(weights, tmp_path / "model.onnx", precision="compact")
    found = resolve(str(tmp_path / "model.onnx"), cache_dir=tmp_path)
    assert (found.source, found.spec, found.ready_made) == ("file", PLAIN, True)
    code = (
        "import sys; sys.modules['onnx'] = sys.modules['tensorflow'] = None; from ml.__main__ import main;"
        f"sys.exit(main(['export', '--weights', {str(found.path)!r}, '--out', {str(tmp_path / 'copy.onnx')!r}]))"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT)
    assert (tmp_path / "copy.onnx").read_bytes() == (tmp_path / "model.onnx").read_bytes()
    with pytest.raises(WeightsError, match="made for avg pooling"):
        resolve(str(found.path), cache_dir=tmp_path, pooling="max")


@pytest.mark.drill
@pytest.mark.parametrize("spec", [SPLIT, INCEPTION])
def test_a_graph_gives_its_weights_back(tmp_path: Path, spec: ModelSpec) -> None:
    weights = saved(tmp_path / "model.npz", spec)
    batch = pictures(spec)
    for precision, cosine in (("float", 0.999999), ("compact", 0.99)):
        export_onnx(weights, tmp_path / f"{precision}.onnx", precision=precision)
        graph = resolve(str(tmp_path / f"{precision}.onnx"), cache_dir=tmp_path)
        # As the start of a training, or to run on TensorFlow.
        export_onnx(replace(graph, path=write_npz_of(graph, tmp_path)), tmp_path / "again.onnx", precision="float")
        expected = OnnxEmbedder(tmp_path / f"{precision}.onnx").embed(batch)
        # Weights files hold float16.
        np.testing.assert_allclose(OnnxEmbedder(tmp_path / "again.onnx").embed(batch), expected, atol=1e-3)
        assert (expected * OnnxEmbedder(tmp_path / "float.onnx").embed(batch)).sum(axis=1).min() > cosine


def write_npz_of(graph: Weights, folder: Path) -> Path:
    write_npz(folder / "back.npz", read_variables(graph), graph.spec, {})
    return folder / "back.npz"


@pytest.mark.slow
def test_a_graph_in_int8_cannot_be_trained_further(tmp_path: Path) -> None:
    weights = saved(tmp_path / "model.npz", replace(PLAIN, input_size=32))
    calibration = [image for image in pictures(weights.spec, 4) for _ in range(25)]
    export_onnx(weights, tmp_path / "int8.onnx", precision="int8", calibration=calibration)
    with pytest.raises(WeightsError, match=r"computes in int8.* Name the compact graph or the \.npz"):
        read_variables(resolve(str(tmp_path / "int8.onnx"), cache_dir=tmp_path))


def test_without_the_onnx_package_the_message_says_what_to_do(
    tmp_path: Path, untrained: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "ml.networks.writing", raising=False)
    monkeypatch.delattr("ml.networks.writing", raising=False)
    with pytest.raises(WeightsError, match=r"requirements/worker\.txt"):
        export_onnx(untrained, tmp_path / "graph.onnx")
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_weights_that_give_nonsense_leave_no_graph(tmp_path: Path) -> None:
    weights = saved(tmp_path / "good.npz", PLAIN)
    with np.load(tmp_path / "good.npz") as file:
        arrays = dict(file)
    arrays["conv1_conv/bias"] = np.full(64, np.nan, np.float32)
    np.savez(tmp_path / "bad.npz", **arrays)
    bad = resolve(str(tmp_path / "bad.npz"), cache_dir=tmp_path)
    with pytest.raises(WeightsError, match=r"bad\.npz, sha256 [0-9a-f]{64}\) are damaged: Vector 0: not finite"):
        export_onnx(bad, tmp_path / "bad.onnx")
    assert not (tmp_path / "bad.onnx").exists()
    assert export_onnx(weights, tmp_path / "good.onnx") != export_onnx(
        weights, tmp_path / "x.onnx", precision="compact"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda data: data[:-1000], "cut short"),
        (lambda data: data[:100], "cut short"),
        (lambda data: b"", "it contains no graph"),
        (lambda data: b"PK\x03\x04" + data, "damaged or not an ONNX file"),
        (lambda data: b"<html>not found</html>", "damaged or not an ONNX file"),
    ],
)
def test_a_damaged_graph_is_refused_by_name(tmp_path: Path, graph: Path, spoil, complaint: str) -> None:
    (tmp_path / "cut.onnx").write_bytes(spoil(graph.read_bytes()))
    with pytest.raises(WeightsError, match=complaint) as error:
        resolve(str(tmp_path / "cut.onnx"), cache_dir=tmp_path)
    assert str(tmp_path / "cut.onnx") in str(error.value)


def test_a_graph_of_another_program_is_refused(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, save

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    foreign = helper.make_model(helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [output]))
    save(foreign, str(tmp_path / "foreign.onnx"))
    with pytest.raises(WeightsError, match="does not describe itself"):
        read_graph_meta(tmp_path / "foreign.onnx")
