"""No admin page answers 500 to a malformed address, or to odd text in its forms."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from tests.catalog.test_attributes import form_of
from tests.shopkeeper import Shopkeeper

ODD = ["abc", "%00", "-1", "9" * 30, "1,2,abc", "%0a", "NaN", "%ed%a0%80", "[]", "x" * 3000, ""]


@pytest.fixture
def staff(admin_client: Client) -> Client:
    admin_client.raise_request_exception = False
    return admin_client


def models() -> list[type[Model]]:
    return sorted(admin.site._registry, key=lambda model: model._meta.label)


def fields_of(model: type[Model]) -> list[str]:
    found = [field.name for field in model._meta.get_fields()]
    return [*found, "never_with", "new_pictures", "treebeard_ref_node", "treebeard_position", "_popup"]


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.parametrize("model", models(), ids=lambda model: model._meta.label)
def test_pages_to_add_something_pass_over_odd_values(staff: Client, shop: Shopkeeper, model: type[Model]) -> None:
    shop.product()
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") + "add/"
    for value in ODD:  # all in one request, because each page takes a while
        query = "&".join(f"{name}={value}" for name in fields_of(model))
        assert staff.get(f"{address}?{query}").status_code in {200, 302, 400, 403, 404}, value


@pytest.mark.slow
def test_a_page_to_add_a_product_keeps_what_makes_sense(staff: Client, shop: Shopkeeper) -> None:
    category = shop.category("clothes")
    page = staff.get(f"/admin/catalog/product/add/?category={category.pk}&title=Red&price=abc")
    initial = page.context["adminform"].form.initial
    assert (initial["category"], initial["title"]) == (str(category.pk), "Red")
    assert "price" not in initial


@pytest.mark.slow
@pytest.mark.parametrize("model", models(), ids=lambda model: model._meta.label)
def test_lists_pass_over_odd_filters(staff: Client, shop: Shopkeeper, model: type[Model]) -> None:
    shop.product()
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    names = ["q", "p", "o", "all", "e", "_facets", "_popup", "_to_field", "unknown"]
    names += [f"{name}{lookup}" for name in fields_of(model)[:12] for lookup in ("", "__exact", "__id__exact", "__in")]
    for value in ODD[:4]:
        for some in (names[:5], names[5:9], names[9:]):
            query = "&".join(f"{name}={value}" for name in some)
            assert staff.get(f"{address}?{query}").status_code in {200, 302, 400, 403, 404}, (some, value)


@pytest.mark.slow
@pytest.mark.parametrize("model", models(), ids=lambda model: model._meta.label)
@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_what_does_not_exist_is_not_found(staff: Client, model: type[Model], page: str) -> None:
    for key in ("abc", "_00", "-1", "9" * 30):
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert staff.get(f"{address}{key}/{page}/").status_code in {302, 403, 404}


@pytest.mark.slow
@pytest.mark.parametrize("query", ["", "term=%00", "term=a&app_label=%00", "app_label=catalog&model_name=x"])
def test_autocompletion_refuses_odd_questions(staff: Client, query: str) -> None:
    known = "app_label=recommendations&model_name=pin&field_name=shown"
    assert staff.get(f"/admin/autocomplete/?{query}").status_code in {400, 403, 404}
    for term in ODD:
        assert staff.get(f"/admin/autocomplete/?{known}&term={term}").status_code in {200, 400}
        assert staff.get(f"/admin/autocomplete/?{known}&page={term}").status_code in {200, 400, 404}


TEXTS = ["a\0b", "x" * 300, "9" * 5000]


@pytest.mark.slow
@pytest.mark.parametrize("text", [*TEXTS, "word " * 260_000], ids=lambda text: repr(text[:8]))
def test_odd_text_in_the_form_of_a_product_is_a_form_error(staff: Client, shop: Shopkeeper, text: str) -> None:
    product = shop.product()
    address = f"/admin/catalog/product/{product.pk}/change/"
    for name in form_of(product):
        if name.endswith("_FORMS"):
            continue
        response = staff.post(address, form_of(product, **{name: text}))
        assert response.status_code in {200, 302}, name
        if response.status_code == 200:
            assert name in response.context["adminform"].form.errors, name


@pytest.mark.slow
@pytest.mark.case
def test_a_description_that_postgres_could_not_index_is_named(staff: Client, shop: Shopkeeper) -> None:
    product = shop.product()
    words = " ".join(f"w{number:x}" for number in range(200_000))
    response = staff.post(f"/admin/catalog/product/{product.pk}/change/", form_of(product, description=words))
    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == ["description"]


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.parametrize("prices", [("", "20"), ("20", "20"), ("30", "20")])
def test_a_former_price_must_be_above_a_price(staff: Client, shop: Shopkeeper, prices: tuple[str, str]) -> None:
    product = shop.product()
    fields = {"price": prices[0], "compare_at_price": prices[1]}
    response = staff.post(f"/admin/catalog/product/{product.pk}/change/", form_of(product, **fields))
    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == ["compare_at_price"]


@pytest.mark.slow
@pytest.mark.parametrize("text", [*TEXTS, "", " "], ids=lambda text: repr(text[:8]))
def test_odd_text_in_the_form_of_a_category_is_a_form_error(staff: Client, shop: Shopkeeper, text: str) -> None:
    category = shop.category("clothes")
    for name in ("name", "slug", "treebeard_position", "treebeard_ref_node"):
        fields: dict[str, Any] = {"name": "Shoes", "slug": "", "treebeard_position": "sorted-child"}
        fields |= {"treebeard_ref_node": category.pk, name: text}
        assert staff.post("/admin/catalog/category/add/", fields).status_code in {200, 302}, name


@pytest.mark.slow
@pytest.mark.parametrize("text", [*TEXTS, "", "abc", "NaN", "1e400", "-1"], ids=lambda text: repr(text[:8]))
def test_odd_text_in_the_form_of_a_rule_is_a_form_error(staff: Client, shop: Shopkeeper, text: str) -> None:
    for name in ("effect", "boost", "brand", "category", "beside"):
        fields = {"effect": "boost", "boost": "0.5", "active": "on", "brand": "Acme", name: text}
        assert staff.post("/admin/recommendations/rule/add/", fields).status_code in {200, 302}, name


@pytest.mark.slow
@pytest.mark.parametrize("text", ["a\0b", "abc", "-1", "9" * 30, "NaN"])
def test_odd_text_among_pins_and_vetoes_is_a_form_error(staff: Client, shop: Shopkeeper, text: str) -> None:
    product, other = shop.product(), shop.product()
    pin = {"pins-TOTAL_FORMS": 1, "pins-0-shown": other.pk, "pins-0-position": 0, "pins-0-product": product.pk}
    for name in ("pins-0-shown", "pins-0-position", "pins-0-product", "pins-0-id", "never_with", "pins-TOTAL_FORMS"):
        response = staff.post(f"/admin/catalog/product/{product.pk}/change/", form_of(product, **pin | {name: text}))
        assert response.status_code in {200, 302}, name
