"""Searches without results are counted by words and day, and shown to staff."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from catalog import tasks
from catalog.models import SearchMiss
from catalog.search import misses
from tests.people.staff import signed_in, staff
from tests.shopkeeper import Shopkeeper


def counted() -> dict[str, int]:
    return dict(SearchMiss.objects.values_list("words", "searches"))


@pytest.mark.slow
def test_only_searches_without_results_are_counted(shop: Shopkeeper, client: Client) -> None:
    shop.product("Red dress")
    for words in ("zebra", " ZEBRA ", "red", "red zebra", "", "---", "me@example.org"):
        client.get("/search/", {"q": words})
    client.get("/search/", {"q": "zebra", "page": 2})
    client.get("/api/v1/products/", {"q": "zebra"})
    client.get("/api/v1/products/", {"q": "red", "price_max": "0.01"})
    for path in ("/search/", "/api/v1/products/"):
        signed_in(staff("clerk" + path.strip("/").replace("/", "-"))).get(path, {"q": "zebra"})
    assert counted() == {"zebra": 3, "red zebra": 1}, "of shoppers, not of staff"
    assert {field.name for field in SearchMiss._meta.fields} == {"id", "day", "words", "searches"}, (
        "nothing about people"
    )


def test_a_flood_of_words_is_bounded(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(misses, "MOST_A_DAY", 2)
    for words in ("aaaa", "bbbb", "cccc", "aaaa"):
        misses.note(words)
    assert counted() == {"aaaa": 2, "bbbb": 1}


def test_counts_are_deleted_after_ninety_days(db: None) -> None:
    today = timezone.localdate()
    for days in (89, 90, 91):
        SearchMiss.objects.create(day=today - timedelta(days=days), words=f"w{days}")
    tasks.tidy_search()
    assert set(counted()) == {"w89", "w90"}


@pytest.mark.slow
def test_the_start_page_of_the_admin_lists_them(db: None) -> None:
    today = timezone.localdate()
    for days, words, searches in ((0, "zebra", 2), (29, "zebra", 3), (0, "<b>giraffe", 9), (30, "old", 99)):
        SearchMiss.objects.create(day=today - timedelta(days=days), words=words, searches=searches)
    page = signed_in(staff("merchandiser", "catalog.view_searchmiss")).get("/admin/").content.decode()
    assert page.index("&lt;b&gt;giraffe") < page.index("zebra")
    assert "old" not in [row["words"] for row in misses.most_frequent(10)]
    assert [row["total"] for row in misses.most_frequent(10)] == [9, 5]
    assert "Searches without results" not in signed_in(staff("clerk")).get("/admin/").content.decode()
    assert User.objects.count() == 2
