from __future__ import annotations

from django import template

from catalog.storefront.cards import card

register = template.Library()
register.simple_tag(card)
