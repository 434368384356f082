from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from rest_framework.test import APIClient

from catalog.models import Synonyms
from catalog.search.defaults import SYNONYMS

Search = Callable[[str], list[str]]


@pytest.fixture(params=["page", "API", "admin"])
def search(request: pytest.FixtureRequest, db: None, admin_user: User) -> Search:
    """SKUs of the first page, through each of the three ways."""
    cache.clear()

    def page(words: str) -> list[str]:
        answer = Client().get("/search/", {"q": words})
        assert answer.status_code == 200, words
        return [product.sku for product in answer.context["page"]]

    def api(words: str) -> list[str]:
        answer = APIClient().get("/api/v1/products/", {"q": words})
        assert answer.status_code == 200, answer.content
        return [product["sku"] for product in answer.json()["results"]]

    def admin(words: str) -> list[str]:
        client = Client()
        client.force_login(admin_user)
        answer = client.get("/admin/catalog/product/", {"q": words})
        assert answer.status_code == 200, words
        return [product.sku for product in answer.context["cl"].result_list]

    ways: dict[str, Any] = {"page": page, "API": api, "admin": admin}
    found: Search = ways[request.param]
    return found


@pytest.fixture
def synonyms(db: None) -> None:
    """Those of a new shop; a test that empties all tables also removes what migrations wrote."""
    for words in SYNONYMS:
        Synonyms.objects.get_or_create(words=words)
