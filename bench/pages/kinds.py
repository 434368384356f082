"""The kinds of pages that shoppers see, found in a running shop by its API, as no two shops have the same products."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote_plus, urlencode
from urllib.request import urlopen

from playwright.sync_api import Browser

from bench.pages.demo import SAMPLES

PHOTO = SAMPLES / "white-dress-with-coral-flowers.webp"
_READ = 500  # products
_LISTED = 4  # products on the lists
_WAIT_MS = 60_000


@dataclass(frozen=True)
class Kind:
    """
    Attributes:
        path: with its parameters; empty if the shop has no such page.
        cookies: of the shopper.
    """

    name: str
    path: str
    status: int = 200
    cookies: dict[str, str] = field(default_factory=dict)


def kinds(url: str, browser: Browser) -> list[Kind]:
    """The pages to open, in the order of the table."""
    products = list(_products(url))
    if not products:
        raise SystemExit(f"{url} has no products.")
    roots = Counter(each["category"].partition("/")[0] for each in products if each["category"])
    category = quote_plus(roots.most_common(1)[0][0])
    inside = [each for each in products if each["category"].partition("/")[0] == category]
    filters = {"colour": _commonest(_colours(inside)), "in_stock": "1", "sort": "price"}
    words = (word for each in products for word in re.findall(r"[a-z]{4,}", each["title"].lower()))
    stocked = next((each for each in products if each["stock"] and each["images"]), products[0])
    sold_out = next((each for each in products if not each["stock"]), None)
    ids = _ids(url, f"/c/{category}/")
    return [
        Kind("home", "/"),
        Kind("category", f"/c/{category}/"),
        Kind("category, filtered", f"/c/{category}/?{urlencode({k: v for k, v in filters.items() if v})}"),
        Kind("text search", f"/search/?q={_commonest(words)}"),
        Kind("no results", "/search/?q=qqqqqqqq"),
        Kind("product", f"/p/{stocked['slug']}/"),
        Kind("product, sold out", f"/p/{sold_out['slug']}/" if sold_out else ""),
        Kind("photo form", "/search/photo/"),
        Kind("photo results", _photo_results(url, browser)),
        Kind("saved", "/saved/", cookies={"saved": ids}),
        Kind("compare", "/compare/", cookies={"compared": ids}),
        Kind("shared", f"/saved/?items={ids}"),
        Kind("privacy", "/privacy/"),
        Kind("accessibility", "/accessibility/"),
        Kind("404", "/nothing/", status=404),
    ]


def _products(url: str) -> Iterable[dict[str, Any]]:
    link, read = f"{url}/api/v1/products/?limit=100", 0
    while link and read < _READ:
        try:
            with urlopen(link, timeout=30) as answer:
                page = json.load(answer)
        except OSError as error:
            raise SystemExit(f"{link}: {error}") from error
        read += len(page["results"])
        yield from page["results"]
        link = page["next"]


def _colours(products: Iterable[dict[str, Any]]) -> Iterable[str]:
    found = (each["attributes"].get("colour") for each in products)
    return (each for each in found if isinstance(each, str))


def _commonest(values: Iterable[str]) -> str:
    return next((value for value, _ in Counter(values).most_common(1)), "")


def _ids(url: str, path: str) -> str:
    """Of the first cards of a page, as the cookies of lists have them: the API has no ids."""
    try:
        with urlopen(url + path, timeout=30) as answer:
            html = answer.read().decode()
    except HTTPError as error:
        raise SystemExit(f"{url}{path}: {error}") from error
    return ".".join(dict.fromkeys(re.findall(r'data-product="(\d+)"', html)[:_LISTED]))


def _photo_results(url: str, browser: Browser) -> str:
    """The link to the results of a photo: only searching with it makes one."""
    page = browser.new_page()
    page.goto(f"{url}/search/photo/")
    page.locator("#photo").set_input_files(PHOTO)
    page.wait_for_url(lambda address: "seen=" in address, timeout=_WAIT_MS)
    link = page.url.removeprefix(url)
    page.close()
    return link
