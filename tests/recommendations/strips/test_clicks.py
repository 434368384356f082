"""Counting what shoppers see and click in strips, and the rates from the counts."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from recommendations import tasks
from recommendations.models import EmbeddingModel, Place, Strip, StripCount
from recommendations.search.results import Results
from recommendations.search.throttling import StripReportThrottle
from recommendations.strips import click_reports
from recommendations.strips.click_through import wilson
from tests.shopkeeper import Shopkeeper
from tests.strips import strip_of

ADDRESS = "/strips/seen/"


@pytest.fixture(autouse=True)
def no_reports_yet() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def label(shop: Shopkeeper, plane: EmbeddingModel, client: Client) -> str:
    """The label of a product page's strip: two look-alikes, then one of the category."""
    red = shop.embedded(plane, "red", [1, 0, 0])
    shop.embedded(plane, "scarlet", [1, 0.1, 0])
    shop.embedded(plane, "crimson", [1, 0.4, 0])
    shop.product("no picture")
    found = labels(strip_of(client, red))
    assert len(found) == 1
    return found[0]


def labels(page: str) -> list[str]:
    return re.findall(r'data-strip="([^"]+)"', page)


def report(client: Client, *strips: dict[str, Any], **options: Any) -> int:
    return client.post(ADDRESS, {"strips": list(strips)}, content_type="application/json", **options).status_code


def counted() -> dict[tuple[str, int], tuple[int, int]]:
    """(source, position) → (seen, clicked), over all strips."""
    return {(row.source, row.position): (row.seen, row.clicked) for row in StripCount.objects.all()}


@pytest.mark.slow
def test_a_report_is_counted_by_model_strip_source_and_position(client: Client, label: str) -> None:
    assert report(client, {"label": label, "seen": [0, 1, 2], "clicked": [1]}) == 204
    assert report(client, {"label": label, "seen": [0], "clicked": []}) == 204
    assert counted() == {("visual", 1): (2, 0), ("visual", 2): (1, 1), ("category", 3): (1, 0)}
    assert set(StripCount.objects.values_list("day", "model", "strip")) == {(timezone.localdate(), "plane", "similar")}


def test_nothing_personal_is_kept() -> None:
    kept = {field.name for field in StripCount._meta.get_fields()}
    assert kept == {"id", "day", "model", "strip", "source", "position", "seen", "clicked"}


@pytest.mark.slow
def test_a_report_neither_needs_nor_leaves_a_cookie(client: Client, label: str) -> None:
    client.cookies.clear()
    response = client.post(
        ADDRESS, {"strips": [{"label": label, "seen": [0], "clicked": []}]}, content_type="application/json"
    )
    assert (response.status_code, len(response.cookies)) == (204, 0)


@pytest.mark.slow
def test_reports_at_once_are_all_counted(transactional_db: None) -> None:
    day, places = date(2026, 1, 2), [Place("plane", "similar", "visual", number) for number in range(1, 7)]
    reports = [places[number % 6 :] + places[: number % 3] for number in range(160)]

    def send(some: list[list[Place]]) -> None:
        try:
            for seen in some:
                StripCount.objects.add(day, dict.fromkeys(seen, (1, 2)))
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, [reports[start::8] for start in range(8)]))
    times = Counter(place.position for seen in reports for place in set(seen))
    assert counted() == {("visual", position): (n, 2 * n) for position, n in times.items()}


BAD = {
    "not-json": lambda label: b"{",
    "not-an-object": lambda label: b"[]",
    "a-number": lambda label: b"1",
    "deep": lambda label: b"[" * 5000,
    "no-strips": lambda label: b"{}",
    "strips-of-text": lambda label: json.dumps({"strips": "x"}),
    "too-many": lambda label: json.dumps({"strips": [{"label": label, "seen": [0], "clicked": []}] * 11}),
    "no-label": lambda label: json.dumps({"strips": [{"seen": [0], "clicked": []}]}),
    "label-of-numbers": lambda label: json.dumps({"strips": [{"label": 1, "seen": [0], "clicked": []}]}),
    "forged": lambda label: json.dumps({"strips": [{"label": "x" + label, "seen": [0], "clicked": []}]}),
    "no-clicked": lambda label: json.dumps({"strips": [{"label": label, "seen": [0]}]}),
    "beyond-the-strip": lambda label: json.dumps({"strips": [{"label": label, "seen": [3], "clicked": []}]}),
    "before-the-strip": lambda label: json.dumps({"strips": [{"label": label, "seen": [-1], "clicked": []}]}),
    "not-a-place": lambda label: json.dumps({"strips": [{"label": label, "seen": [True, 1.0], "clicked": []}]}),
    "not-utf-8": lambda label: b"\xff\xfe\xfa",
}


