"""Product cards, each drawn once: pages show the same cards again and again, and drawing them is most of their work.

A card depends only on its key: the plain columns of the product and of its picture, what a search says of it, whether
the picture loads at once, and the language. The rows are read for every page, and another price or stock makes another
key, so no card is older than its page.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any
from weakref import WeakKeyDictionary

from django.db.models import JSONField, Model, TextField
from django.db.models.fields.files import FieldFile
from django.template.base import Template as Compiled
from django.template.loader import get_template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from catalog.models import Product, ProductImage
from catalog.storefront.drawn import Drawn

NAME = "catalog/_card.html"
KEPT = 4096  # cards of 1.7 kB in each process
AT_ONCE = 6  # pictures of the first cards of a page, which load before the others

#: By the compiled template, which Django compiles again when it changes during development.
_drawn: WeakKeyDictionary[Compiled, Drawn] = WeakKeyDictionary()


def _plain(model: type[Model]) -> tuple[str, ...]:
    """Columns that a card may show: all but long texts and JSON."""
    return tuple(each.attname for each in model._meta.concrete_fields if not isinstance(each, TextField | JSONField))


_PRODUCT, _PICTURE = _plain(Product), _plain(ProductImage)


def card(product: Product, match: Any = None, place: int | None = None) -> SafeString:
    """The card of a product, for pages.

    Args:
        match: of a search: the card shows the picture that matched, and why.
        place: in a grid that begins the page, from 1: the first pictures load at once.
    """
    template: Any = get_template(NAME)
    early = 0 if not place or place > AT_ONCE else min(place, 2)

    def draw() -> SafeString:
        return mark_safe(template.render({"product": product, "match": match, "place": early}))  # noqa: S308 (escaped)

    key = key_of(product, match, early)
    if key is None:
        return draw()
    return _drawn.setdefault(template.template, Drawn()).get(key, draw, most=KEPT)


def key_of(product: Product, match: Any, early: int) -> Hashable | None:
    """All that the card depends on; None if a column was not read, so that its value is unknown."""
    image = match.image if match else product.main_image
    columns = _columns(product, _PRODUCT)
    picture = () if image is None else _columns(image, _PICTURE)
    if columns is None or picture is None:
        return None
    why = match and (
        str(match.source),
        getattr(match, "colours", 0),
        tuple(badge.label for badge in getattr(match, "badges", ())),
    )
    # The address too: that of a bucket may be signed for a while.
    has_picture = image is not None or product.main_image is not None
    return get_language(), early, columns, picture, image and image.file.url, why, has_picture


def _columns(row: Model, names: tuple[str, ...]) -> tuple[Hashable, ...] | None:
    values = row.__dict__
    if any(name not in values for name in names):
        return None
    return tuple(_hashable(values[name]) for name in names)


def _hashable(value: Any) -> Hashable:
    if isinstance(value, list):
        return tuple(value)
    return value.name if isinstance(value, FieldFile) else value
