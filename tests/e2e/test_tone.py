"""While a picture loads, its card shows the picture's commonest colour, in both schemes and without a shift."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from catalog.models import ProductImage
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("database_beside_playwright"),
]
COLOUR = "image => getComputedStyle(image).backgroundColor"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_place_of_a_picture_has_its_tone(shop: Shopkeeper, opened: Callable[..., Page], scheme: str) -> None:
    image = shop.image(shop.product(), picture(size=(300, 400)))
    ProductImage.objects.update(rendition_widths=[300], rendition_source=image.digest, tone="705")
    page = opened(390, color_scheme=scheme)
    page.route("**/media/**", lambda route: None)  # never answered
    page.goto("/c/clothes/", wait_until="domcontentloaded")
    shown = page.locator(".tile__picture").first
    assert shown.evaluate(COLOUR) == "rgb(255, 0, 182)"
    box = shown.bounding_box()
    assert box is not None
    assert box["height"] == pytest.approx(box["width"] * 4 / 3, abs=1), "as large as with the picture"
