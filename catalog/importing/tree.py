"""The categories of a catalog file: found in the shop, or made."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from hashlib import sha256

from django.utils.text import slugify

from catalog.locks import lock_tree
from catalog.models import Category
from catalog.models.category import SLUG_LENGTH, category_slug


class Tree:
    """Paths of names as categories.

    Names that differ only in case, spaces or the Unicode form of accents are one category. Others are two, even if
    their addresses would be the same ("C" and "C++"): then part of a hash is added to the second address.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Categories made in a failed transaction do not exist."""
        self._named: dict[tuple[int | None, str], Category] = {}
        self._at: dict[str, Category] = {}
        self._paths: dict[tuple[str, ...], Category] = {}

    def know(self, paths: Iterable[tuple[str, ...]]) -> None:
        """Read them before making any, and with the tree locked, so that staff who edit it cause no conflict."""
        if all(path in self._paths for path in paths):
            return
        lock_tree()
        self.forget()
        by_path: dict[str, int] = {}
        for category in Category.objects.order_by("path"):
            by_path[category.path] = category.pk
            above = by_path.get(category.path[: -Category.steplen])
            self._named.setdefault((above, key_of(category.name)), category)
            self._at[category.address] = category

    def category(self, names: tuple[str, ...]) -> Category:
        """The category with this path, made if it is missing."""
        if names not in self._paths:
            parent = self.category(names[:-1]) if len(names) > 1 else None
            self._paths[names] = self._below(parent, names[-1])
        return self._paths[names]

    def _below(self, parent: Category | None, name: str) -> Category:
        place = (parent.pk if parent else None, key_of(name))
        if place not in self._named:
            category = Category(name=" ".join(unicodedata.normalize("NFC", name).split()))
            address = category.address_below(parent)
            if there := self._at.get(address):
                made = {category_slug(there.name), slugify(there.name)[:SLUG_LENGTH]}  # now, and before transcriptions
                if there.slug not in made:  # staff renamed it, or chose its address
                    self._named[place] = there
                    return there
                category.slug = f"{category.slug[: SLUG_LENGTH - 9]}-{sha256(key_of(name).encode()).hexdigest()[:8]}"
                address = category.address_below(parent)
            if address not in self._at:
                self._at[address] = _add(category, parent)
            self._named[place] = self._at[address]
        return self._named[place]


def key_of(name: str) -> str:
    """What names of one category have in common."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def _add(category: Category, parent: Category | None) -> Category:
    if parent is None:
        Category.objects.add_root(instance=category)
    else:
        # Sorted insertion moves siblings by SQL: the parent in memory may have an old path.
        Category.objects.add_child(Category.objects.get(pk=parent.pk), instance=category)
    return category
