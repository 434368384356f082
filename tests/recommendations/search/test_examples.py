"""A product's look-alikes, refined by examples: more like these, less like those."""

from __future__ import annotations

import numpy as np
import pytest

from catalog.models import Product
from ml.spec import ModelSpec
from recommendations.models import EmbeddingModel
from recommendations.search.query_vectors import DISLIKED, LIKED, parts_of, rocchio
from recommendations.search.request import MOST_EXAMPLES, SearchRequest, build_request
from recommendations.search.service import find_similar
from tests.models import SPLIT, WIDE, stated
from tests.shopkeeper import Shopkeeper


def titles(product: Product, more: tuple[int, ...] = (), less: tuple[int, ...] = ()) -> list[str]:
    found = find_similar(product, SearchRequest(9, more=more, less=less))
    return [match.product.title for match in found.matches]


@pytest.fixture
def products(shop: Shopkeeper, plane: EmbeddingModel) -> dict[str, Product]:
    """What is asked for lies between the two sides; the far ones are beyond them."""
    places = {"asking": 0.0, "left": 0.5, "far left": 1.0, "right": -0.45, "far right": -0.95}
    return {name: shop.embedded(plane, name, [np.cos(turn), np.sin(turn), 0]) for name, turn in places.items()}


def test_liked_products_draw_the_results_and_disliked_ones_push_them_away(products: dict[str, Product]) -> None:
    asking = products["asking"]
    assert titles(asking) == ["right", "left", "far right", "far left"]
    assert titles(asking, more=(products["left"].pk,)) == ["right", "far left", "far right"]
    assert titles(asking, less=(products["right"].pk,)) == ["left", "far left", "far right"]
    both = titles(asking, more=(products["far left"].pk,), less=(products["right"].pk,))
    assert both == ["left", "far right"]


def test_an_example_without_a_vector_changes_nothing_but_is_not_shown(
    shop: Shopkeeper, products: dict[str, Product]
) -> None:
    bare = shop.product("bare")
    assert titles(products["asking"], more=(bare.pk,)) == titles(products["asking"])
    assert titles(bare, more=(products["left"].pk,)) == []


def test_refined_results_have_a_match(products: dict[str, Product], plane: EmbeddingModel) -> None:
    stated(plane)
    request = SearchRequest(9, more=(products["left"].pk,))
    found = find_similar(products["asking"], request).matches
    assert all(match.match is not None for match in found)


@pytest.mark.parametrize("spec", [WIDE, SPLIT], ids=["one part", "two parts"])
def test_the_vector_is_rocchios_with_each_part_as_long_as_a_stored_one(spec: ModelSpec) -> None:
    chance = np.random.default_rng(0)
    asking, liked, disliked = (chance.random(spec.dimension).astype(np.float32) for _ in range(3))
    found = rocchio([liked, liked], [disliked], spec, asking)
    wanted = asking + LIKED * liked - DISLIKED * disliked
    parts = list(parts_of(spec).values())
    for part in parts:
        assert np.linalg.norm(found[part]) == pytest.approx(len(parts) ** -0.5, abs=1e-5)
        assert found[part] @ wanted[part] / np.linalg.norm(wanted[part]) == pytest.approx(len(parts) ** -0.5, abs=1e-5)
    assert rocchio([], [disliked], spec, asking) == pytest.approx(rocchio([asking], [disliked], spec), abs=1e-6)
    with pytest.raises(ValueError, match="liked"):
        rocchio([], [disliked], spec)


def test_a_request_takes_each_example_once_and_only_the_first_four(products: dict[str, Product]) -> None:
    every = list(products.values())
    request = build_request({"more": [*every[:2], *every], "less": every[:1]}, default_limit=6)
    assert request.more == tuple(product.pk for product in every[:MOST_EXAMPLES])
    assert request.less == (every[0].pk,)
