"""What crawlers and agents read: robots.txt, sitemaps, llms.txt, and pages in Markdown."""

from __future__ import annotations

import re
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.storefront import sitemaps
from tests.shopkeeper import Shopkeeper

MARKDOWN = {"Accept": "text/markdown"}


def locations(client: Client, address: str) -> list[str]:
    response = client.get(address)
    assert response["Content-Type"] == "application/xml"
    root = ElementTree.fromstring(response.content)
    return [found.text or "" for found in root.iter(f"{{{sitemaps.NAMESPACE}}}loc")]


def test_sitemaps_list_everything_that_is_shown_and_only_that(
    shop: Shopkeeper, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitemaps, "PART", 2)
    products = [shop.product(f"Dress {number}", category="clothes/dresses") for number in range(5)]
    shop.product("Secret dress", published=False)
    robots = client.get("/robots.txt").content.decode()
    [start] = re.findall(r"^Sitemap: http://testserver(/.*)$", robots, re.M)
    with CaptureQueriesContext(connection) as captured:
        files = locations(client, start)
    assert len(captured) == 2
    listed = [address for file in files for address in locations(client, file.removeprefix("http://testserver"))]
    expected = {f"http://testserver{product.get_absolute_url()}" for product in products}
    assert {address for address in listed if "/p/" in address} == expected
    assert {address for address in listed if "/c/" in address} == {
        "http://testserver/c/clothes/", "http://testserver/c/clothes/dresses/",
    }  # fmt: skip
    assert len(listed) == len(set(listed))
    assert b"<lastmod>20" in client.get(start).content
    assert client.get("/sitemap-products-99999999999999999999.xml").status_code == 404


def test_robots_may_read_products_but_not_the_endless(db: None, client: Client) -> None:
    closed = re.findall(r"^Disallow: (.*)$", client.get("/robots.txt").content.decode(), re.M)
    assert {"/admin/", "/search/?"} <= set(closed)
    for open_address in ("/", "/p/red-dress/", "/c/clothes/", "/media/a.jpg", "/search/photo/", "/static/a.css"):
        assert not any(open_address.startswith(path) for path in closed)


@pytest.mark.slow
def test_the_guide_for_language_models_links_to_what_exists(shop: Shopkeeper, client: Client) -> None:
    shop.product("Red dress", category="clothes")
    guide = client.get("/llms.txt").content.decode()
    assert guide.startswith("# Lookalike\n\n> ")
    addresses = re.findall(r"\(<http://testserver([^>]+)>\)", guide)
    assert "/c/clothes.md" in addresses
    assert {client.get(address).status_code for address in addresses} <= {200, 405}  # photos are sent by POST


@pytest.mark.parametrize("address", ["/p/{slug}/", "/p/{slug}.md"])
def test_a_product_in_markdown(address: str, shop: Shopkeeper, client: Client) -> None:
    product = shop.product(
        "Red *swing* [dress](x)", category="clothes", price=Decimal("49.90"), brand="Kestrel",
        description="# Soft\n<b>cotton</b>", attributes={"colour": "Red"},
    )  # fmt: skip
    image = shop.image(product)
    response = client.get(address.format(slug=product.slug), headers=MARKDOWN)
    text = response.content.decode()
    assert response["Content-Type"] == "text/markdown; charset=utf-8"
    assert "Accept" in response["Vary"]
    assert response["Link"] == f'<http://testserver{product.get_absolute_url()}>; rel="canonical"'
    assert text.startswith(r"# Red \*swing\* \[dress\](x)")
    for expected in ("Price: $49.90", "In stock", "Kestrel", "Colour: Red", r"\# Soft", r"\<b\>", image.file.url):
        assert expected in text
    assert "viewed" not in response.cookies


def test_a_category_in_markdown_lists_its_products(shop: Shopkeeper, client: Client) -> None:
    product = shop.product("Red dress", category="clothes/dresses", price=Decimal(20))
    text = client.get("/c/clothes.md").content.decode()
    assert "[Dresses](<http://testserver/c/clothes/dresses.md>)" in text
    assert f"- [Red dress](<http://testserver/p/{product.slug}.md>): $20.00" in text


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/markdown", "text/markdown"),
        ("text/markdown, text/html, */*", "text/markdown"),
        ("text/html;q=0.5, text/markdown;q=0.9", "text/markdown"),
        ("text/html, text/markdown;q=0.9", "text/html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", "text/html"),
        ("*/*", "text/html"),
        ("text/*", "text/html"),
        ("application/json", "text/html"),
        ("nonsense", "text/html"),
        ("", "text/html"),
    ],
)
def test_browsers_get_html_and_agents_markdown_at_one_address(
    accept: str, expected: str, shop: Shopkeeper, client: Client
) -> None:
    for address in (shop.product("Red dress").get_absolute_url(), "/c/clothes/"):
        response = client.get(address, headers={"Accept": accept})
        assert response["Content-Type"].startswith(expected)
        assert "Accept" in response["Vary"].split(", ")


def test_a_moved_product_is_found_in_markdown_too(shop: Shopkeeper, client: Client) -> None:
    product = shop.product("Red dress")
    old, product.slug = product.slug, "scarlet"
    product.save()
    for end in (".md", "/"):
        response = client.get(f"/p/{old}{end}?utm=1")
        assert (response.status_code, response["Location"]) == (301, f"/p/scarlet{end}?utm=1")


def test_the_html_names_its_markdown(shop: Shopkeeper, client: Client) -> None:
    product = shop.product("Red dress")
    html = client.get(product.get_absolute_url()).content.decode()
    assert f'<link rel="alternate" type="text/markdown" href="/p/{product.slug}.md">' in html
