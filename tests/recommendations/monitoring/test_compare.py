"""Two models side by side, before the switch."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from catalog.models import Product
from recommendations.models import EmbeddingModel, EmbeddingState, ImageEmbedding, ModelState
from recommendations.monitoring.agreement import overlap, rank_biased_overlap
from recommendations.monitoring.model_comparison import NotComparable, Row, compare, products_of, sample_products
from recommendations.search.request import SearchRequest
from recommendations.search.service import find_similar
from tests.shopkeeper import Shopkeeper

PAGE = "/admin/recommendations/embeddingmodel/compare/"


@pytest.fixture
def other(db: None) -> EmbeddingModel:
    """A ready model of two dimensions, compared by Euclidean distance."""
    return EmbeddingModel.objects.create(
        name="line", source="file", backbone="resnet50", weights_sha256="1" * 64, graph_sha256="1" * 64,
        input_size=40, fit="stretch", pooling="max", dimension=2, metric="euclidean", state=ModelState.READY,
    )  # fmt: skip


Seen = Callable[..., Product]


@pytest.fixture
def seen(shop: Shopkeeper, plane: EmbeddingModel, other: EmbeddingModel) -> Seen:
    """A product whose picture both models have seen, or one of them."""

    def make(title: str, plane_vector: list[float] | None, line_vector: list[float] | None, **fields: Any) -> Product:
        product = shop.product(title, **fields)
        image = shop.image(product)
        for model, vector in ((plane, plane_vector), (other, line_vector)):
            if vector is not None:
                ImageEmbedding.objects.create(
                    image=image, model=model, digest=image.digest, state=EmbeddingState.READY,
                    vector=(np.asarray(vector) / np.linalg.norm(vector)).tolist(), embedded_at=timezone.now(),
                )  # fmt: skip
        return product

    return make


@pytest.fixture
def dress(seen: Seen) -> Product:
    """Three dresses and a boot. By `plane` the gown, the frock and the boot come in this order; by `line` the boot, the
    gown and the frock."""
    product = seen("Red dress", [1, 0, 0], [1, 0], sku="DRESS", category="dresses", attributes={"colour": "Red"})
    seen(
        "Maroon gown", [9, 1, 0], [9, 2], sku="GOWN", category="dresses", attributes={"colour": "Maroon"},
        price=Decimal("15.00"),
    )  # fmt: skip
    seen(
        "Blue frock", [9, 2, 0], [9, 3], sku="FROCK", category="dresses", attributes={"colour": "Blue"},
        price=Decimal("90.00"),
    )  # fmt: skip
    seen("Boot", [9, 3, 0], [9, 1], sku="BOOT", category="boots", price=Decimal("20.00"))
    return product


def skus(row: Row, side: int) -> list[str]:
    return [one.match.product.sku for one in row.sides[side].shown]


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("embedding_models", "compare", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


# Numbers


def test_overlap_is_the_share_of_the_longer_list() -> None:
    assert overlap("abcd", "badc") == 1.0
    assert overlap("abcd", "abxy") == 0.5
    assert overlap("ab", "abcd") == 0.5
    assert overlap("", "ab") == 0.0
    assert overlap("", "") is None


def test_rank_biased_overlap_on_numbers_worked_by_hand() -> None:
    assert rank_biased_overlap("abc", "abc") == pytest.approx(1.0)
    assert rank_biased_overlap("abc", "xyz") == 0.0
    assert rank_biased_overlap("abc", "") is None
    # p = 1/2; agreement at depths 1, 2: 0/1, 2/2. (1-p)/p · (0 + 1·1/4) + 1·1/4
    assert rank_biased_overlap("ab", "ba", 0.5) == pytest.approx(0.5)
    # The top counts for more than the bottom: 1/1, 1/2, and 0/1, 1/2.
    assert rank_biased_overlap("ab", "ax", 0.5) == pytest.approx(1 / 2 + 1 / 8 + 1 / 8)
    assert rank_biased_overlap("ab", "xb", 0.5) == pytest.approx(1 / 8 + 1 / 8)


def test_rank_biased_overlap_of_lists_of_different_lengths() -> None:
    # A list that says no more is taken to agree below as it did so far: 1/1, then (1 + 1)/2 of the second depth.
    assert rank_biased_overlap("a", "ab", 0.5) == pytest.approx(1.0)
    assert rank_biased_overlap("ab", "a", 0.5) == pytest.approx(1.0), "either way round"
    assert rank_biased_overlap("x", "ab", 0.5) == 0.0


# Comparing


def test_each_model_answers_for_itself_and_agreements_are_marked(
    dress: Product, plane: EmbeddingModel, other: EmbeddingModel
) -> None:
    (row,) = compare(plane, other, [dress], 2).rows
    assert skus(row, 0) == ["GOWN", "FROCK"]
    assert skus(row, 1) == ["BOOT", "GOWN"]
    gown, frock = row.sides[0].shown
    assert (gown.rank, gown.elsewhere, gown.same_type, gown.same_colour) == (1, 2, True, True), "maroon is a red"
    assert (frock.elsewhere, frock.same_colour) == (None, False)
    boot = row.sides[1].shown[0]
    assert (boot.same_type, boot.same_colour) == (False, None), "no colour is known of it"
    assert (row.common, row.most, row.overlap) == (1, 2, 0.5)
    assert [side.same_type for side in row.sides] == [1.0, 0.5]
    assert [side.colour for side in row.sides] == [0.5, 1.0], "of those that have one"
    assert boot.match.score == pytest.approx(9 / np.sqrt(82), abs=1e-3), "a cosine under either metric"


def test_nothing_changes_for_shoppers_while_models_are_compared(
    dress: Product, plane: EmbeddingModel, other: EmbeddingModel
) -> None:
    assert find_similar(dress, SearchRequest(1), model=other).model == other
    compare(plane, other, [dress], 2)
    found = find_similar(dress, SearchRequest(1))
    assert (found.model, found.matches[0].product.sku) == (plane, "GOWN")


def test_the_price_limit_is_tried_on_both(dress: Product, plane: EmbeddingModel, other: EmbeddingModel) -> None:
    (row,) = compare(plane, other, [dress], 3).rows
    for side in row.sides:
        assert side.within_price is not None
        assert side.within_price.to_json() == {
            "price_max": "20.00", "found": 2, "due": 2, "dearer": 0, "kept": True
        }, "the frock costs 90"  # fmt: skip
    dress.price = None
    (row,) = compare(plane, other, [dress], 3).rows
    assert [side.within_price for side in row.sides] == [None, None]


@pytest.mark.slow
def test_a_product_that_one_model_has_no_vector_of_says_so(
    seen: Seen, dress: Product, plane: EmbeddingModel, other: EmbeddingModel
) -> None:
    fresh = seen("Fresh", [9, 4, 0], None, sku="FRESH")
    (row,) = compare(plane, other, [fresh], 3).rows
    assert [side.embedded for side in row.sides] == [True, False]
    assert (row.overlap, row.rbo) == (0.0, None)
    assert fresh not in sample_products(plane, other, 10)
    assert "no vector from line" in run("plane", "line", "--sku", "FRESH")


@pytest.mark.slow
def test_totals_are_means_over_the_products(dress: Product, plane: EmbeddingModel, other: EmbeddingModel) -> None:
    products, unknown = products_of(["DRESS", "nope", "BOOT", "DRESS"])
    assert ([product.sku for product in products], unknown) == (["DRESS", "BOOT"], ["nope"])
    found = compare(plane, other, products, 2)
    assert found.overlap == np.mean([row.overlap for row in found.rows])
    first, second = found.totals
    assert (first.same_type, second.same_type) == (0.5, 0.25), "nothing else is a boot"
    assert (first.prices_kept, first.prices_asked) == (2, 2)


@pytest.mark.slow
def test_products_are_drawn_by_lot_and_again_the_same(seen: Seen, plane: EmbeddingModel, other: EmbeddingModel) -> None:
    made = {seen(f"Thing {number}", [1, number, 0], [1, number]).pk for number in range(12)}
    seen("Hidden", [1, 0, 0], [1, 0], published=False)
    drawn = [[product.pk for product in sample_products(plane, other, 5, seed)] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 5
    assert set(drawn[0]) | set(drawn[2]) <= made
    assert len(sample_products(plane, other, 50)) == 12


def test_models_without_vectors_are_not_compared(dress: Product, plane: EmbeddingModel, other: EmbeddingModel) -> None:
    with pytest.raises(NotComparable, match="two different"):
        compare(plane, plane, [dress], 3)
    EmbeddingModel.objects.filter(pk=other.pk).update(state=ModelState.DRAFT)
    other.refresh_from_db()
    with pytest.raises(NotComparable, match=r"line has no vectors \(it is draft\)"):
        compare(plane, other, [dress], 3)
    with pytest.raises(CommandError, match="build line"):
        run("plane", "line")


# In a terminal


def test_the_table_has_both_answers_side_by_side(dress: Product) -> None:
    said = run("plane", "line", "--sku", "DRESS", "-k", "2")
    assert "DRESS  Red dress · Dresses · Red · 20.00 USD" in said
    lines = [line for line in said.splitlines() if re.match(r" +\d  ", line)]
    assert [re.findall(r"GOWN|FROCK|BOOT", line) for line in lines] == [["GOWN", "BOOT"], ["FROCK", "GOWN"]]
    assert "1  =tc  GOWN" in lines[0]
    assert "1 of 2 found by both" in said
    assert "same type 100 % | 50 %; same colour 50 % | 100 %; within 20.00 USD: 2 of 2 | 2 of 2" in said
    assert "1 product: 50 % found by both" in said
    assert "line: same type 50 %, same colour 100 %, within price limit 1 of 1." in said


@pytest.mark.slow
def test_programs_get_the_same_as_json(dress: Product) -> None:
    found = json.loads(run("plane", "line", "--sample", "3", "-k", "2", "--json"))
    assert (found["k"], found["products"]) == (2, 3)
    assert [model["model"] for model in found["models"]] == ["plane", "line"]
    row = next(row for row in json.loads(run("plane", "line", "-k", "2", "--json"))["rows"] if row["sku"] == "DRESS")
    assert [[one["sku"] for one in side["results"]] for side in row["sides"]] == [["GOWN", "FROCK"], ["BOOT", "GOWN"]]
    assert row["sides"][0]["results"][0]["other_rank"] == 2


def test_what_is_not_there_is_named(dress: Product) -> None:
    with pytest.raises(CommandError, match="SKU nope, gone"):
        run("plane", "line", "--sku", "nope", "--sku", "gone")
    with pytest.raises(CommandError, match="no model 'nope'"):
        run("plane", "nope")


def test_a_shop_whose_models_have_no_picture_in_common_says_so(plane: EmbeddingModel, other: EmbeddingModel) -> None:
    with pytest.raises(CommandError, match="No product has a vector from both plane and line"):
        run("plane", "line")


# In the admin


@pytest.mark.slow
def test_the_page_compares_the_active_model_with_the_other_by_itself(dress: Product, admin_client: Client) -> None:
    assert PAGE in admin_client.get("/admin/recommendations/embeddingmodel/").content.decode()
    page = admin_client.get(PAGE).content.decode()
    assert page.index("Similar items found by plane") < page.index("Similar items found by line")
    assert page.count('class="compare-row"') == 4
    assert "4 products, 6 look-alikes each" in page
    assert "same rank" in page


@pytest.mark.slow
def test_the_page_shows_the_products_named(dress: Product, other: EmbeddingModel, admin_client: Client) -> None:
    asked = {"sku": "DRESS, nope", "k": 6, "first": other.pk, "second": EmbeddingModel.objects.get(name="plane").pk}
    page = admin_client.get(PAGE, asked).content.decode()
    assert page.index("Similar items found by line") < page.index("Similar items found by plane")
    assert page.count('class="compare-row"') == 1
    assert "No product has the SKU nope." in page
    assert "rank 3 in the other" in page
    assert "Try other products" not in page


@pytest.mark.slow
def test_the_page_names_what_a_model_in_the_making_lacks(
    seen: Seen, dress: Product, other: EmbeddingModel, admin_client: Client
) -> None:
    EmbeddingModel.objects.filter(pk=other.pk).update(state=ModelState.BUILDING)
    seen("Fresh", [9, 4, 0], None, sku="FRESH")
    page = admin_client.get(PAGE, {"sku": "FRESH"}).content.decode()
    assert "line (building, 80 % of the pictures)" in page
    assert "line (building) has vectors for 4 of 5 pictures" in page
    assert "line has no vector for this product" in page


@pytest.mark.slow
def test_the_page_without_two_models_says_how_to_make_one(plane: EmbeddingModel, admin_client: Client) -> None:
    page = admin_client.get(PAGE).content.decode()
    assert "There is no model to compare plane with" in page
    assert "embedding_models add" in page


def test_the_page_without_pictures_says_so(plane: EmbeddingModel, other: EmbeddingModel, admin_client: Client) -> None:
    assert "No products to compare" in admin_client.get(PAGE).content.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"first": "1", "second": "0"}, "Select a valid choice"),
        ({"first": "x"}, "Select a valid choice"),
        ({"k": "5000"}, "Select a valid choice"),
        ({"sku": "A B, " * 30}, "Enter at most 20 SKUs."),
        ({"sku": "A\0B"}, "Null characters are not allowed"),
        ({"seed": "-1"}, "Seed: Ensure this value"),
    ],
)
def test_nonsense_in_the_address_is_an_error_beside_its_field(
    dress: Product, admin_client: Client, asked: dict[str, str], sentence: str
) -> None:
    response = admin_client.get(PAGE, asked)
    assert response.status_code == 200
    assert sentence in response.content.decode()
    assert "compare-row" not in response.content.decode()


@pytest.mark.slow
def test_the_same_model_twice_is_an_error(dress: Product, plane: EmbeddingModel, admin_client: Client) -> None:
    page = admin_client.get(PAGE, {"first": plane.pk, "second": plane.pk}).content.decode()
    assert "Choose two different models." in page


@pytest.mark.slow
def test_only_staff_who_may_see_models_see_the_page(dress: Product, client: Client) -> None:
    assert client.get(PAGE).url.startswith("/admin/login/")  # type: ignore[attr-defined]
    clerk = User.objects.create_user("clerk", password="x", is_staff=True)
    client.force_login(clerk)
    assert client.get(PAGE).status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_embeddingmodel"))
    assert client.get(PAGE).status_code == 200
