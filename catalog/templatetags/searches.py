"""Searches without results, on the admin's start page."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

from catalog.search import misses

register = template.Library()

SHOWN = 10


@register.inclusion_tag("catalog/admin_searches.html", takes_context=True)
def searches_without_results(context: Context) -> dict[str, Any]:
    """The most frequent ones, for users who may see them."""
    user = context["request"].user
    if not user.has_perm("catalog.view_searchmiss"):
        return {}
    return {
        "rows": misses.most_frequent(SHOWN),
        "days": misses.SHOWN_DAYS,
        "may_add_synonyms": user.has_perm("catalog.add_synonyms"),
    }
