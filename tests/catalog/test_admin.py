from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from catalog.models import Category, Product
from recommendations.embeddings import claims
from recommendations.models import EmbeddingModel, ImageEmbedding
from tests.pictures import many_pixels, picture
from tests.shopkeeper import Shopkeeper

ADD = "/admin/catalog/product/add/"


def form(shop: Shopkeeper, **fields: Any) -> dict[str, Any]:
    return {
        "title": "New dress", "sku": "NEW", "category": shop.category().pk, "price": "20", "currency": "USD",
        "stock": "1", "published": "on", "attributes": "{}",
        "images-TOTAL_FORMS": "0", "images-INITIAL_FORMS": "0", "pins-TOTAL_FORMS": "0", "pins-INITIAL_FORMS": "0",
    } | fields  # fmt: skip


def photo(data: bytes, name: str = "a.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, "image/jpeg")


def test_staff_create_a_product_with_several_pictures_at_once(shop: Shopkeeper, admin_client: Client) -> None:
    uploads = [photo(picture(colour)) for colour in ("red", "green", "blue")]
    response = admin_client.post(ADD, form(shop, new_pictures=uploads))
    assert response.status_code == 302, re.findall(r"errorlist.*?</ul>", response.content.decode(), re.S)
    assert Product.objects.get(sku="NEW").images.count() == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "sentence"),
    [(b"", "empty"), (b"text", "not"), (picture()[:400], "damaged"), (many_pixels(), "pixels")],
    ids=["empty", "text", "truncated", "bomb"],
)
def test_one_bad_picture_is_a_form_error_and_nothing_is_half_written(
    shop: Shopkeeper, admin_client: Client, data: bytes, sentence: str
) -> None:
    response = admin_client.post(ADD, form(shop, new_pictures=[photo(picture()), photo(data, "bad.jpg")]))
    assert response.status_code == 200
    assert "bad.jpg: " in response.content.decode()
    assert sentence in response.content.decode()
    assert not Product.objects.exists()


@pytest.mark.slow
def test_a_picture_that_is_there_already_is_a_warning(shop: Shopkeeper, admin_client: Client) -> None:
    product = shop.product()
    image = shop.image(product, picture("red"))
    fields = form(
        shop, title=product.title, sku=product.sku, slug=product.slug, new_pictures=[photo(picture("red"))],
        **{
            "images-TOTAL_FORMS": "1", "images-INITIAL_FORMS": "1", "images-0-id": image.pk,
            "images-0-product": product.pk, "images-0-position": "0", "images-0-alt": "",
        },
    )  # fmt: skip
    response = admin_client.post(f"/admin/catalog/product/{product.pk}/change/", fields, follow=True)
    assert "already has this picture" in response.content.decode()
    assert product.images.count() == 1


@pytest.mark.slow
def test_lists_cost_the_same_however_long(
    shop: Shopkeeper, admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(8):
        shop.image(shop.product())
    with django_assert_max_num_queries(12):
        assert admin_client.get("/admin/catalog/product/").status_code == 200


@pytest.mark.slow
def test_the_form_says_of_each_picture_whether_it_is_searchable(
    shop: Shopkeeper, admin_client: Client, plane: EmbeddingModel
) -> None:
    product = shop.embedded(plane, "red", [1, 0, 0])
    shop.image(product)
    failed = shop.image(product)
    ImageEmbedding.objects.create(
        image=failed, model=plane, digest=failed.digest, state="failed", error_code="corrupt", error="Damaged."
    )
    page = admin_client.get(f"/admin/catalog/product/{product.pk}/change/").content.decode()
    assert "Ready" in page
    assert "Pending: appears in a moment" in page
    assert "Failed, not in similar items: Damaged. [corrupt]" in page


@pytest.mark.slow
def test_failed_embeddings_are_tried_again_from_their_list(
    shop: Shopkeeper, admin_client: Client, plane: EmbeddingModel
) -> None:
    image = shop.image(shop.product())
    claims.add_missing_rows(plane)
    claims.store_failures([(claims.claim_batch(plane, 1)[0], "corrupt", "Damaged.")])
    row = ImageEmbedding.objects.get(image=image)
    url = "/admin/recommendations/imageembedding/"
    assert "corrupt" in admin_client.get(url).content.decode()
    admin_client.post(url, {"action": "retry", "_selected_action": [row.pk]})
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("pending", 0)


def test_moving_a_category_moves_the_addresses_below_it(shop: Shopkeeper, admin_client: Client) -> None:
    leaf = shop.category("clothes/dresses/summer")
    shoes = shop.category("shoes")
    moved = Category.objects.get(address="clothes/dresses")
    response = admin_client.post(
        f"/admin/catalog/category/{moved.pk}/change/",
        {"name": "Gowns", "slug": "gowns", "treebeard_position": "sorted-child", "treebeard_ref_node": shoes.pk},
    )
    assert response.status_code == 302, response.content.decode()[-3000:]
    leaf.refresh_from_db()
    assert leaf.address == "shoes/gowns/summer"


@pytest.mark.parametrize(("typed", "slug"), [("ladies", "ladies"), ("", "women")], ids=["typed", "emptied"])
def test_a_new_address_of_a_category_is_saved_and_the_old_one_leads_to_it(
    shop: Shopkeeper, admin_client: Client, typed: str, slug: str
) -> None:
    leaf = shop.category("dames/dresses")
    women = Category.objects.get(address="dames")
    Category.objects.filter(pk=women.pk).update(name="Women")
    response = admin_client.post(
        f"/admin/catalog/category/{women.pk}/change/",
        {"name": "Women", "slug": typed, "treebeard_position": "sorted-child", "treebeard_ref_node": ""},
    )
    assert response.status_code == 302, response.content.decode()[-3000:]
    women.refresh_from_db()
    leaf.refresh_from_db()
    assert (women.slug, women.address, leaf.address) == (slug, slug, f"{slug}/dresses")
    for old, new in (("dames", slug), ("dames/dresses", f"{slug}/dresses")):
        moved = admin_client.get(reverse("catalog:category", args=[old]))
        assert (moved.status_code, moved["Location"]) == (301, reverse("catalog:category", args=[new]))


@pytest.mark.slow
def test_a_second_category_of_the_same_name_is_a_form_error(shop: Shopkeeper, admin_client: Client) -> None:
    shop.category("shirts")
    fields = {"name": "Shirts", "treebeard_position": "sorted-child"}
    response = admin_client.post("/admin/catalog/category/add/", fields)
    assert response.status_code == 200
    assert "This category already exists here" in response.content.decode()


def test_a_category_with_products_below_it_cannot_be_deleted(shop: Shopkeeper, admin_client: Client) -> None:
    shop.product(category="clothes/dresses")
    full, empty = Category.objects.get(address="clothes"), shop.category("empty")
    assert admin_client.post(f"/admin/catalog/category/{full.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.post(f"/admin/catalog/category/{empty.pk}/delete/", {"post": "yes"}).status_code == 302
    assert sorted(Category.objects.values_list("address", flat=True)) == ["clothes", "clothes/dresses"]


def test_the_admin_needs_no_inline_scripts(admin_client: Client) -> None:
    policy = admin_client.get("/admin/")["Content-Security-Policy"]
    scripts = next(part for part in policy.split(";") if "script-src" in part)
    assert "unsafe-inline" not in scripts
