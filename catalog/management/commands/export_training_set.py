"""Exports the shop's products as a training set."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Exists, OuterRef

from catalog.exporting import ExportFailed, export_training_set
from catalog.models import Category, Product, ProductImage
from common.arguments import positive
from common.counting import counted
from common.progress import meter

NAMED = 10


class Command(BaseCommand):
    help = (
        "Export the catalog as a training set, styles.csv next to images/, for `python -m ml train` and "
        "`import_catalog`. A product's type is its category; colour, gender, season, year and usage come from its "
        "attributes. Prices, stock, brands and other values follow in further columns."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="new or empty folder")
        parser.add_argument(
            "--category", action="append", metavar="ADDRESS",
            help="only products in this category and its subcategories, e.g. apparel/topwear; may be repeated",
        )  # fmt: skip
        parser.add_argument("--limit", type=positive, metavar="N", help="at most N products, spread over the catalog")
        parser.add_argument("--continue", action="store_true", help="complete a folder that an earlier run started")

    def handle(self, *, folder: Path, category: list[str] | None, limit: int | None, **options: Any) -> None:
        pictured = ProductImage.objects.filter(product=OuterRef("pk"))
        products = Product.objects.filter(Exists(pictured)).order_by("pk")
        if category:
            products = products.filter(category__in=self._categories(category))
        if limit is not None:
            # Not the first ones: an import may have added them sorted by category.
            products = products.filter(pk__in=_spread(list(products.values_list("pk", flat=True)), limit))
        total = products.count()
        if not total:
            raise CommandError("There is no product with a picture to export.")
        try:
            with meter(self.stderr, "Exporting", total) as progress:
                exported = export_training_set(folder, products, resume=options["continue"], advance=progress.advance)
        except ExportFailed as error:
            raise CommandError(str(error)) from error
        for file, reason in exported.left_out[:NAMED]:
            self.stderr.write(f"left out: {file} {reason}")
        kept = f", {exported.kept:,} of them already exported" if exported.kept else ""
        self.stdout.write(
            f"{folder}: {counted(exported.pictures, 'picture')} of {counted(total, 'product')}{kept}, "
            f"{len(exported.left_out):,} left out. Next: `python -m ml train {folder} --out runs/first`."
        )

    def _categories(self, addresses: list[str]) -> list[int]:
        found: list[int] = []
        for address in addresses:
            top = Category.objects.filter(address=address.strip("/")).first()
            if top is None:
                known = ", ".join(Category.objects.filter(depth=1).values_list("address", flat=True)) or "none"
                raise CommandError(f"There is no category {address!r}. Top-level categories: {known}.")
            found += Category.objects.filter(path__startswith=top.path).values_list("pk", flat=True)
        return found


def _spread(ids: list[int], limit: int) -> list[int]:
    """`limit` of the ids, evenly spaced."""
    count = len(ids)
    return ids if limit >= count else [ids[place * count // limit] for place in range(limit)]
