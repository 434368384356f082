from __future__ import annotations

from django import template

from catalog.storefront.prices import price_text

register = template.Library()
register.filter("money", price_text)
