from __future__ import annotations

import re
from math import cos, sin
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client

from catalog.models import Product
from recommendations.models import MOST_BOOST, EmbeddingModel, ModelState, Pin, Rule, Veto
from recommendations.strips.curation import curation_for, set_vetoes
from recommendations.strips.product_strip import Arrangement, product_strip
from tests.shopkeeper import Shopkeeper

PLAIN = Arrangement(category=0.0, gender=0.0, variety=0.0)


def titles(product: Product, limit: int = 6) -> list[str]:
    return [match.product.title for match in product_strip(product, limit, PLAIN).matches]


@pytest.fixture
def dresses(shop: Shopkeeper, plane: EmbeddingModel) -> dict[str, Product]:
    """Products that are less and less similar to "red"."""
    made = {"red": shop.embedded(plane, "red", [1, 0, 0], category="clothes/dresses", brand="Kestrel")}
    for place, title in enumerate(("scarlet", "crimson", "pink"), start=1):
        made[title] = shop.embedded(plane, title, [1, place * 0.15, 0], category="clothes/dresses", brand="Tindra")
    made["boot"] = shop.embedded(plane, "boot", [1, 0.6, 0], category="shoes", brand="Kestrel")
    return made


# Vetoes


@pytest.mark.slow
def test_a_veto_applies_on_both_pages(dresses: dict[str, Product]) -> None:
    set_vetoes(dresses["scarlet"], [dresses["red"]])
    assert titles(dresses["red"]) == ["crimson", "pink", "boot"]
    assert "red" not in titles(dresses["scarlet"])
    set_vetoes(dresses["red"], [])
    assert titles(dresses["red"])[0] == "scarlet"


def test_a_veto_applies_to_every_source(shop: Shopkeeper) -> None:
    red, other = shop.product("red"), shop.product("other")
    Pin.objects.create(product=red, shown=other)
    set_vetoes(red, [other])
    assert titles(red) == []


@pytest.mark.slow
def test_a_veto_survives_new_pictures_and_another_model(
    shop: Shopkeeper, dresses: dict[str, Product], plane: EmbeddingModel
) -> None:
    set_vetoes(dresses["red"], [dresses["scarlet"]])
    plane.embeddings.all().delete()
    EmbeddingModel.objects.filter(pk=plane.pk).update(state=ModelState.RETIRED)
    next_model = EmbeddingModel.objects.create(
        name="next", source="file", backbone="resnet50", weights_sha256="1" * 64, graph_sha256="1" * 64,
        input_size=80, fit="letterbox", pooling="avg", dimension=2, state=ModelState.ACTIVE,
    )  # fmt: skip
    for place, product in enumerate(dresses.values()):
        image = product.images.get()
        image.embeddings.create(
            model=next_model,
            digest=image.digest,
            state="ready",
            vector=[cos(place / 7), sin(place / 7)],
            embedded_at=product.created_at,
        )
    found = product_strip(dresses["red"], 6, PLAIN)
    assert found.model == next_model
    assert [match.product.title for match in found.matches] == ["crimson", "pink", "boot"]


