"""Lists similar products in a terminal."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.models import Product
from recommendations.management.arguments import add_search_arguments, search_request_of, write_results
from recommendations.search.filters import ANYTHING
from recommendations.search.query_vectors import NoColourPart
from recommendations.search.service import find_similar


class Command(BaseCommand):
    help = "List the products most similar to a product."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sku", metavar="SKU")
        add_search_arguments(parser)
        parser.add_argument("--in-colour", metavar="COLOUR", help="similar products in this colour, e.g. Red")

    def handle(self, *, sku: str, json: bool, **options: Any) -> None:
        product = Product.objects.filter(sku=sku).first()
        if product is None:
            raise CommandError(f"No product has the SKU {sku!r}.")
        request = search_request_of(options)
        try:
            results = find_similar(product, request)
        except NoColourPart as error:
            raise CommandError(str(error)) from error
        if not results.matches and request.filters == ANYTHING and not request.in_colour:
            self.stderr.write(
                "No look-alikes. Check with `manage.py pipeline_status` that the product's picture is embedded."
            )
        write_results(self.stdout, results, as_json=json)
