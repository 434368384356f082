"""What search engines, messengers and home screens read of a page."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from PIL import Image

from catalog.models import Product
from tests.shopkeeper import Shopkeeper

SITE = "http://testserver"


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def metas(html: str) -> dict[str, str]:
    return dict(re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)">', html))


def link(html: str, rel: str) -> str | None:
    found = re.search(rf'<link rel="{rel}" href="([^"]+)">', html)
    return found[1] if found else None


def structured(html: str) -> dict[str, dict[str, Any]]:
    """The things that a page describes, by type."""
    block = re.search(r'<script type="application/ld\+json">(.*?)</script>', html, re.S)
    assert block is not None
    return {thing["@type"]: thing for thing in json.loads(block[1]) if thing["@context"] == "https://schema.org"}


@pytest.fixture
def dress(shop: Shopkeeper) -> Product:
    product = shop.product(
        'Red "swing" dress', category="clothes/dresses", price=Decimal(1980), currency="JPY", brand="Kestrel",
        size="38", attributes={"colour": "Red", "style": "Swing"},
    )  # fmt: skip
    shop.image(product)
    return product


def test_a_shared_link_shows_the_picture(dress: Product, client: Client) -> None:
    image = dress.main_image
    for address in ("/", "/c/clothes/", dress.get_absolute_url()):
        found = metas(page(client, address))
        assert found["og:image"] == SITE + image.file.url
        assert (found["og:image:width"], found["og:image:height"]) == (str(image.width), str(image.height))
        assert found["og:image:alt"] == "Red &quot;swing&quot; dress"
        assert found["og:url"] == SITE + address
        assert found["og:title"]
        assert found["twitter:card"] == "summary_large_image"


def test_a_page_without_pictures_shares_the_icon(shop: Shopkeeper, client: Client) -> None:
    found = metas(page(client, shop.product("Plain dress").get_absolute_url()))
    assert found["og:image"] == SITE + "/static/img/icon-512.png"
    assert found["twitter:card"] == "summary"


@pytest.mark.slow
def test_campaigns_and_filters_are_no_addresses(dress: Product, client: Client) -> None:
    for address in ("/", "/c/clothes/", dress.get_absolute_url(), "/search/photo/", "/privacy/", "/accessibility/"):
        assert link(page(client, f"{address}?utm_source=mail&colour=red&in_stock=on"), "canonical") == SITE + address


def test_numbered_pages_name_their_neighbours(shop: Shopkeeper, client: Client, settings: Any) -> None:
    settings.PRODUCTS_PER_PAGE = 1
    for number in range(3):
        shop.product(f"Dress {number}", category="clothes")
    pages = [page(client, f"/c/clothes/?page={number}") for number in (1, 2, 3)]
    address = SITE + "/c/clothes/"
    assert [link(html, "prev") for html in pages] == [None, address, f"{address}?page=2"]
    assert [link(html, "next") for html in pages] == [f"{address}?page=2", f"{address}?page=3", None]
    assert link(pages[1], "canonical") == f"{address}?page=2"


def test_a_product_is_described_with_what_search_engines_require(dress: Product, client: Client) -> None:
    # Required for merchant listings: name, image, offers with price, currency and availability. For variants also
    # productGroupID, name and variesBy of the group, and a link between both.
    found = structured(page(client, dress.get_absolute_url()))
    product, crumbs = found["Product"], found["BreadcrumbList"]
    assert product["image"] == [SITE + dress.main_image.file.url]
    assert product["brand"] == {"@type": "Brand", "name": "Kestrel"}
    assert (product["color"], product["size"], product["category"]) == ("Red", "38", "Clothes > Dresses")
    offer = product["offers"]
    assert (offer["price"], offer["priceCurrency"]) == ("1980", "JPY")
    assert offer["url"] == product["url"] == SITE + dress.get_absolute_url()
    group = product["isVariantOf"]
    assert (group["@type"], group["name"]) == ("ProductGroup", "Kestrel Swing")
    assert group["productGroupID"] == product["inProductGroupWithID"] == "kestrel swing"
    assert group["variesBy"] == ["https://schema.org/color", "https://schema.org/size"]
    assert [(step["position"], step["name"]) for step in crumbs["itemListElement"]] == [(1, "Clothes"), (2, "Dresses")]
    assert all(step["item"].startswith(SITE) for step in crumbs["itemListElement"])


def test_a_category_lists_its_products_and_the_home_page_its_search(dress: Product, client: Client) -> None:
    html = page(client, "/c/clothes/dresses/")
    found = structured(html)
    listed = found["ItemList"]
    address = SITE + dress.get_absolute_url()
    assert listed["itemListElement"] == [{"@type": "ListItem", "position": 1, "url": address}]
    assert [step["name"] for step in found["BreadcrumbList"]["itemListElement"]] == ["Clothes", "Dresses"]
    assert len(html) < 60_000
    site = structured(page(client, "/"))["WebSite"]
    assert site["potentialAction"]["target"]["urlTemplate"] == SITE + "/search/?q={search_term_string}"
    assert site["potentialAction"]["query-input"] == "required name=search_term_string"


def test_the_shop_can_be_put_on_a_home_screen(db: None, client: Client) -> None:
    html = page(client, "/")
    address = link(html, "manifest")
    assert address is not None
    response = client.get(address)
    assert response["Content-Type"] == "application/manifest+json"
    described = response.json()
    assert described["name"] == "Lookalike"
    for icon in described["icons"]:
        with Image.open(icon["src"].removeprefix("/")) as picture:
            assert icon["sizes"] == "{}x{}".format(*picture.size)
