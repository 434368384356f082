"""The cost of each public page and API response in the large shop: time, statements, and the slowest statement."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image, ImageDraw

from bench.large import fill
from bench.shop import ScratchShop
from catalog.models import Product


@dataclass(frozen=True)
class Route:
    """Attributes: path: with its parameters; photo: sent along, as a form or to the API."""

    name: str
    path: str
    photo: bool = False
    fields: tuple[tuple[str, str], ...] = ()


def routes(slug: str) -> list[Route]:
    similar = f"/api/v1/products/{slug}/similar/"
    return [
        Route("home", "/"),
        Route("category, top", "/c/apparel/"),
        Route("category, leaf", "/c/apparel/socks/"),
        Route("category, page 40", "/c/apparel/?page=40"),
        Route("category, page 5000", "/c/apparel/?page=5000"),
        Route("category, page 999999999", "/c/apparel/?page=999999999"),
        Route("search, rare word", "/search/?q=scarf+kestrel+teal"),
        Route("search, common word", "/search/?q=women"),
        Route("search, two common words", "/search/?q=women+casual"),
        Route("search, common or common", "/search/?q=women+or+men"),
        Route("search, without a word", "/search/?q=-zebra"),
        Route("search, no word", "/search/?q=zebra"),
        Route("search, page 5000", "/search/?q=women&page=5000"),
        Route("product page", f"/p/{slug}/"),
        Route("similar items of a product page", f"/p/{slug}/similar/"),
        Route("product page, in red", f"/p/{slug}/?colour=red"),
        Route("API products", "/api/v1/products/"),
        Route("API products, 100", "/api/v1/products/?limit=100"),
        Route("API products, common word", "/api/v1/products/?q=women"),
        Route("API products, rare word", "/api/v1/products/?q=zebra"),
        Route("API products, without a word", "/api/v1/products/?q=-zebra"),
        Route("API products, rare and category", "/api/v1/products/?q=women&category=apparel/socks&price_max=3"),
        Route("API products, category", "/api/v1/products/?category=apparel"),
        Route("API products, price 0.01", "/api/v1/products/?price_max=0.01"),
        Route("API products, price 5 in shoes", "/api/v1/products/?price_max=5&category=footwear"),
        Route("API products, brand nobody", "/api/v1/products/?brand=Nobody"),
        Route("API product", f"/api/v1/products/{slug}/"),
        Route("API strip", f"/api/v1/products/{slug}/strip/"),
        Route("API strip, 100", f"/api/v1/products/{slug}/strip/?limit=100"),
        Route("similar", similar),
        Route("similar, 100", f"{similar}?limit=100"),
        Route("similar, price 0.01", f"{similar}?price_max=0.01"),
        Route("similar, price 2", f"{similar}?price_max=2"),
        Route("similar, price 5", f"{similar}?price_max=5"),
        Route("similar, price 10", f"{similar}?price_max=10"),
        Route("similar, price 5, 100", f"{similar}?price_max=5&limit=100"),
        Route("similar, price from 900", f"{similar}?price_min=900"),
        Route("similar, price from 99999", f"{similar}?price_min=99999"),
        Route("similar, price 0.01 in socks", f"{similar}?price_max=0.01&category=apparel/socks"),
        Route("similar, price 0.01 red", f"{similar}?price_max=0.01&attribute=colour:Red"),
        Route("similar, category far off", f"{similar}?category=beauty/lipstick"),
        Route("similar, broad category", f"{similar}?category=apparel"),
        Route("similar, in stock", f"{similar}?in_stock=true"),
        Route("similar, brand nobody", f"{similar}?brand=Nobody"),
        Route("similar, a rare brand", f"{similar}?brand=Viby"),
        Route("similar, a colour", f"{similar}?attribute=colour:Red"),
        Route("similar, a colour and a kind of use", f"{similar}?attribute=colour:Khaki&attribute=usage:Travel"),
        Route("similar, colour that is not", f"{similar}?attribute=colour:Infrared"),
        Route("similar, one far-off colour", f"{similar}?attribute=colour:Khaki&category=beauty"),
        Route("similar, by value", f"{similar}?sort=value"),
        Route("similar, by value within 0.01", f"{similar}?sort=value&price_max=0.01"),
        Route("similar, kind only", f"{similar}?colour_weight=0"),
        Route("similar, colour only", f"{similar}?colour_weight=1"),
        Route("similar, colour only within 3", f"{similar}?colour_weight=1&price_max=3"),
        Route("similar, in red", f"{similar}?in_colour=Red"),
        Route("similar, in infrared", f"{similar}?in_colour=Infrared"),
        Route("photo page", "/search/photo/"),
        Route("photo", "/search/photo/", True),
        Route("photo within 0.01", "/search/photo/", True, (("price_max", "0.01"),)),
        Route("photo within 3", "/search/photo/", True, (("price_max", "3"),)),
        Route("API photo", "/api/v1/search/image/", True),
        Route("API photo within 0.01", "/api/v1/search/image/", True, (("price_max", "0.01"),)),
        Route("API photo, brand nobody", "/api/v1/search/image/", True, (("brand", "Nobody"),)),
        Route("schema", "/api/v1/schema/"),
        Route("readyz", "/readyz"),
        Route("admin products", "/admin/catalog/product/"),
        Route("admin products, a word", "/admin/catalog/product/?q=kestrel"),
        Route("admin embeddings", "/admin/recommendations/imageembedding/"),
    ]


def measure(shop: ScratchShop, *, products: int, rounds: int, only: str) -> None:
    fill(shop, products)
    # A product with many neighbours, from the middle of a large category.
    slug = Product.objects.published().filter(sku__gt="L5").order_by("sku").values_list("slug", flat=True)[0]
    staff, _ = get_user_model().objects.get_or_create(username="bench", is_staff=True, is_superuser=True)
    client, employee = Client(raise_request_exception=False), Client(raise_request_exception=False)
    employee.force_login(staff)
    photo = _photo()
    print(f"{products:,} products; milliseconds of {rounds} requests; statements, and the slowest of the last request")
    print(f"{'':<38} {'status':>6} {'median':>8} {'worst':>8} {'stmts':>6} {'slowest':>8}")
    for route in routes(slug):
        if only not in route.name:
            continue
        asking = employee if "/admin/" in route.path else client
        times: list[float] = []
        for _ in range(rounds):
            send = _request(asking, route, photo)
            began = time.perf_counter()
            answer = send()
            times.append((time.perf_counter() - began) * 1000)
            if times[-1] > 20_000:
                break
        with CaptureQueriesContext(connection) as sent:
            _request(asking, route, photo)()
        slowest = max((float(query["time"]) * 1000 for query in sent.captured_queries), default=0.0)
        print(
            f"{route.name:<38} {answer.status_code:>6} {statistics.median(times):8.1f} {max(times):8.1f} "
            f"{len(sent):6} {slowest:8.1f}",
            flush=True,
        )


def _request(client, route: Route, photo: bytes) -> Callable[[], object]:  # type: ignore[no-untyped-def]
    host = {"HTTP_HOST": "localhost", "secure": True}
    if not route.photo:
        return lambda: client.get(route.path, **host)
    upload = io.BytesIO(photo)
    upload.name = "photo.jpg"
    return lambda: client.post(route.path, {"photo": upload, **dict(route.fields)}, **host)


def _photo() -> bytes:
    image = Image.new("RGB", (600, 800), "white")
    ImageDraw.Draw(image).polygon([(200, 100), (400, 100), (520, 700), (80, 700)], fill=(170, 30, 40))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
