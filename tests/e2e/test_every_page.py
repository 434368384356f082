"""Every page of the shop, and every page of an empty one. With `-s` these tests print a row for each page and width."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import resolve
from playwright.sync_api import Browser

from recommendations.models import EmbeddingModel
from tests.e2e.every_page import EMPTY, NO_PAGES, Stocked
from tests.e2e.inspector import Inspector
from tests.people.test_permissions import routes
from tests.shopkeeper import Shopkeeper

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("database_beside_playwright"),
]


def test_every_page_is_accessible_fits_a_narrow_window_and_keeps_still(
    shop: Shopkeeper, coloured: EmbeddingModel, url: str, browser: Browser, settings: Any
) -> None:
    settings.PRODUCTS_PER_PAGE = 4
    Inspector(browser, url).inspect_all(Stocked(shop, coloured).shop_visits())


def test_no_page_is_left_out(shop: Shopkeeper, coloured: EmbeddingModel) -> None:
    pages = {named(route) for route in routes() if not re.match(r"\^?api", route) or "docs" in route}
    visits = [visit for visit in Stocked(shop, coloured).visits() if visit.path != "/nothing/" and not visit.html]
    opened = {named(resolve(visit.path).route) for visit in visits}
    assert [route for route in pages - opened if not any(re.fullmatch(each, route) for each in NO_PAGES)] == []


def named(route: str) -> str:
    return re.sub(r"[$^]", "", route)


def test_empty_states_are_accessible_too(coloured: EmbeddingModel, url: str, browser: Browser) -> None:
    User.objects.create_superuser("boss", password="known to the tests")
    Inspector(browser, url).inspect_all(EMPTY)