@pytest.mark.slow
@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_what_the_pages_do_not_send_is_refused_and_not_counted(client: Client, label: str, make: Any) -> None:
    response = client.post(ADDRESS, make(label), content_type="application/json")
    assert response.status_code == 400
    assert counted() == {}


@pytest.mark.slow
@given(st.binary(max_size=200))
def test_any_bytes_are_a_report_or_refused(data: bytes) -> None:
    with pytest.raises(click_reports.BadReport):
        click_reports.read_report(data)


def test_a_place_named_twice_counts_once(client: Client, label: str) -> None:
    report(client, {"label": label, "seen": [0, 0, 0], "clicked": [0, 0]})
    assert counted() == {("visual", 1): (1, 1)}


@pytest.mark.slow
def test_other_sites_and_large_bodies_are_refused(client: Client, label: str) -> None:
    body = json.dumps({"strips": [{"label": label, "seen": [0], "clicked": []}]})
    # What a form or a script of another site can send without a preflight request.
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert client.post(ADDRESS, body, content_type=content_type).status_code == 415
    assert client.post(ADDRESS, body + " " * 20_000, content_type="application/json").status_code == 413
    assert client.get(ADDRESS).status_code == 405
    assert counted() == {}


@pytest.mark.slow
def test_a_page_left_open_for_days_is_not_counted(client: Client, label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click_reports, "MAX_AGE", timedelta(seconds=-1))
    assert report(client, {"label": label, "seen": [0], "clicked": []}) == 400


@pytest.mark.slow
def test_too_many_reports_of_one_address_are_refused(
    client: Client, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StripReportThrottle, "rate", "2/min")
    entry = {"label": label, "seen": [0], "clicked": []}
    assert [report(client, entry) for _ in range(3)] == [204, 204, 429]
    assert counted() == {("visual", 1): (2, 0)}


@pytest.mark.slow
@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
def test_who_asks_for_privacy_is_not_counted(client: Client, label: str, header: str) -> None:
    assert report(client, {"label": label, "seen": [0], "clicked": [0]}, headers={header: "1"}) == 204
    assert counted() == {}


@pytest.mark.slow
def test_the_personal_strip_is_labelled_as_such(shop: Shopkeeper, plane: EmbeddingModel, client: Client) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    shop.embedded(plane, "scarlet", [1, 0.1, 0])
    client.get(red.get_absolute_url())
    (found,) = labels(client.get("/search/").content.decode())
    report(client, {"label": found, "seen": [0], "clicked": []})
    assert StripCount.objects.get().strip == Strip.PERSONAL


@pytest.mark.slow
def test_the_setting_turns_it_off(client: Client, label: str, shop: Shopkeeper, settings: Any) -> None:
    settings.STRIP_CLICKS = False
    assert report(client, {"label": label, "seen": [0], "clicked": []}) == 404
    product = shop.product()
    for page in (client.get(product.get_absolute_url()).content.decode(), strip_of(client, product)):
        assert "Similar items" in page
        assert "data-strip" not in page
        assert "strips.js" not in page


def test_a_strip_without_a_model_is_counted_under_none(shop: Shopkeeper, client: Client) -> None:
    shop.product("another")
    (found,) = labels(strip_of(client, shop.product()))
    report(client, {"label": found, "seen": [0], "clicked": []})
    assert StripCount.objects.get().model == ""


