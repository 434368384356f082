"""The network itself: against Keras's own preprocessing and ResNet50, and TensorFlow against ONNX."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ml import images
from ml.embedder import Embedder, cached_graph
from ml.export import read_graph_meta
from ml.layout import untrained_variables, variable_shapes
from ml.runtimes import BadVector, checked
from ml.runtimes.onnx import OnnxEmbedder
from ml.runtimes.tensorflow import TensorFlowEmbedder
from ml.weights import Weights, WeightsError, resolve
from tests.ml.conftest import draw, encode


@pytest.fixture(scope="module")
def onnx(graph: Path) -> OnnxEmbedder:
    return OnnxEmbedder(graph)


@pytest.fixture(scope="module")
def tensorflow(untrained: Weights) -> TensorFlowEmbedder:
    return TensorFlowEmbedder(untrained)


@pytest.fixture(scope="module")
def pictures(untrained: Weights) -> list[np.ndarray]:
    return [images.to_input(encode(draw(seed=seed)), untrained.spec) for seed in range(24)]


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as Keras publishes it, with the untrained weights in it."""
    import keras
    from keras.src.legacy.saving import legacy_h5_format

    network = keras.applications.ResNet50(include_top=False, weights=None)
    drawn = untrained_variables()
    for variable in network.weights:
        variable.assign(drawn[variable.path])
    path = tmp_path_factory.mktemp("keras") / "resnet50_notop.h5"
    import h5py

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network)
    network.save_weights(path.with_name("own.weights.h5"))
    return path


def test_the_layout_known_without_tensorflow_is_that_of_keras() -> None:
    import keras

    network = keras.applications.ResNet50(include_top=False, weights=None)
    assert variable_shapes() == {variable.path: tuple(variable.shape) for variable in network.weights}


@pytest.mark.parametrize("name", ["resnet50_notop.h5", "own.weights.h5"])
@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_features_are_those_of_keras_applications(keras_file: Path, pooling: str, name: str) -> None:
    import keras

    from ml.backbones import build

    weights = resolve(str(keras_file.with_name(name)), cache_dir=keras_file.parent, pooling=pooling)
    assert (weights.spec.input_size, weights.spec.fit) == (224, "stretch")
    batch = np.stack([images.to_input(encode(draw(300, 400, seed=seed)), weights.spec) for seed in (1, 2)])
    reference = keras.applications.ResNet50(include_top=False, weights=None, pooling=pooling)
    reference.load_weights(keras_file)
    features = np.asarray(
        reference(keras.applications.resnet50.preprocess_input(batch.astype(np.float32)), training=False)
    )
    ours = np.asarray(build(weights)(batch))
    np.testing.assert_allclose(ours, features / np.linalg.norm(features, axis=1, keepdims=True), atol=2e-6)


def test_an_h5_file_of_another_network_is_refused(tmp_path: Path) -> None:
    import h5py

    from ml.backbones import build

    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["layer_names"] = [b"dense"]
    with pytest.raises(WeightsError, match="does not hold ResNet50 without its top"):
        build(resolve(str(tmp_path / "other.h5"), cache_dir=tmp_path))


def test_preprocessing_is_that_of_keras(untrained: Weights) -> None:
    import keras

    from ml.backbones import _preprocess

    batch = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    expected = keras.applications.resnet50.preprocess_input(batch.astype(np.float32))
    np.testing.assert_allclose(np.asarray(_preprocess(batch)), expected, atol=1e-5)


def test_onnx_and_tensorflow_agree(
    onnx: OnnxEmbedder, tensorflow: TensorFlowEmbedder, pictures: list[np.ndarray]
) -> None:
    ours, reference = onnx.embed(pictures), tensorflow.embed(pictures)
    assert ours.shape == reference.shape == (24, 2048)
    assert (ours * reference).sum(axis=1).min() >= 0.9999


def test_even_an_untrained_network_tells_pictures_apart(onnx: OnnxEmbedder, pictures: list[np.ndarray]) -> None:
    vectors = onnx.embed(pictures)
    similar = vectors @ vectors.T
    assert (similar.argmax(axis=1) == np.arange(24)).all()
    assert np.median(similar[np.triu_indices(24, 1)]) < 0.998


def test_vectors_do_not_depend_on_the_batch(onnx: OnnxEmbedder, pictures: list[np.ndarray]) -> None:
    together = onnx.embed(pictures * 2)  # 48: more than one pass
    alone = np.concatenate([onnx.embed([picture]) for picture in pictures[:4]])
    np.testing.assert_allclose(together[:4], alone, atol=1e-5)
    np.testing.assert_allclose(together[24:], together[:24], atol=1e-5)


def test_no_pictures_give_no_vectors(onnx: OnnxEmbedder, tensorflow: TensorFlowEmbedder) -> None:
    for embedder in (onnx, tensorflow):
        vectors = embedder.embed([])
        assert (vectors.shape, vectors.dtype) == ((0, 2048), np.float32)


def test_a_picture_of_the_wrong_shape_is_named(onnx: OnnxEmbedder, pictures: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"image 1 is float64 \(80, 80, 3\)"):
        onnx.embed([pictures[0], pictures[0] / 255])


def test_a_graph_describes_itself(graph: Path, untrained: Weights) -> None:
    assert read_graph_meta(graph) == {
        "spec": untrained.spec,
        "weights_sha256": untrained.sha256,
        "source": "untrained",
        "name": "resnet50-untrained",
    }


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


def test_the_short_way_in_takes_files_bytes_and_pixels(graph: Path, cache_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "dress.png").write_bytes(data := encode(draw()))
    embedder = Embedder.load("untrained", cache_dir=cache_dir)
    vectors = embedder.embed([tmp_path / "dress.png", str(tmp_path / "dress.png"), data, images.decode(data)])
    assert vectors.shape == (4, 2048)
    assert (vectors[0] @ vectors.T).min() > 0.99999
    with pytest.raises(ValueError, match="onnx or tensorflow"):
        Embedder.load("untrained", runtime="torch", cache_dir=cache_dir)


@pytest.mark.realdata
def test_onnx_and_tensorflow_agree_on_real_products_with_the_start_weights(cache_dir: Path) -> None:
    data = Path(os.environ["LOOKALIKE_DATA"])
    weights = resolve(str(data / "resnet50-fashion-start.npz"), cache_dir=cache_dir)
    with zipfile.ZipFile(data / "fashion-small.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")][:: 39_571 // 200][:200]
        products = [images.to_input(io.BytesIO(archive.read(name)).getvalue(), weights.spec) for name in names]
    ours = OnnxEmbedder(cached_graph(weights, cache_dir)).embed(products)
    reference = TensorFlowEmbedder(weights).embed(products)
    assert len(products) == 200
    assert (ours * reference).sum(axis=1).min() >= 0.9999
