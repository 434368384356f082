"""Views of a picture, and the average of their vectors."""

from collections.abc import Sequence

import numpy as np
import pytest

from ml.runtimes import BadVector, Runtime, open
from ml.runtimes.base import MAX_BATCH
from ml.runtimes.views import VIEWS, averaged, views_of
from ml.spec import LabelTask, ModelSpec, Part
from ml.weights import BUNDLED
from tests.ml.conftest import draw

SPEC = ModelSpec(
    "resnet50", 32, "letterbox", "avg", 12,
    parts=(Part("kind", 8), Part("colour", 4)), labels=(LabelTask("type", "kind", ("light", "dark")),),
)  # fmt: skip


class Corners(Runtime):
    """A network for checking by hand: the shape is the top row's first pixels, the colour the mean of the picture."""

    def __init__(self) -> None:
        self.spec = SPEC
        self.passes: list[int] = []

    def _run(self, images: np.ndarray) -> Sequence[np.ndarray]:
        self.passes.append(len(images))
        values = images.astype(np.float32) + 1
        shape, colour = values[:, 0, :8, 0], values.mean(axis=(1, 2))[:, [0, 1, 2, 0]]
        vectors = np.concatenate([part / np.linalg.norm(part, axis=1, keepdims=True) for part in (shape, colour)], 1)
        vectors[images[:, 0, 0, 0] == 255] = np.nan
        light = values[:, 0, 0, 0] / 256
        return [(vectors / np.sqrt(2)).astype(np.float32), np.stack([light, 1 - light], 1)]


def drawn(count: int) -> list[np.ndarray]:
    return [np.asarray(draw(32, 32, seed=seed)).copy() // 2 for seed in range(count)]  # nowhere 255


def test_a_view_is_the_picture_its_mirror_image_or_the_middle_of_either() -> None:
    (image,) = drawn(1)
    image[0] = 7  # an edge
    picture, mirrored, middle, middle_mirrored = views_of(image[None], 4)
    assert (picture == image).all()
    assert (mirrored == image[:, ::-1]).all()
    assert (middle_mirrored == middle[:, ::-1]).all()
    assert middle.shape == image.shape
    assert not (middle[0] == 7).all(), "the edge is cut off"
    assert (views_of(image[None], 2) == [picture, mirrored]).all()
    assert views_of(image[None], 1) is not None
    assert views_of(np.zeros((0, 32, 32, 3), np.uint8), 4).shape == (0, 32, 32, 3)
    with pytest.raises(ValueError, match="views must be 1, 2, 4, not 3"):
        views_of(image[None], 3)


def test_each_part_is_averaged_separately_and_keeps_its_weight() -> None:
    shapes = np.array([[1, 0], [0, 1]]) / np.sqrt(2)  # two views, and their mean direction below
    vectors = np.zeros((2, 12), np.float32)
    vectors[:, :2], vectors[:, 8] = shapes, 1 / np.sqrt(2)
    (found,) = averaged(vectors, 2, SPEC)
    np.testing.assert_allclose(found[[0, 1, 8]], [0.5, 0.5, 1 / np.sqrt(2)], atol=1e-6)
    assert np.linalg.norm(found) == pytest.approx(1)


@pytest.mark.parametrize("views", VIEWS)
def test_passes_stay_full_and_rows_stay_in_order(views: int) -> None:
    network, pictures = Corners(), drawn(21)
    vectors, labels = network.embed_labelled(pictures, views=views)
    full, rest = divmod(21 * views, MAX_BATCH)
    assert network.passes == [MAX_BATCH] * full + [rest] * bool(rest)
    alone = [network.embed_labelled([picture], views=views) for picture in pictures]
    np.testing.assert_allclose(vectors, [found[0] for found, _ in alone], atol=1e-6)
    np.testing.assert_allclose(labels["type"], [found["type"][0] for _, found in alone], atol=1e-6)
    assert labels["type"].sum(axis=1) == pytest.approx(np.ones(21))
    assert network.embed([], views=views).shape == (0, 12)


def test_one_view_is_what_the_network_gives_to_the_last_bit() -> None:
    network, pictures = Corners(), drawn(3)
    assert (network.embed(pictures) == network._run(np.stack(pictures))[0]).all()


@pytest.mark.parametrize("views", [2, 4])
def test_a_bad_vector_of_any_view_names_the_picture(views: int) -> None:
    pictures = drawn(20)
    pictures[17][0, -1] = 255  # only the mirror image begins with it
    with pytest.raises(BadVector, match="not finite") as caught:
        Corners().embed(pictures, views=views)
    assert caught.value.index == 17


def test_views_that_cancel_each_other_out_make_no_vector() -> None:
    class Opposite(Corners):
        def _run(self, images: np.ndarray) -> Sequence[np.ndarray]:
            vectors, labels = super()._run(images)
            return [vectors * np.resize([1, -1], len(images))[:, None] ** (images[:, 0, :1, 0] == 9), labels]

    pictures = drawn(3)
    pictures[1][:] = 9
    with pytest.raises(BadVector, match="length 0") as caught:
        Opposite().embed(pictures, views=2)
    assert caught.value.index == 1


@pytest.mark.slow
def test_a_picture_and_its_mirror_image_get_one_vector_from_a_real_network() -> None:
    network = open(BUNDLED / "lookalike-fashion-1.onnx", "float")
    side = network.spec.input_size
    picture = np.asarray(draw(side, side, seed=4))
    pair = [picture, picture[:, ::-1]]
    one, two, four = (network.embed(pair, views=views) for views in VIEWS)
    assert one[0] @ one[1] < 0.999
    np.testing.assert_allclose(two[0], two[1], atol=1e-4)
    np.testing.assert_allclose(four[0], four[1], atol=1e-4)
    assert 0.9 < two[0] @ four[0] < 0.9999
