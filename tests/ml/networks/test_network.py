"""The network against Keras's own preprocessing and ResNet50, and TensorFlow against ONNX."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.embedder import Embedder, cached_graph
from ml.networks.export import export_onnx
from ml.networks.tensorflow import TensorFlowEmbedder
from ml.pictures import codec
from ml.runtimes import BadVector, checked
from ml.runtimes.onnx import OnnxEmbedder
from ml.spec import LabelTask, ModelSpec, Part
from ml.training.plan import Head, Plan
from ml.weights import Weights, WeightsError, read_graph_meta, read_variables, resolve
from ml.weights.layout import layers_in_file_order, variable_shapes
from tests.ml.conftest import draw, encode, studio_photos
from tests.ml.random_networks import variables


@pytest.fixture(scope="module")
def onnx(graph: Path) -> OnnxEmbedder:
    return OnnxEmbedder(graph)


@pytest.fixture(scope="module")
def tensorflow(untrained: Weights) -> TensorFlowEmbedder:
    return TensorFlowEmbedder(untrained)


@pytest.fixture(scope="module")
def pictures(untrained: Weights) -> list[np.ndarray]:
    return [codec.to_input(encode(draw(seed=seed)), untrained.spec) for seed in range(24)]


NETWORKS = {"resnet50": "ResNet50", "inception_v3": "InceptionV3"}


def keras_network(backbone: str, **options: object) -> Any:
    import keras

    return getattr(keras.applications, NETWORKS[backbone])(include_top=False, weights=None, **options)


@pytest.fixture(scope="module")
def keras_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files as Keras publishes them and as `save_weights` writes them, with random weights."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    folder = tmp_path_factory.mktemp("keras")
    for backbone in NETWORKS:
        network = keras_network(backbone)
        drawn = variables(ModelSpec(backbone, 80, "stretch", "avg", 2048))
        layers = [layer for layer in network.layers if layer.weights]
        for layer, (_, paths) in zip(layers, layers_in_file_order(backbone), strict=True):
            layer.set_weights([drawn[path] for path in paths])
        with h5py.File(folder / f"{backbone}_notop.h5", "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, network)
        network.save_weights(folder / f"{backbone}.weights.h5")
    return folder


@pytest.mark.drill
@pytest.mark.parametrize("backbone", NETWORKS)
def test_the_layout_known_without_tensorflow_is_that_of_keras(backbone: str) -> None:
    import keras

    keras.backend.clear_session()  # Keras numbers InceptionV3's layers through a whole process
    network = keras_network(backbone)
    assert variable_shapes(backbone) == {variable.path: tuple(variable.shape) for variable in network.weights}
    named = [(layer.name, [variable.path for variable in layer.weights]) for layer in network.layers if layer.weights]
    assert layers_in_file_order(backbone) == named


@pytest.mark.drill
@pytest.mark.parametrize("name", ["resnet50_notop.h5", "resnet50.weights.h5", "inception_v3_notop.h5"])
def test_features_are_those_of_keras_applications(keras_files: Path, name: str, tmp_path: Path) -> None:
    import keras

    weights = resolve(str(keras_files / name), cache_dir=tmp_path)
    backbone = weights.spec.backbone
    assert (weights.spec.input_size, weights.spec.fit) == ({"resnet50": 224, "inception_v3": 299}[backbone], "stretch")
    weights = replace(weights, spec=replace(weights.spec, input_size=96))
    batch = np.stack([codec.to_input(encode(draw(300, 400, seed=seed)), weights.spec) for seed in (1, 2)])
    reference = keras_network(backbone, pooling="avg")
    reference.load_weights(keras_files / f"{backbone}_notop.h5")
    prepare = getattr(keras.applications, backbone).preprocess_input
    features = np.asarray(reference(prepare(batch.astype(np.float32)), training=False))
    export_onnx(weights, tmp_path / "graph.onnx")
    ours = OnnxEmbedder(tmp_path / "graph.onnx").embed_batch(batch)
    np.testing.assert_allclose(ours, features / np.linalg.norm(features, axis=1, keepdims=True), atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", NETWORKS)
def test_both_layouts_of_keras_hold_the_same(keras_files: Path, backbone: str, tmp_path: Path) -> None:
    older, newer = (
        read_variables(resolve(str(keras_files / name), cache_dir=tmp_path))
        for name in (f"{backbone}_notop.h5", f"{backbone}.weights.h5")
    )
    assert list(older) == list(newer) == list(variable_shapes(backbone))
    for path, values in older.items():
        np.testing.assert_array_equal(values, newer[path], err_msg=path)


@pytest.mark.slow
def test_an_h5_file_of_another_network_is_refused(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        group = file.create_group("dense")
        group.attrs["weight_names"] = [b"dense/kernel:0"]
        group["dense/kernel:0"] = np.zeros((3, 4), np.float32)
    with pytest.raises(WeightsError, match="does not contain ResNet50 or InceptionV3 without its top") as error:
        resolve(str(tmp_path / "other.h5"), cache_dir=tmp_path)
    assert "ResNet50 has 53 conv2d layers, the file 0" in str(error.value)


@pytest.mark.slow
def test_an_h5_file_cut_short_is_refused(keras_files: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.h5").write_bytes((keras_files / "resnet50_notop.h5").read_bytes()[:1_000_000])
    with pytest.raises(WeightsError, match="is damaged or not an HDF5 file") as error:
        resolve(str(tmp_path / "cut.h5"), cache_dir=tmp_path)
    assert "cut.h5" in str(error.value)


@pytest.mark.slow
def test_onnx_and_tensorflow_agree(
    onnx: OnnxEmbedder, tensorflow: TensorFlowEmbedder, pictures: list[np.ndarray]
) -> None:
    ours, reference = onnx.embed(pictures), tensorflow.embed(pictures)
    assert ours.shape == reference.shape == (24, 2048)
    assert (ours * reference).sum(axis=1).min() >= 0.9999


@pytest.mark.slow
def test_even_an_untrained_network_tells_pictures_apart(onnx: OnnxEmbedder, pictures: list[np.ndarray]) -> None:
    vectors = onnx.embed(pictures)
    similar = vectors @ vectors.T
    assert (similar.argmax(axis=1) == np.arange(24)).all()
    assert np.median(similar[np.triu_indices(24, 1)]) < 0.998


@pytest.mark.slow
def test_vectors_do_not_depend_on_the_batch(onnx: OnnxEmbedder, pictures: list[np.ndarray]) -> None:
    together = onnx.embed(pictures * 2)  # 48: more than one pass
    alone = np.concatenate([onnx.embed([picture]) for picture in pictures[:4]])
    np.testing.assert_allclose(together[:4], alone, atol=1e-5)
    np.testing.assert_allclose(together[24:], together[:24], atol=1e-5)


@pytest.mark.slow
def test_no_pictures_give_no_vectors(onnx: OnnxEmbedder, tensorflow: TensorFlowEmbedder) -> None:
    for embedder in (onnx, tensorflow):
        vectors = embedder.embed([])
        assert (vectors.shape, vectors.dtype) == ((0, 2048), np.float32)


@pytest.mark.slow
def test_a_picture_of_the_wrong_shape_is_named(onnx: OnnxEmbedder, pictures: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"image 1 is float64 \(80, 80, 3\)"):
        onnx.embed([pictures[0], pictures[0] / 255])


def test_a_graph_describes_itself(graph: Path, untrained: Weights) -> None:
    described = read_graph_meta(graph)
    assert (described.spec, described.weights_sha256) == (untrained.spec, untrained.sha256)
    assert (described.source, described.name, described.precision) == ("untrained", "resnet50-untrained", "float")


@pytest.mark.slow
def test_a_graph_is_used_only_when_it_is_the_expected_one(graph: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="expected 00"):
        OnnxEmbedder(graph, expected_sha256="00")
    with pytest.raises(WeightsError, match="does not exist"):
        OnnxEmbedder(tmp_path / "no.onnx")
    (tmp_path / "cut.onnx").write_bytes(graph.read_bytes()[:5000])
    with pytest.raises(WeightsError, match="damaged"):
        OnnxEmbedder(tmp_path / "cut.onnx")


def test_a_bad_vector_is_named_and_never_returned(untrained: Weights) -> None:
    good = np.zeros((3, 2048), np.float32)
    good[:, 0] = 1
    assert checked(good, 3, untrained.spec) is good
    for value, reason in (
        (np.nan, "not finite"),
        (np.inf, "not finite"),
        (0.0, "length 0"),
        (1.01, "length 1.01"),
    ):
        vectors = good.copy()
        vectors[2, 0] = value
        with pytest.raises(BadVector, match=reason) as bad:
            checked(vectors, 3, untrained.spec)
        assert bad.value.index == 2
    with pytest.raises(BadVector, match=r"shape \(3, 2048\) instead of \(4, 2048\)") as wrong:
        checked(good, 4, untrained.spec)
    assert wrong.value.index is None


@pytest.mark.slow
def test_the_short_way_in_takes_files_bytes_and_pixels(graph: Path, cache_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "dress.png").write_bytes(data := encode(draw()))
    embedder = Embedder.load("untrained", cache_dir=cache_dir)
    vectors = embedder.embed([tmp_path / "dress.png", str(tmp_path / "dress.png"), data, codec.decode(data)])
    assert vectors.shape == (4, 2048)
    assert (vectors[0] @ vectors.T).min() > 0.99999
    with pytest.raises(ValueError, match="onnx or tensorflow"):
        Embedder.load("untrained", runtime="torch", cache_dir=cache_dir)


@pytest.mark.slow
@pytest.mark.parametrize(("inputs", "begun"), [(("pooled",), ["colour"]), (("unit_pooled",), [])])
def test_a_head_starts_from_one_that_reads_the_same(inputs: tuple[str, ...], begun: list[str]) -> None:
    from ml.training.network import build_heads, transfer_heads

    plan = Plan("softmax", (Head("colour", 8),), {})
    labels = (LabelTask("family", "colour", ("blue", "red")),)
    parts = (Part("colour", 8, inputs, towards=(("family", 1.0),)),)
    spec = ModelSpec("resnet50", 80, "letterbox", "avg", 8, parts=parts, labels=labels)
    spec.validate()
    heads = {"head/colour/kernel": np.ones((2048, 8), np.float32), "head/colour/bias": np.ones(8, np.float32)}
    model = build_heads(plan, 0.0)
    assert transfer_heads(model, plan, heads, spec) == begun
    assert bool((np.asarray(model.get_layer("head_colour").kernel) == 1).all()) == bool(begun)


@pytest.mark.drill
@pytest.mark.realdata
def test_onnx_and_tensorflow_agree_on_real_products_with_the_start_weights(data_folder: Path, cache_dir: Path) -> None:
    weights = resolve(str(data_folder / "resnet50-fashion-start.npz"), cache_dir=cache_dir)
    products = studio_photos(data_folder, weights.spec, 200)
    ours = OnnxEmbedder(cached_graph(weights, cache_dir)).embed(products)
    reference = TensorFlowEmbedder(weights).embed(products)
    assert len(products) == 200
    assert (ours * reference).sum(axis=1).min() >= 0.9999