def test_vetoes_are_replaced_as_a_whole_and_stored_once(dresses: dict[str, Product]) -> None:
    red, scarlet, crimson, pink = (dresses[title] for title in ("red", "scarlet", "crimson", "pink"))
    set_vetoes(pink, [crimson])
    set_vetoes(red, [scarlet, crimson])
    set_vetoes(crimson, [red, pink])
    assert sorted(Veto.objects.values_list("a", "b")) == [
        (red.pk, scarlet.pk), (red.pk, crimson.pk), (crimson.pk, pink.pk),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="itself"):
        set_vetoes(red, [red])
    for pair in ((scarlet, red), (red, red), (red, scarlet)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Veto.objects.create(a=pair[0], b=pair[1])
    scarlet.delete()
    assert Veto.objects.count() == 2


# Rules


@pytest.mark.slow
def test_a_rule_never_shows_a_category_with_all_below_it(shop: Shopkeeper, dresses: dict[str, Product]) -> None:
    Rule.objects.create(effect="exclude", category=shop.category("clothes"))
    assert titles(dresses["red"]) == ["boot"]


@pytest.mark.slow
def test_a_rule_never_shows_a_brand_or_a_brand_within_a_category(shop: Shopkeeper, dresses: dict[str, Product]) -> None:
    rule = Rule.objects.create(effect="exclude", brand="Kestrel")
    assert titles(dresses["pink"]) == ["crimson", "scarlet"]
    Rule.objects.filter(pk=rule.pk).update(category=shop.category("shoes"))
    assert titles(dresses["pink"]) == ["crimson", "scarlet", "red"]
    Rule.objects.filter(pk=rule.pk).update(active=False)
    assert "boot" in titles(dresses["pink"])


@pytest.mark.slow
def test_a_rule_may_apply_next_to_one_category_only(shop: Shopkeeper, dresses: dict[str, Product]) -> None:
    Rule.objects.create(effect="exclude", category=shop.category("shoes"), beside=shop.category("clothes"))
    shop.product("sandal", category="shoes")
    assert "boot" not in titles(dresses["red"])
    assert "sandal" not in titles(dresses["red"])
    assert "sandal" in titles(dresses["boot"])


def test_a_pin_outweighs_a_rule(shop: Shopkeeper, dresses: dict[str, Product]) -> None:
    Rule.objects.create(effect="exclude", category=shop.category("shoes"))
    Pin.objects.create(product=dresses["red"], shown=dresses["boot"])
    assert titles(dresses["red"], 2) == ["boot", "scarlet"]


@pytest.mark.slow
def test_a_rule_moves_what_looks_alike_forwards_and_back(shop: Shopkeeper, dresses: dict[str, Product]) -> None:
    rule = Rule.objects.create(effect="boost", boost=0.2, category=shop.category("shoes"))
    assert titles(dresses["red"]) == ["boot", "scarlet", "crimson", "pink"]
    (boot,) = product_strip(dresses["red"], 1, PLAIN).matches
    assert boot.score == pytest.approx(1.36**-0.5, abs=1e-3), "still the cosine"
    Rule.objects.filter(pk=rule.pk).update(boost=-0.2, category=None, brand="Tindra")
    assert titles(dresses["red"]) == ["boot", "scarlet", "crimson", "pink"]
    Rule.objects.filter(pk=rule.pk).update(boost=-0.2, brand="Kestrel")
    assert titles(dresses["red"]) == ["scarlet", "crimson", "pink", "boot"]


def test_a_rule_moves_what_fills_up_too(shop: Shopkeeper) -> None:
    red = shop.product("red")
    shop.product("older", brand="Tindra")
    shop.product("newer")
    assert titles(red) == ["newer", "older"]
    Rule.objects.create(effect="boost", boost=0.1, brand="Tindra")
    assert titles(red) == ["older", "newer"]


def test_several_rules_move_no_further_than_one_may(shop: Shopkeeper, dresses: dict[str, Product]) -> None:
    for _ in range(3):
        Rule.objects.create(effect="boost", boost=0.15, brand="Kestrel")
    assert curation_for(dresses["red"]).moved([dresses["boot"], dresses["pink"]]).tolist() == [MOST_BOOST, 0.0]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"effect": "exclude"}, "Enter a category, a brand or both"),
        ({"effect": "exclude", "brand": "Tindra", "boost": 0.1}, "A boost needs a value"),
        ({"effect": "boost", "brand": "Tindra"}, "A boost needs a value"),
        ({"effect": "boost", "brand": "Tindra", "boost": 0.5}, "less than or equal to 0.2"),
        ({"effect": "boost", "brand": "Tindra", "boost": -0.5}, "greater than or equal to -0.2"),
    ],
)
def test_an_invalid_rule_is_refused(db: None, fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Rule(**fields).full_clean()


def test_rules_read_as_sentences(shop: Shopkeeper) -> None:
    shoes, clothes = shop.category("shoes"), shop.category("clothes")
    assert str(Rule(effect="exclude", category=shoes, brand="Tindra", beside=clothes)) == (
        "Never show Tindra in Shoes on pages in Clothes"
    )
    assert str(Rule(effect="boost", brand="Tindra", boost=-0.1)) == "Show Tindra later"


# The admin


def form(product: Product, *pins: tuple[Product | int, int], **fields: Any) -> dict[str, Any]:
    posted = {
        "title": product.title, "sku": product.sku, "slug": product.slug, "category": product.category_id,
        "price": "20", "currency": "USD", "stock": "1", "published": "on", "attributes": "{}",
        "images-TOTAL_FORMS": "0", "images-INITIAL_FORMS": "0",
        "pins-TOTAL_FORMS": str(len(pins)), "pins-INITIAL_FORMS": "0",
    }  # fmt: skip
    for place, (shown, position) in enumerate(pins):
        posted |= {f"pins-{place}-shown": getattr(shown, "pk", shown), f"pins-{place}-position": position}
        posted |= {f"pins-{place}-product": product.pk, f"pins-{place}-id": ""}
    return posted | fields


def save(client: Client, product: Product, *pins: tuple[Product | int, int], **fields: Any) -> str:
    """The form's error messages; empty if it was saved."""
    response = client.post(f"/admin/catalog/product/{product.pk}/change/", form(product, *pins, **fields))
    return "" if response.status_code == 302 else response.content.decode()


@pytest.mark.slow
def test_staff_pin_in_an_order_and_veto(
    shop: Shopkeeper, admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    red, first, second, never = (shop.product(title) for title in ("red", "first", "second", "never"))
    assert save(admin_client, red, (second, 2), (first, 1), never_with=[never.pk]) == ""
    assert titles(red) == ["first", "second"]
    page = admin_client.get(f"/admin/catalog/product/{red.pk}/change/").content.decode()
    assert re.search(rf'<option value="{never.pk}" selected[^>]*>\s*never', page)
    its_page = admin_client.get(f"/admin/catalog/product/{never.pk}/change/").content.decode()
    assert re.search(rf'<option value="{red.pk}" selected[^>]*>\s*red', its_page), "seen from the other side"
    assert save(admin_client, never) == ""
    assert titles(red) == ["first", "second", "never"]


@pytest.mark.slow
def test_the_form_says_which_pins_are_not_shown(shop: Shopkeeper, admin_client: Client) -> None:
    red = shop.product("red")
    vetoed = shop.product("vetoed")
    for position, shown in enumerate((shop.product("gone", stock=0), shop.product("hidden", published=False), vetoed)):
        Pin.objects.create(product=red, shown=shown, position=position)
    set_vetoes(vetoed, [red])
    page = admin_client.get(f"/admin/catalog/product/{red.pk}/change/").content.decode()
    assert "Sold out: shown only if" in page
    assert "Hidden: not published" in page
    assert page.count("Hidden: never shown with this product") == 1


def test_a_veto_from_the_other_side_does_not_lock_a_product_with_that_pin(
    shop: Shopkeeper, admin_client: Client
) -> None:
    red, other = shop.product("red"), shop.product("other")
    pin = Pin.objects.create(product=red, shown=other)
    set_vetoes(other, [red])
    fields = {"pins-INITIAL_FORMS": "1", "pins-0-id": pin.pk, "title": "renamed", "never_with": [other.pk]}
    assert save(admin_client, red, (other, 0), **fields) == ""
    assert Product.objects.get(pk=red.pk).title == "renamed"
    assert titles(red) == []


@pytest.mark.slow
def test_invalid_pins_and_vetoes_are_refused_in_plain_words(shop: Shopkeeper, admin_client: Client) -> None:
    red, other, vetoed = shop.product("red"), shop.product("other"), shop.product("vetoed")
    set_vetoes(red, [vetoed])
    assert "A product cannot be pinned to itself." in save(admin_client, red, (red, 0), never_with=[vetoed.pk])
    assert "This product is pinned twice." in save(admin_client, red, (other, 0), (other, 1), never_with=[vetoed.pk])
    assert "never shown together" in save(admin_client, red, (vetoed, 0), never_with=[vetoed.pk])
    assert "never appears in its own similar items" in save(admin_client, red, never_with=[red.pk])
    assert not Pin.objects.exists()
    assert Veto.objects.count() == 1


def test_a_new_product_may_have_pins_and_vetoes_at_once(shop: Shopkeeper, admin_client: Client) -> None:
    other, never = shop.product("other"), shop.product("never")
    made = Product(title="new", sku="NEW", category=other.category)
    fields = form(made, (other, 0), never_with=[never.pk])
    assert admin_client.post("/admin/catalog/product/add/", fields | {"pins-0-product": ""}).status_code == 302
    assert titles(Product.objects.get(sku="NEW")) == ["other"]


@pytest.mark.slow
def test_staff_write_rules(shop: Shopkeeper, admin_client: Client) -> None:
    shoes = shop.category("shoes")
    url = "/admin/recommendations/rule/add/"
    empty = admin_client.post(url, {"effect": "exclude", "active": "on"})
    assert "Enter a category, a brand or both" in empty.content.decode()
    assert admin_client.post(url, {"effect": "exclude", "category": shoes.pk, "active": "on"}).status_code == 302
    assert admin_client.get(url).status_code == 200
    assert "Never show Shoes" in admin_client.get("/admin/recommendations/rule/").content.decode()


@pytest.mark.slow
def test_a_rule_that_matches_nothing_warns(shop: Shopkeeper, admin_client: Client) -> None:
    shop.product("red", brand="Tindra")
    said = "No published product matches this"
    for brand, says in (("Tindra", False), ("tindra", True)):
        fields = {"effect": "exclude", "brand": brand, "active": "on"}
        page = admin_client.post("/admin/recommendations/rule/add/", fields, follow=True).content.decode()
        assert (said in page) is says


def test_pages_of_rules_and_pins_are_for_staff(shop: Shopkeeper, client: Client) -> None:
    client.force_login(User.objects.create_user("customer"))
    assert client.get("/admin/recommendations/rule/").status_code == 302
