"""The category tree, a materialised path: a subtree is one indexed range scan."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Protocol, TypeVar

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from treebeard.mp_tree import MP_Node

from catalog.models.slugs import is_partial, slug_of
from catalog.search.words import fold

SLUG_LENGTH = 100


class Category(MP_Node):
    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(
        max_length=SLUG_LENGTH,
        blank=True,
        help_text=_("The last part of the category's address. Leave empty to use the name."),
    )
    address = models.CharField(max_length=255, unique=True, editable=False)

    node_order_by = ["name"]

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.address = self.address_below(Category.objects.get_parent(self) if self.depth and self.depth > 1 else None)
        super().save(*args, **kwargs)

    def address_below(self, parent: Category | None) -> str:
        """This category's part of the URL: the slugs from the root down."""
        if not self.slug:
            self.slug = category_slug(self.name)
        return f"{parent.address}/{self.slug}" if parent else self.slug

    def get_absolute_url(self) -> str:
        return reverse("catalog:category", args=[self.address])

    @property
    def trail(self) -> list[Category]:
        """The breadcrumbs: the categories from the root down to this one, included."""
        return [*Category.objects.get_ancestors(self), self] if self.depth > 1 else [self]


def category_slug(name: str) -> str:
    """`winter-coats`. Part of the name's hash is added if the slug leaves out letters, such as Chinese ones."""
    slug = slug_of(name)[:SLUG_LENGTH]  # longer than the name if it has letters such as ℡, "tel"
    if slug and not is_partial(name):
        return slug
    return f"{slug[: SLUG_LENGTH - 9] or 'category'}-{sha256(name.encode()).hexdigest()[:8]}"


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Some = TypeVar("_Some", bound=_Named)


def by_name(categories: Iterable[_Some]) -> list[_Some]:
    """Sorted as people sort names: without case and accents."""
    return sorted(categories, key=lambda category: (fold(category.name), category.name))


def in_tree_order(categories: Iterable[Category]) -> list[int]:
    """Primary keys, each category before those below it, siblings by name. `categories`: the whole tree."""
    below: dict[str, list[Category]] = {}
    for category in categories:
        below.setdefault(category.path[: -Category.steplen], []).append(category)
    ordered: list[int] = []
    waiting = by_name(below.get("", ()))[::-1]
    while waiting:
        category = waiting.pop()
        ordered.append(category.pk)
        waiting += by_name(below.get(category.path, ()))[::-1]
    return ordered
