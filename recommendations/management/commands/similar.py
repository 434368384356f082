"""The product page's strip, in a terminal."""

from __future__ import annotations

from argparse import ArgumentParser
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.models import Product
from recommendations.management.arguments import add_search_arguments, write_results
from recommendations.search import similar_products


class Command(BaseCommand):
    help = "List the products that look most like one product."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sku", metavar="SKU")
        add_search_arguments(parser)

    def handle(self, *, sku: str, k: int, price_max: Decimal | None, json: bool, **options: Any) -> None:
        product = Product.objects.filter(sku=sku).first()
        if product is None:
            raise CommandError(f"There is no product with the SKU {sku!r}.")
        results = similar_products(product, limit=k, price_max=price_max)
        if not results.matches and price_max is None:
            self.stderr.write("No look-alikes: is the product's picture embedded? See `manage.py pipeline_status`.")
        write_results(self.stdout, results, as_json=json)
