"""A picture's address is a secret that only people who can see its product learn (docs/explanation/files.md)."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from catalog.models import Product
from catalog.models.image import generated_name
from recommendations.models import EmbeddingModel
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.case


def test_addresses_are_random() -> None:
    names = {generated_name("jpg") for _ in range(1000)}
    assert len(names) == 1000
    assert all(re.fullmatch(r"products/[0-9a-f]{2}/[0-9a-f]{32}\.jpg", name) for name in names)


@pytest.mark.slow
def test_nothing_public_names_a_picture_of_an_unpublished_product(
    shop: Shopkeeper, plane: EmbeddingModel, client: Client
) -> None:
    shown = shop.embedded(plane, "Shown dress", [1, 0, 0])
    hidden = shop.embedded(plane, "Hidden dress", [1, 0.1, 0])
    name = hidden.images.get().file.name
    addresses = [
        "/", "/c/clothes/", "/search/?q=dress", f"/p/{shown.slug}/similar/", "/api/v1/products/",
        f"/api/v1/products/{shown.slug}/similar/", f"/api/v1/products/{shown.slug}/strip/",
    ]  # fmt: skip
    named = [address for address in addresses if name in client.get(address).content.decode()]
    assert named == addresses
    Product.objects.filter(pk=hidden.pk).update(published=False)
    assert [address for address in addresses if name in client.get(address).content.decode()] == []
    assert client.get(f"/media/{name}").status_code == 200  # the address itself stays good, as documented
    assert client.get(f"/media/{name.rpartition('/')[0]}/").status_code == 404


def test_a_deleted_picture_is_gone_at_once(
    shop: Shopkeeper, client: Client, django_capture_on_commit_callbacks: object
) -> None:
    first, second = shop.product(), shop.product()
    names = [shop.image(product).file.name for product in (first, second)]
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        first.images.get().delete()
        second.delete()
    assert [client.get(f"/media/{name}").status_code for name in names] == [404, 404]
