"""Old addresses of products and categories lead to where these are now, whichever way the address was changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from catalog.models import Category, FormerProductSlug, Product
from tests.people.staff import signed_in
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.case


def saved(product: Product, slug: str) -> None:
    product.slug = slug
    product.save()


def bulk(product: Product, slug: str) -> None:
    product.slug = slug
    Product.objects.bulk_update([product], ["slug"])


def in_sql(product: Product, slug: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_product SET slug = %s WHERE id = %s", [slug, product.pk])


def in_the_admin(product: Product, slug: str) -> None:
    client = signed_in(User.objects.create_superuser("ada"))
    fields = {
        "title": product.title, "sku": product.sku, "slug": slug, "category": product.category_id, "currency": "EUR",
        "stock": 1, "published": "on", "attributes": "{}", "price": "20",
        **{f"{prefix}-{name}_FORMS": 0 for prefix in ("images", "pins") for name in ("TOTAL", "INITIAL")},
    }  # fmt: skip
    assert client.post(f"/admin/catalog/product/{product.pk}/change/", fields).status_code == 302


def picture_file() -> SimpleUploadedFile:
    return SimpleUploadedFile("a.jpg", picture(), "image/jpeg")


DOORS: list[Callable[[Product, str], Any]] = [
    saved, bulk, in_sql, in_the_admin, lambda product, slug: Product.objects.filter(pk=product.pk).update(slug=slug),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("change", DOORS)
def test_a_changed_slug_leads_to_the_new_one(
    change: Callable[[Product, str], Any], shop: Shopkeeper, client: Client
) -> None:
    product = shop.product(slug="old")
    change(product, "new")
    answer = client.get("/p/old/?colour=Red")
    assert (answer.status_code, answer["Location"]) == (301, "/p/new/?colour=Red")
    assert answer["Cache-Control"] == "no-cache"  # a slug that changes back must not lead in a circle
    assert client.get("/p/new/").status_code == 200


@pytest.mark.slow
def test_chains_are_one_step_and_changing_back_is_no_circle(shop: Shopkeeper, client: Client) -> None:
    product = shop.product(slug="a")
    for slug in ("b", "c", "a", "d"):
        saved(product, slug)
    for old in ("a", "b", "c"):
        assert client.get(f"/p/{old}/")["Location"] == "/p/d/"
    saved(product, "a")
    assert client.get("/p/a/").status_code == 200
    assert client.get("/p/d/")["Location"] == "/p/a/"


@pytest.mark.slow
def test_a_product_that_takes_an_old_slug_wins(shop: Shopkeeper, client: Client) -> None:
    first = shop.product("First", slug="bag")
    saved(first, "first-bag")
    second = shop.product("Second", slug="bag")
    assert b'<h1 class="product__title">Second' in client.get("/p/bag/").content
    Product.objects.filter(pk=second.pk).update(published=False)
    assert client.get("/p/bag/").status_code == 404  # it is still the second product's address
    second.refresh_from_db()
    saved(second, "second-bag")
    assert client.get("/p/bag/").status_code == 404
    Product.objects.filter(pk=second.pk).update(published=True)
    assert client.get("/p/bag/")["Location"] == "/p/second-bag/"


def test_unpublished_and_deleted_products_are_not_revealed(shop: Shopkeeper, client: Client) -> None:
    product = shop.product(slug="old")
    saved(product, "new")
    Product.objects.filter(pk=product.pk).update(published=False)
    assert client.get("/p/old/").status_code == 404
    product.delete()
    assert client.get("/p/old/").status_code == 404
    assert not FormerProductSlug.objects.exists()


@pytest.mark.parametrize("end", ["", "similar/", "strip/"])
def test_the_api_follows_too(end: str, shop: Shopkeeper, staff_api: APIClient, client: Client) -> None:
    saved(shop.product(slug="old"), "new")
    answer = client.get(f"/api/v1/products/old/{end}?limit=3" if end else "/api/v1/products/old/")
    assert answer.status_code == 301
    assert answer["Location"] == f"/api/v1/products/new/{end}{'?limit=3' if end else ''}"
    upload = staff_api.post("/api/v1/products/old/images/", {"file": picture_file()}, format="multipart")
    assert (upload.status_code, upload["Location"]) == (308, "/api/v1/products/new/images/")


@pytest.mark.slow
def test_a_moved_category_takes_its_subcategories_along(shop: Shopkeeper, client: Client) -> None:
    shop.product(category="clothes/dresses/long")
    dresses = Category.objects.get(address="clothes/dresses")
    staff = signed_in(User.objects.create_superuser("ada"))
    fields = {"name": "Gowns", "slug": "gowns", "treebeard_position": "sorted-child", "treebeard_ref_node": ""}
    answer = staff.post(f"/admin/catalog/category/{dresses.pk}/change/", fields)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert client.get("/c/clothes/dresses/")["Location"] == "/c/gowns/"
    assert client.get("/c/clothes/dresses/long/?page=2")["Location"] == "/c/gowns/long/?page=2"
    listed = client.get("/api/v1/products/?category=clothes/dresses").json()["results"]
    assert [found["category"] for found in listed] == ["gowns/long"]
    shop.category("clothes/dresses")
    assert client.get("/c/clothes/dresses/").status_code == 200


@pytest.mark.slow
def test_pages_name_their_one_address(shop: Shopkeeper, client: Client, settings: Any) -> None:
    settings.PRODUCTS_PER_PAGE = 1
    product = shop.product(slug="dress")
    shop.product()
    for address, canonical in {
        "/p/dress/?colour=Red&utm_source=x": "/p/dress/",
        "/c/clothes/?utm_source=x": "/c/clothes/",
        "/c/clothes/?page=2": "/c/clothes/?page=2",
        "/?viewed=cleared": "/",
    }.items():
        page = client.get(address).content.decode()
        assert f'<link rel="canonical" href="http://testserver{canonical}">' in page, address
    assert product.get_absolute_url() == "/p/dress/"
