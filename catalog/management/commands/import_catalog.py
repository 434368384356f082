"""Fill the shop from a folder or zip file of products and their photos."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.importing.loader import Outcome, check_records, import_records
from catalog.models.product import default_currency
from catalog.services import StorageUnavailable
from common.arguments import positive
from common.progress import meter
from ml.files.catalog.errors import CatalogFileError, RowError
from ml.files.catalog.opening import LAYOUTS, open_catalog
from ml.files.tables import Writer
from ml.pictures.decoding import DecoderUnavailable

SHOWN_ERRORS = 10

HELP = """\
Import products with their photos from a folder, a zip file or a table.

Layouts (recognised automatically, or chosen with --format):
  table   a .csv, .tsv or .xlsx with a header at the top, and pictures anywhere next to it. Columns may come in any
          order: sku, title and image are required; description, brand, category, price, compare_at_price, currency,
          stock, availability, published, condition, size, gtin, group, url and alt are known; every other column
          becomes an attribute of the product. docs/how-to/import.md lists what each may be called
  kaggle  styles.csv next to images/<id>.jpg, as in Kaggle's "Fashion Product Images"
  folder  one folder per class: Dress/0001.jpg, Shirt/0002.jpg

Existing products stay as they are and only get a photo if they have none. So it is safe to run this again, and a run
after an interruption completes the import. Rows that cannot be used are reported; the others are imported.
One import runs at a time: a second one waits for the first.

Examples:
  manage.py import_catalog fashion.zip --limit 2000 --demo-prices
  manage.py import_catalog my-shop/catalog.xlsx --dry-run
  manage.py import_catalog photos/ --format folder --errors errors.csv
"""


class Command(BaseCommand):
    help = HELP

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        return super().create_parser(*args, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="folder, .zip file or table")
        parser.add_argument("--format", default="auto", choices=["auto", *LAYOUTS])
        parser.add_argument("--limit", type=positive, metavar="N", help="import at most N products")
        parser.add_argument("--dry-run", action="store_true", help="report what would be imported, and write nothing")
        parser.add_argument(
            "--demo-prices",
            action="store_true",
            help="make up prices for products without one; they are the same in every run",
        )
        parser.add_argument("--errors", type=Path, metavar="FILE", help="write all row errors to this CSV file")

    def handle(self, *, path: Path, format: str, limit: int | None, demo_prices: bool, **options: Any) -> None:
        try:
            catalog = open_catalog(path, layout=format, currency=default_currency())
            for note in (*catalog.warnings, *catalog.notes):
                self.stderr.write(note)
            if options["dry_run"]:
                self._report_dry_run(check_records(catalog, limit=limit), options["errors"])
                return
            with meter(self.stderr, "Importing", min(catalog.count, limit or catalog.count)) as progress:
                outcome = import_records(
                    catalog, limit=limit, demo_prices=demo_prices, advance=progress.advance, on_wait=self._wait
                )
        except CatalogFileError as error:
            raise CommandError(str(error), returncode=2) from error
        except (StorageUnavailable, DecoderUnavailable) as error:
            raise CommandError(
                f"{error} ({error.__cause__}) What was imported stays. Run this again to import the rest."
            ) from error
        self._report(outcome.errors, options["errors"])
        if outcome.nothing_imported:
            problem = "Nothing could be imported." if outcome.errors else f"{catalog.source} contains no products."
            raise CommandError(problem)
        self.stdout.write(
            f"{outcome.created:,} products created, {outcome.existing:,} existed already, "
            f"{outcome.images:,} pictures added, {len(outcome.errors):,} row errors, {progress.rate:,.0f} products/s."
        )

    def _report_dry_run(self, outcome: Outcome, file: Path | None) -> None:
        self._report(outcome.errors, file)
        self.stdout.write(
            f"Dry run, nothing written: {outcome.created:,} products to create, {outcome.existing:,} exist already, "
            f"{outcome.images:,} pictures to add, {len(outcome.errors):,} row errors."
        )

    def _wait(self) -> None:
        self.stderr.write("Another import is running. Waiting for it to finish…")

    def _report(self, errors: list[RowError], file: Path | None) -> None:
        if file is not None:
            with file.open("w", newline="", encoding="utf-8") as stream:
                writer = Writer(stream)
                writer.writerow(["file", "line", "code", "reason"])
                writer.writerows((error.file, error.line, error.code, error.reason) for error in errors)
        for error in errors[:SHOWN_ERRORS]:
            self.stderr.write(str(error))
        if len(errors) > SHOWN_ERRORS:
            rest = len(errors) - SHOWN_ERRORS
            where = f"see {file}" if file else "--errors FILE writes all of them"
            self.stderr.write(f"… and {rest:,} more ({where}).")
