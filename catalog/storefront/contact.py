"""Mail to the shop about a product. The shopper's own mail program sends it."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings
from django.utils.translation import gettext as _

from catalog.models import Product


def mail_link(product: Product, address: str) -> str:
    """A `mailto:` link (RFC 6068) that names the product; empty if the shop has no `SHOP_EMAIL`.

    Args:
        address: of the product's page.
    """
    if not settings.SHOP_EMAIL:
        return ""
    question = _("Question about %(title)s") if product.in_stock else _("I would like to buy %(title)s")
    subject = question % {"title": product.title}
    body = f"{product.title}\r\n{_('SKU')}: {product.sku}\r\n{address}\r\n\r\n"
    return f"mailto:{quote(settings.SHOP_EMAIL, safe='@')}?subject={quote(subject)}&body={quote(body)}"
