"""Reads the strip of a product's page, which the page fetches on its own."""

from __future__ import annotations

from django.test import Client

from catalog.models import Product


def strip_of(client: Client, product: Product, query: str = "") -> str:
    """The fragment with the similar items of `product`.

    Args:
        query: of the page's address, such as `?colour=Green`.
    """
    response = client.get(f"{product.get_absolute_url()}similar/{query}")
    assert response.status_code == 200
    return response.content.decode()
