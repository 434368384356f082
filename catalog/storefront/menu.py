"""The category menu in the header: the top categories and their children, as far as they have products to show.

It is part of every page, so its categories are kept in the shared cache, and what a process rendered of them in the
process. Saving or deleting a category or a product in any process empties the cache. What changes rows without signals,
as an import does, shows after `SECONDS` at most.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef
from django.db.models.signals import post_delete, post_save
from django.template.loader import render_to_string
from django.urls import get_script_prefix
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from catalog.facets.tree import STEP, Node, below
from catalog.models import Category, Product

logger = logging.getLogger(__name__)

KEY, SECONDS = "catalog.menu", 60
#: The menu weighs about 70 bytes an entry on every page. A larger shop shows all of its top categories up to `TOPS`,
#: and of each as many children as fit.
ENTRIES, TOPS, CHILDREN = 150, 50, 3

Row = tuple[int, str, str, str]  # id, path, name, address


@dataclass(frozen=True)
class Group:
    """
    Attributes:
        more: whether the category has more children than these.
    """

    top: Node
    children: list[Node]
    more: bool


def connect() -> None:
    for model in (Category, Product):
        for signal in (post_save, post_delete):
            signal.connect(_changed, sender=model, dispatch_uid=f"catalog.menu.{model.__name__}.{id(signal)}")


def menu() -> SafeString:
    """As HTML; empty in an empty shop. Pages that report a broken database have no menu either."""
    try:
        rows = tuple((pk, path, name, address) for pk, path, name, address in _kept())
    except DatabaseError:
        logger.warning("The category menu could not be read", exc_info=True)
        return SafeString()
    return _rendered(rows, get_language(), get_script_prefix())


def groups(nodes: list[Node]) -> tuple[list[Group], bool]:
    """
    Args:
        nodes: of the two upper levels.
    Returns:
        What the menu shows, and whether there are more top categories.
    """
    tops = below(nodes, "")
    shown = tops[:TOPS]
    each = max(CHILDREN, (ENTRIES - len(shown)) // max(1, len(shown)))
    children: dict[str, list[Node]] = {}
    for node in nodes:
        if len(node.path) > STEP:
            children.setdefault(node.path[:STEP], []).append(node)
    found = []
    for top in shown:
        own = below(children.get(top.path, ()), top.path)
        found.append(Group(top, own[:each], len(own) > each))
    return found, len(tops) > len(shown)


def _kept() -> list[Any]:
    return cache.get_or_set(KEY, _read, SECONDS) or []


def _read() -> list[Row]:
    """The upper two levels of categories with published products in or below them: one query."""
    own = Product.objects.published().filter(category=OuterRef("pk")).order_by()
    rows = Category.objects.order_by("path").annotate(sells=Exists(own))
    every = list(rows.values_list("pk", "path", "name", "address", "sells"))
    selling = {path[:length] for _, path, _, _, sells in every if sells for length in (STEP, 2 * STEP)}
    return [(pk, path, name, address) for pk, path, name, address, _ in every if path in selling]


@lru_cache(maxsize=32)
def _rendered(rows: tuple[Row, ...], language: str | None, prefix: str) -> SafeString:
    """`language` and `prefix` are what words and addresses depend on."""
    if not rows:
        return SafeString()
    found, more = groups([Node(*row) for row in rows])
    return render_to_string("catalog/_menu.html", {"groups": found, "more": more})


def _changed(**_: Any) -> None:
    transaction.on_commit(lambda: cache.delete(KEY), robust=True)
