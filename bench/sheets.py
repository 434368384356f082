"""Ten strips and five photo searches of the real catalog as contact sheets, to judge by eye."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from django.core.management import call_command

from bench.shop import ScratchShop
from catalog.models import Product
from ml.files.pictures import Source as Photo
from ml.files.pictures import find
from ml.files.sheets import Tile, contact_sheet, missing
from ml.pictures.codec import decode
from recommendations.monitoring.status import pipeline_status
from recommendations.search.filters import Filters
from recommendations.search.photo import embed_photo
from recommendations.search.request import SearchRequest
from recommendations.search.results import Match, Source
from recommendations.search.service import find_similar, search_photo
from recommendations.strips.cards import available, photo_cards
from recommendations.strips.product_strip import product_strip

LISTED = 10
STRIPS, PHOTOS = 10, 5
TILE = 72
QUALITY = 60  # of WebP


def measure(shop: ScratchShop, *, out: Path, limit: int | None, seed: int) -> None:
    if shop.photos is None:
        raise SystemExit("LOOKALIKE_DATA must name a folder with fashion-small.zip and clothing-photos.zip.")
    if not Product.objects.exists():
        call_command("import_catalog", shop.photos, limit=limit, demo_prices=True, stderr=io.StringIO())
    if not pipeline_status().settled or not pipeline_status().ready:
        call_command("embed_catalog")
    out.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(seed)
    strips = [row for product in _products(chance) for row in _strip_rows(product)]
    _save(strips, out / "strips.webp", "First row: the nearest. Second row: the strip, with own kind preferred, one "
          "card for one thing, and variety.")  # fmt: skip
    asked = _photos(shop.photos.with_name("clothing-photos.zip"), chance)
    photos = [row for photo in asked for row in _photo_rows(photo)]
    _save(photos, out / "photos.webp", "First row: the nearest. Second row: what the page shows. Third row: after "
          "choosing the first kind that it offers.")  # fmt: skip


def _products(chance: np.random.Generator) -> list[Product]:
    """One product from each of ten categories; larger categories are more likely."""
    found: dict[int, Product] = {}
    on_show = Product.objects.published().filter(available().conditions()).order_by("pk")
    for pk in chance.permutation(list(on_show.values_list("pk", flat=True))):
        product = Product.objects.select_related("category").get(pk=pk)
        found.setdefault(product.category_id, product)
        if len(found) == STRIPS:
            break
    return list(found.values())


def _strip_rows(product: Product) -> list[list[Tile]]:
    asking = Match(product, product.main_image, None, Source.VISUAL)
    nearest = find_similar(product, SearchRequest(LISTED, available())).matches
    strip = product_strip(product, LISTED).matches
    return [[_tile(match) for match in (asking, *row)] for row in (nearest, strip)]


def _photos(archive: Path, chance: np.random.Generator) -> list[Photo]:
    """Of five classes."""
    found: dict[str, Photo] = {}
    sources = list(find([archive]))
    for place in chance.permutation(len(sources)):
        found.setdefault(Path(sources[place].name).parent.name, sources[place])
        if len(found) == PHOTOS:
            break
    return list(found.values())


def _photo_rows(source: Photo) -> list[list[Tile]]:
    data = source.read()
    photo = embed_photo(data)
    asking = Tile(decode(data), Path(source.name).parent.name)
    request = SearchRequest(LISTED, available())
    rows = [search_photo(photo, request).matches, photo_cards(photo, request).matches]
    for kind in photo.types[:1]:
        chosen = replace(request, filters=available(Filters(category=kind.category)))
        rows.append(photo_cards(photo, chosen).matches)
    return [[asking, *(_tile(match) for match in row)] for row in rows]


def _tile(match: Match) -> Tile:
    gender = match.product.attributes.get("gender", "")
    caption = f"{match.product.category.name}\n{gender}" + (f"\n{match.colours} colours" if match.colours > 1 else "")
    if match.image is None:
        return missing(caption)
    with match.image.file.open() as file:
        return Tile(decode(file.read()), caption)


def _save(rows: list[list[Tile]], path: Path, title: str) -> None:
    page = contact_sheet(rows, tile=TILE, title=title)
    page.save(path, quality=QUALITY, method=6)
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")