@pytest.mark.slow
def test_links_in_strips_are_the_products_own_addresses(client: Client, label: str, shop: Shopkeeper) -> None:
    page = strip_of(client, shop.product())
    links = re.findall(r'card__title"><a href="([^"]+)"', page)
    assert links
    assert all(re.fullmatch(r"/p/[\w-]+/", link) for link in links)


# The figures


def test_wilsons_interval_on_worked_numbers() -> None:
    # 0 of 10: z² / (10 + z²) = 3.8415 / 13.8415; 5 of 10 lies even around one half; 1 of 10 by hand.
    assert wilson(0, 10) == pytest.approx((0.0, 0.27754), abs=1e-5)
    assert wilson(10, 10) == pytest.approx((0.72246, 1.0), abs=1e-5)
    assert wilson(5, 10) == pytest.approx((0.23659, 0.76341), abs=1e-5)
    assert wilson(1, 10) == pytest.approx((0.01788, 0.40415), abs=1e-5)
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.slow
@given(st.integers(0, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_contains_the_rate(counts: tuple[int, int]) -> None:
    hits, trials = counts
    low, high = wilson(hits, trials)
    assert 0 <= low <= high <= 1
    assert not trials or low - 1e-12 <= hits / trials <= high + 1e-12


def fill(days_ago: int, model: str, *counts: tuple[int, int], strip: Strip = Strip.SIMILAR) -> None:
    day = timezone.localdate() - timedelta(days=days_ago)
    places = {Place(model, strip, "visual", number): pair for number, pair in enumerate(counts, start=1)}
    StripCount.objects.add(day, places)


def figures(*options: str) -> list[tuple[Any, ...]]:
    out = io.StringIO()
    call_command("click_through", *options, "--json", stdout=out)
    keys = ("model", "strip", "position", "seen", "clicked")
    return [tuple(rate[key] for key in keys) for rate in json.loads(out.getvalue())["rates"]]


def test_days_are_added_up_by_model_and_position_with_all_positions_first(db: None) -> None:
    fill(0, "new", (10, 1), (5, 0))
    fill(3, "new", (20, 2))
    fill(3, "old", (7, 7))
    fill(30, "old", (1000, 1))
    assert figures() == [
        ("new", "similar", None, 35, 3),
        ("new", "similar", 1, 30, 3),
        ("new", "similar", 2, 5, 0),
        ("old", "similar", None, 7, 7),
        ("old", "similar", 1, 7, 7),
    ]
    assert figures("--days", "1") == [
        ("new", "similar", None, 15, 1),
        ("new", "similar", 1, 10, 1),
        ("new", "similar", 2, 5, 0),
    ]


def test_people_read_rates_and_intervals(db: None) -> None:
    fill(0, "fashion", (10, 1))
    out = io.StringIO()
    call_command("click_through", stdout=out)
    assert re.search(r"fashion +similar +visual +1 +10 +1 +10\.00% +1\.79% to 40\.42%", out.getvalue())


def test_no_figures_and_invalid_days(db: None) -> None:
    out = io.StringIO()
    call_command("click_through", stdout=out)
    assert "Nothing has been counted" in out.getvalue()
    for senseless in ("0", "-1", "many", "99999999999"):
        with pytest.raises(CommandError, match="not a whole number, 1 to 36500"):
            call_command("click_through", f"--days={senseless}")


def test_a_click_after_midnight_is_no_rate_above_one(db: None) -> None:
    fill(0, "fashion", (0, 1))
    assert figures("--days", "1")[0] == ("fashion", "similar", None, 0, 0)


def test_old_counts_are_removed(db: None, settings: Any) -> None:
    settings.STRIP_CLICKS_DAYS = 10
    for days_ago in (0, 10, 11, 500):
        fill(days_ago, "fashion", (1, 0))
    tasks.prune_strip_counts()
    assert sorted((timezone.localdate() - row.day).days for row in StripCount.objects.all()) == [0, 10]


def test_a_label_names_what_was_shown(db: None) -> None:
    assert (
        click_reports.read_report(
            json.dumps(
                {
                    "strips": [
                        {"label": click_reports.label_of(Strip.PHOTO, Results(None, [])), "seen": [], "clicked": []}
                    ]
                }
            ).encode()
        )
        == {}
    )
