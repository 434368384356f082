from __future__ import annotations

from django import template

from catalog.storefront.menu import menu

register = template.Library()
register.simple_tag(menu, name="category_menu")
