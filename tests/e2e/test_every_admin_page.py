"""Every page of the admin; a file of its own, so that another process can open them at the same time."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

from recommendations.models import EmbeddingModel
from tests.e2e.every_page import Stocked
from tests.e2e.inspector import Inspector
from tests.shopkeeper import Shopkeeper

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("database_beside_playwright"),
]


def test_every_page_of_the_admin_is_accessible_fits_a_narrow_window_and_keeps_still(
    shop: Shopkeeper, coloured: EmbeddingModel, url: str, browser: Browser, settings: Any
) -> None:
    settings.PRODUCTS_PER_PAGE = 4
    Inspector(browser, url).inspect_all(Stocked(shop, coloured).admin_visits())
