from __future__ import annotations

from django import template

from catalog.storefront.prices import in_field, price_text

register = template.Library()
register.filter("money", price_text)
register.filter("in_field", in_field)
