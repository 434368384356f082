"""Privacy, accessibility, error pages with a way on, and pages that read from right to left."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.utils import translation

from shop.requests.problems import problem

STATIC = Path(__file__).resolve().parents[3] / "static/css"
SHEETS = sorted(path for path in STATIC.rglob("*.css") if not path.name.startswith("admin"))
#: Properties that name a side of the screen, not of the text.
PHYSICAL = re.compile(
    r"^\s*((margin|padding|border)-(left|right)\b.*|(left|right):.*|(text-align|float|clear): (left|right))", re.M
)


def test_the_footer_leads_to_both_statements(db: None, client: Client) -> None:
    home = client.get("/").content.decode()
    for address in ("/privacy/", "/accessibility/"):
        assert f'href="{address}"' in home
        assert client.get(address).status_code == 200


def test_privacy_names_only_what_the_shop_does(db: None, client: Client, settings: Any) -> None:
    page = client.get("/privacy/").content.decode()
    for period in ("30 days", "90 days", "400 days", "The photo is never stored"):
        assert period in page
    settings.PERSONAL_STRIP = settings.STRIP_CLICKS = False
    page = client.get("/privacy/").content.decode()
    assert "Recently viewed" not in page
    assert "400 days" not in page


def test_a_shop_replaces_a_statement(db: None, client: Client, settings: Any, tmp_path: Path) -> None:
    own, shipped = settings.TEMPLATES[0]["DIRS"]
    assert own == settings.VAR_DIR / "templates"
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/privacy.html").write_text(
        '{% extends "base.html" %}{% block content %}Corner Shop Ltd, 1 High Street{% endblock %}'
    )
    templates = copy.deepcopy(settings.TEMPLATES)
    templates[0]["DIRS"] = [tmp_path, shipped]
    settings.TEMPLATES = templates
    assert "Corner Shop Ltd" in client.get("/privacy/").content.decode()


@pytest.mark.parametrize("status", [400, 413, 429, 500, 503])
def test_error_pages_have_a_way_on(status: int, db: None) -> None:
    page = problem(RequestFactory().get("/search/photo/"), status, "code", "A sentence.", wait=7)
    text = page.content.decode()
    assert (page.status_code, page["Retry-After"]) == (status, "7")
    assert "A sentence." in text
    assert 'href="/"' in text
    assert 'href="/search/photo/"' in text


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_style_sheets_follow_the_direction_of_the_text(sheet: Path) -> None:
    assert [found[0] for found in PHYSICAL.findall(sheet.read_text())] == []


def test_pages_in_arabic_read_from_right_to_left(db: None, client: Client, settings: Any) -> None:
    settings.LANGUAGE_CODE = "ar"
    with translation.override("ar"):
        assert '<html lang="ar" dir="rtl">' in client.get("/").content.decode()


@pytest.mark.slow
def test_pages_can_be_printed(db: None, client: Client) -> None:
    assert '<link rel="stylesheet" href="/static/css/print.css" media="print">' in client.get("/").content.decode()
