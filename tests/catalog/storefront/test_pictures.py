"""Pages offer browsers copies of a picture in the sizes that the layout needs, and the picture itself without them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import ProductImage
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

SOURCE = re.compile(r'<source type="([^"]+)" srcset="([^"]+)" sizes="([^"]+)">')


@pytest.fixture(autouse=True)
def own_storage(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def made(image: ProductImage, *widths: int) -> str:
    """Say that these renditions are ready; returns their address up to the width."""
    ProductImage.objects.filter(pk=image.pk).update(rendition_widths=list(widths), rendition_source=image.digest)
    return "/media/" + image.file.name.replace("products", "renditions").removesuffix(".jpg")


@pytest.mark.slow
def test_a_card_offers_copies_from_200_to_800_pixels_and_the_first_rows_load_at_once(
    shop: Shopkeeper, client: Client
) -> None:
    images = [shop.image(shop.product(), picture(size=(900, 1200), seed=number)) for number in range(8)]
    bare = client.get("/c/clothes/").content.decode()
    assert "<source" not in bare
    stems = [made(image, 160, 320, 480, 800, 900) for image in images]
    page = client.get("/c/clothes/").content.decode()
    for stem in stems:
        for kind in ("avif", "webp"):
            offered = ", ".join(f"{stem}-{width}.{kind} {width}w" for width in (320, 480, 800))
            assert f'<source type="image/{kind}" srcset="{offered}" sizes="' in page
    sizes = [sizes for _, _, sizes in SOURCE.findall(page)]
    assert [each.startswith("auto, ") for each in sizes] == 12 * [False] + 4 * [True], "of lazy pictures only"
    assert page.count('loading="lazy" sizes="auto"') == 2
    assert page.count('fetchpriority="high"') == 1
    assert re.sub(r'<source[^>]*>| sizes="auto"', "", page) == bare, "all else, width and height too, stays"


def test_a_list_takes_no_query_more(shop: Shopkeeper, client: Client) -> None:
    image = shop.image(shop.product(), picture(size=(300, 400)))
    queries = []
    for widths in ([], [160, 300]):
        made(image, *widths)
        with CaptureQueriesContext(connection) as captured:
            client.get("/c/clothes/")
        queries.append(len(captured))
    assert queries[0] == queries[1]


def test_the_gallery_offers_every_width_to_the_large_picture_and_to_its_thumbnails(
    shop: Shopkeeper, client: Client
) -> None:
    product = shop.product()
    first, second = (shop.image(product, picture(size=(900, 1200), seed=number)) for number in range(2))
    stems = [made(each, 160, 320, 480, 800, 900) for each in (first, second)]
    page = client.get(product.get_absolute_url()).content.decode()
    sources = SOURCE.findall(page)
    assert [type for type, _, _ in sources] == 3 * ["image/avif", "image/webp"]
    assert all(" 900w" in offered for _, offered, _ in sources)
    assert [sizes == "4rem" for _, _, sizes in sources] == [False, False, True, True, True, True]
    assert f'data-gallery-sizes="{sources[0][2]}"' in page
    assert f"{stems[0]}-900.avif" in sources[0][1]
    assert f'href="{second.file.url}"' in page, "a thumbnail leads to the picture itself"


@pytest.mark.parametrize(
    ("widths", "on_cards", "large"),
    [((160, 320, 480, 800, 1280), True, True), ((160, 320, 480), True, False), ((160, 320), False, False)],
)
def test_no_page_shows_less_detail_than_it_has_room_for(
    shop: Shopkeeper, widths: tuple[int, ...], on_cards: bool, large: bool
) -> None:
    image = shop.image(shop.product(), picture(size=(1500, 1500)))
    made(image, *widths)
    image = ProductImage.objects.get()
    assert (bool(image.small_renditions), bool(image.renditions)) == (on_cards, large)


def test_a_picture_with_copies_is_its_commonest_colour_until_it_has_loaded(shop: Shopkeeper, client: Client) -> None:
    image = shop.image(shop.product(), picture(size=(300, 400)))
    ProductImage.objects.update(tone="704")
    assert "data-tone" not in client.get("/c/clothes/").content.decode(), "the file itself may be transparent"
    made(image, 160, 300)
    page = client.get("/c/clothes/").content.decode()
    assert 'class="tile__picture" data-tone="r7 g0 b4"' in page
    assert "style=" not in page
    ProductImage.objects.update(tone="")
    assert "data-tone" not in client.get("/c/clothes/").content.decode()
