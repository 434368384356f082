"""Maps are exact, cost nothing when they are off, and regions in them lie where the product is."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from ml import Embedder
from ml.maps.drawing import overlay
from ml.maps.outputs import ACTIVATION, FEATURE_MAP, Maps, mapped_task, with_maps
from ml.maps.regions import regions
from ml.networks.colours import lab_histogram
from ml.networks.export import export_onnx
from ml.runtimes import golden
from ml.runtimes.onnx import OnnxEmbedder
from ml.spec import LabelTask, ModelSpec, Part
from ml.weights import Weights, WeightsError, read_graph_meta, read_variables, resolve, sha256_of
from ml.weights.editions import find_edition
from tests.ml.random_networks import saved

PLAIN = ModelSpec("efficientnet_lite0", 96, "letterbox", "avg", 1280)
TYPES, OTHERS = ("dress", "shoe", "watch"), ("women", "men")
SPLIT = replace(
    PLAIN,
    dimension=24 + 16,
    parts=(Part("kind", 24, towards=(("type", 1.5),)), Part("mixed", 16, ("lab_histogram", "unit_pooled"))),
    labels=(LabelTask("gender", "mixed", OTHERS), LabelTask("type", "kind", TYPES)),
)
MIXED = replace(
    SPLIT, parts=(replace(SPLIT.parts[0], towards=()), SPLIT.parts[1]), labels=(LabelTask("gender", "mixed", OTHERS),)
)
POOLED = replace(PLAIN, labels=(LabelTask("type", "pooled", TYPES),))
UNTOUCHED = replace(
    PLAIN,
    dimension=64 + 1280,
    parts=(Part("colour", 64, ("lab_histogram",), linear=False), Part("kind", 1280, ("unit_pooled",), linear=False)),
    labels=(LabelTask("family", "colour", OTHERS), LabelTask("type", "kind", TYPES)),
)


def pooled(feature_map: np.ndarray, pooling: str) -> np.ndarray:
    if pooling == "max":
        return np.asarray(feature_map.max(axis=(2, 3)))
    if pooling == "avg":
        return np.asarray(feature_map.mean(axis=(2, 3)))
    return np.asarray((np.maximum(feature_map, 1e-6) ** 3).mean(axis=(2, 3)) ** (1 / 3))


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def probabilities(scores: np.ndarray) -> np.ndarray:
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(chances / chances.sum(axis=1, keepdims=True))


def exported(spec: ModelSpec, folder: Path, **options: bool) -> tuple[Path, Weights]:
    weights = saved(folder / "weights.npz", spec)
    export_onnx(weights, folder / "graph.onnx", **options)
    return folder / "graph.onnx", weights


def maps_of(spec: ModelSpec, folder: Path) -> tuple[Maps, Mapping[str, np.ndarray]]:
    graph, weights = exported(spec, folder)
    pictures = list(golden.golden_pictures(spec.input_size))
    return OnnxEmbedder(graph, threads=1, maps=True).maps(pictures), read_variables(weights)


@pytest.mark.parametrize(
    "pooling", ["gem", pytest.param("avg", marks=pytest.mark.slow), pytest.param("max", marks=pytest.mark.slow)]
)
def test_pooling_the_feature_map_gives_the_vector(tmp_path: Path, pooling: str) -> None:
    maps, _ = maps_of(replace(PLAIN, pooling=pooling), tmp_path)
    assert (maps.feature_map.shape, maps.activation, maps.probabilities) == ((3, 1280, 3, 3), None, {})
    np.testing.assert_allclose(unit(pooled(maps.feature_map, pooling)), maps.vectors, atol=1e-5)
    lengths = np.sqrt((maps.feature_map.astype(np.float64) ** 2).sum(axis=1))
    np.testing.assert_allclose(maps.attention, lengths / lengths.max(axis=(1, 2), keepdims=True), atol=1e-5)


@pytest.mark.slow
def test_activation_is_what_each_place_adds_to_the_score_of_a_class(tmp_path: Path) -> None:
    maps, given = maps_of(SPLIT, tmp_path)
    head, kernel, bias = given["head/kind/kernel"], given["labels/type/kernel"], given["labels/type/bias"]
    before = maps.feature_map.mean(axis=(2, 3)) @ head + given["head/kind/bias"]
    length = np.linalg.norm(before, axis=1)
    assert maps.activation is not None
    for row, column in np.ndindex(3, 3):
        expected = maps.feature_map[:, :, row, column] @ head / length[:, None] @ kernel
        np.testing.assert_allclose(maps.activation[:, :, row, column], expected, atol=1e-4)
    scores = maps.activation.mean(axis=(2, 3)) + (given["head/kind/bias"] @ kernel) / length[:, None] + bias
    np.testing.assert_allclose(probabilities(scores), maps.probabilities["type"], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("spec", [POOLED, replace(POOLED, pooling="max"), replace(POOLED, pooling="gem"), UNTOUCHED])
def test_activations_add_up_to_the_scores(tmp_path: Path, spec: ModelSpec) -> None:
    maps, given = maps_of(spec, tmp_path)
    assert maps.activation is not None
    scores = maps.activation.mean(axis=(2, 3)) + given["labels/type/bias"]
    np.testing.assert_allclose(probabilities(scores), maps.probabilities["type"], atol=1e-5)


@pytest.mark.slow
def test_colours_have_no_place_but_their_share_of_the_score_is_the_rest(tmp_path: Path) -> None:
    maps, given = maps_of(MIXED, tmp_path)
    pictures = golden.golden_pictures(MIXED.input_size)
    histogram, features = lab_histogram(pictures), unit(maps.feature_map.mean(axis=(2, 3)))
    head, kernel = given["head/mixed/kernel"], given["labels/gender/kernel"]
    rest = histogram @ head[:64] + given["head/mixed/bias"]
    length = np.linalg.norm(features @ head[64:] + rest, axis=1, keepdims=True)
    assert maps.activation is not None
    scores = maps.activation.mean(axis=(2, 3)) + rest / length @ kernel + given["labels/gender/bias"]
    np.testing.assert_allclose(probabilities(scores), maps.probabilities["gender"], atol=1e-4)


def test_the_map_is_of_the_type_or_else_of_the_first_task_that_has_places() -> None:
    tasks = [mapped_task(spec) for spec in (SPLIT, MIXED, POOLED, UNTOUCHED, PLAIN)]
    assert [task.name if task else None for task in tasks] == ["type", "gender", "type", "type", None]
    colours_only = replace(UNTOUCHED, labels=UNTOUCHED.labels[:1])
    assert mapped_task(colours_only) is None


@pytest.mark.slow
def test_a_graph_with_maps_is_the_graph_without_and_more(tmp_path: Path) -> None:
    graph, weights = exported(SPLIT, tmp_path)
    plain = graph.read_bytes()
    export_onnx(weights, graph, maps=True)
    more = graph.read_bytes()
    assert more.startswith(plain)
    assert len(plain) < len(more) < len(plain) + 2000
    assert with_maps(more, SPLIT) == more
    model = onnx.load_from_string(more)
    onnx.checker.check_model(model, full_check=True)
    assert [output.name for output in model.graph.output][-2:] == [FEATURE_MAP, ACTIVATION]
    assert read_graph_meta(graph).spec == SPLIT


@pytest.mark.parametrize("name", [pytest.param("lookalike-fashion", marks=pytest.mark.slow), "lookalike-general"])
def test_bundled_models_give_the_same_vectors_with_maps(name: str) -> None:
    path = find_edition(name).path
    before = sha256_of(path)
    off, on = OnnxEmbedder(path, threads=1), OnnxEmbedder(path, threads=1, maps=True)
    pictures = list(golden.golden_pictures(off.spec.input_size))
    maps = on.maps(pictures)
    np.testing.assert_allclose(maps.vectors, off.embed(pictures), atol=1e-6)
    assert sha256_of(path) == before
    with pytest.raises(ValueError, match="maps=True"):
        off.maps(pictures)
    with pytest.raises(ValueError, match="at least one"):
        on.maps([])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lookalike-fashion", "lookalike-general"])
def test_int8_graphs_return_the_same_maps(tmp_path: Path, name: str) -> None:
    weights = resolve(name, cache_dir=tmp_path)
    export_onnx(weights, tmp_path / "compact.onnx", maps=True)
    export_onnx(resolve(str(tmp_path / "compact.onnx"), cache_dir=tmp_path), tmp_path / "1.onnx", precision="int8")
    export_onnx(weights, tmp_path / "2.onnx", precision="int8")
    pictures = list(golden.golden_pictures(weights.spec.input_size))
    expected = OnnxEmbedder(tmp_path / "compact.onnx", maps=True).maps(pictures)
    assert expected.activation is not None
    for path in (tmp_path / "1.onnx", tmp_path / "2.onnx"):
        graph = OnnxEmbedder(path, maps=True)
        assert graph.in_int8
        maps = graph.maps(pictures)
        assert maps.activation is not None
        for ours, theirs in ((maps.activation, expected.activation), (maps.feature_map, expected.feature_map)):
            assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.98
        assert np.abs(maps.attention - expected.attention).max() < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["resnet50", "inception_v3"])
def test_every_network_has_maps(tmp_path: Path, backbone: str) -> None:
    spec = replace(PLAIN, backbone=backbone, dimension=2048, pooling="gem", labels=POOLED.labels)
    maps, given = maps_of(spec, tmp_path)
    np.testing.assert_allclose(unit(pooled(maps.feature_map, "gem")), maps.vectors, atol=1e-5)
    assert maps.activation is not None
    scores = maps.activation.mean(axis=(2, 3)) + given["labels/type/bias"]
    np.testing.assert_allclose(probabilities(scores), maps.probabilities["type"], atol=1e-4)


@pytest.mark.parametrize("operation", ["Relu", "GlobalAveragePool"])
def test_a_graph_of_another_program_has_no_maps(operation: str) -> None:
    node = onnx.helper.make_node(operation, ["pictures"], ["vectors"])
    graph = onnx.helper.make_graph([node], "other", [], [])
    content = onnx.helper.make_model(graph).SerializeToString()
    for damaged in (content, content[:-1], b"no graph"):
        with pytest.raises(WeightsError, match="cannot return maps"):
            with_maps(damaged, PLAIN)


def test_maps_need_onnx_runtime() -> None:
    with pytest.raises(ValueError, match="runtime onnx"):
        Embedder.load("untrained", runtime="tensorflow", maps=True)


@pytest.fixture(scope="module")
def general() -> Embedder:
    return Embedder.load("lookalike-general", threads=1, maps=True)


@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize(("width", "height"), [(480, 640), (640, 480)])
def test_a_product_in_a_corner_is_found_there(
    general: Embedder, corner: tuple[int, int], width: int, height: int
) -> None:
    side = 240
    left, top = corner[0] * (width - side), corner[1] * (height - side)
    photo = np.full((height, width, 3), 255, np.uint8)
    photo[top : top + side, left : left + side] = golden.golden_pictures(side)[2]
    (region, *_) = regions(general.maps([photo]), 0, (width, height), general.spec)
    x, y = (region.box[0] + region.box[2]) / 2, (region.box[1] + region.box[3]) / 2
    assert left < x < left + side
    assert top < y < top + side
    assert left < region.dot[0] < left + side
    assert top < region.dot[1] < top + side
    assert region.score == 1
    assert region.label in general.labels["type"]


def synthetic(spots: Mapping[tuple[int, int], int], shape: tuple[int, int] = (8, 8)) -> Maps:
    """Maps of one picture; at each spot (row, column), one class of three is active, and only there."""
    activation = np.zeros((1, 3, *shape), np.float32)
    for (row, column), number in spots.items():
        activation[0, number, row, column] = 10
    feature_map = np.maximum(activation.max(axis=1, keepdims=True), 0)
    return Maps(np.zeros((1, 1), np.float32), {"type": np.full((1, 3), 1 / 3)}, feature_map, activation)


def test_boxes_are_in_pixels_of_the_original_picture() -> None:
    spec = ModelSpec("efficientnet_lite0", 256, "letterbox", "avg", 1280, labels=(LabelTask("type", "pooled", TYPES),))
    # 800 × 1600 fills columns 2 to 5 of 8: one place is 200 pixels.
    first, second = regions(synthetic({(1, 3): 1, (6, 4): 2}), 0, (800, 1600), spec)
    for region, (x, y), label in ((first, (300, 300), "shoe"), (second, (500, 1300), "watch")):
        left, top, right, bottom = region.box
        assert (abs((left + right) / 2 - x), abs((top + bottom) / 2 - y)) <= (60, 60)
        assert (right - left, bottom - top) < (300, 300)
        assert (abs(region.dot[0] - x), abs(region.dot[1] - y)) <= (60, 60)
        assert region.label == label
        assert region.confidence is not None
        assert region.confidence > 0.9


@pytest.mark.parametrize(("other", "count"), [(1, 1), (2, 2)])
def test_a_product_that_falls_apart_is_one_region_again(other: int, count: int) -> None:
    spec = ModelSpec("efficientnet_lite0", 256, "stretch", "avg", 1280, labels=(LabelTask("type", "pooled", TYPES),))
    maps = synthetic({(3, 2): 1, (3, 5): other})
    maps.feature_map[0, 0, 1:6, 2:6] = 10  # one product, with two telling parts
    assert len(regions(maps, 0, (800, 800), spec)) == count


def test_nothing_is_proposed_in_the_margin() -> None:
    spec = ModelSpec("efficientnet_lite0", 256, "letterbox", "avg", 1280)
    (region,) = regions(synthetic({(4, 0): 0, (4, 4): 0}), 0, (800, 1600), spec)
    assert region.dot[0] > 300
    assert (region.label, region.confidence) == (None, None)
    stretched = regions(synthetic({(4, 0): 0, (4, 4): 0}), 0, (800, 1600), replace(spec, fit="stretch"))
    assert len(stretched) == 2


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (3000, 2), (7, 7), (5000, 4999)])
@pytest.mark.parametrize("places", [1, 3, 8, 32])
def test_pictures_of_any_shape_and_maps_of_any_size_have_regions(size: tuple[int, int], places: int) -> None:
    spec = ModelSpec("efficientnet_lite0", 256, "letterbox", "avg", 1280, labels=(LabelTask("type", "pooled", TYPES),))
    random = np.random.default_rng(places)
    maps = replace(
        synthetic({}),
        activation=random.uniform(-5, 10, (1, 3, places, places)).astype(np.float32),
        feature_map=random.uniform(0, 6, (1, 4, places, places)).astype(np.float32),
    )
    found = regions(maps, 0, size, spec)
    assert found[0].score == 1
    assert len(found) <= 5
    for region in found:
        left, top, right, bottom = region.box
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
        assert left <= region.dot[0] < right
        assert top <= region.dot[1] < bottom
        assert overlay(np.full((2, 2, 3), 9, np.uint8), maps.attention[0], [region], spec).size == (2, 2)


def test_an_empty_map_has_no_regions() -> None:
    spec = ModelSpec("efficientnet_lite0", 256, "letterbox", "avg", 1280)
    assert regions(synthetic({}), 0, (800, 1600), spec) == []


def test_the_drawing_is_red_where_the_map_is_high(general: Embedder) -> None:
    photo = np.full((300, 600, 3), 128, np.uint8)
    drawn = np.asarray(overlay(photo, synthetic({(4, 6): 0}).attention[0], [], general.spec))
    assert drawn.shape == photo.shape
    red = drawn[..., 0].astype(int) - drawn[..., 1]
    y, x = np.unravel_index(red.argmax(), red.shape)
    assert abs(int(x) - 488) < 40
    assert abs(int(y) - 187) < 40
    assert red[:, :200].max() == 0
