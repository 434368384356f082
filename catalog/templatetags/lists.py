from __future__ import annotations

from django import template

from catalog.storefront.lists import LISTS, MAX_AGE, ProductList

register = template.Library()


@register.simple_tag
def shopper_lists() -> dict[str, ProductList | int]:
    """The lists by the names of their cookies, for `static/js/lists.js`."""
    return {**LISTS, "max_age": MAX_AGE}
