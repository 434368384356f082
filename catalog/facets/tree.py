"""The category tree as rows: for the facet of categories and the menu."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from catalog.models import Category
from catalog.models.category import by_name

STEP = Category.steplen


@dataclass(frozen=True)
class Node:
    pk: int
    path: str
    name: str
    address: str


def tree() -> list[Node]:
    """Every category, by path: one query."""
    rows = Category.objects.order_by("path").values_list("pk", "path", "name", "address")
    return [Node(*row) for row in rows]


def below(nodes: Iterable[Node], path: str) -> list[Node]:
    """The children of a category, by name; those at the top for an empty path."""
    found = [node for node in nodes if len(node.path) == len(path) + STEP and node.path.startswith(path)]
    return by_name(found)
