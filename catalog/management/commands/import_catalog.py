"""Fill the shop from a folder or zip of products and their photos."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.importing.archive import open_archive
from catalog.importing.class_folders import ClassFolderLayout
from catalog.importing.errors import ImportFailed, RowError
from catalog.importing.kaggle import KaggleLayout
from catalog.importing.loader import import_records
from catalog.importing.records import Layout
from catalog.importing.table import TableLayout
from catalog.services import StorageUnavailable
from common.arguments import positive
from common.progress import meter
from ml.files.tables import Writer
from ml.pictures.decoding import DecoderUnavailable

LAYOUTS: tuple[Layout, ...] = (TableLayout(), KaggleLayout(), ClassFolderLayout())
SHOWN_ERRORS = 10

HELP = """\
Import products with their photos from a folder or a zip file.

Layouts (recognised by themselves, or named with --format):
  table   a .csv or .tsv with a header at the top, pictures anywhere beside it; columns in any order: sku, title and
          image are needed; description, brand, category, price, currency, stock, published and alt are known, and
          every other column becomes an attribute of the product
  kaggle  styles.csv beside images/<id>.jpg, as in Kaggle's "Fashion Product Images"
  folder  one folder per class: Dress/0001.jpg, Shirt/0002.jpg

Products that exist stay as they are and only get a photo if they have none, so running it again is harmless, and
running it after an interruption completes the import. Rows that cannot be used are listed; the rest is imported.
One import runs at a time: a second one waits for the first.

Examples:
  manage.py import_catalog fashion.zip --limit 2000 --demo-prices
  manage.py import_catalog my-table/ --errors errors.csv
  manage.py import_catalog photos/ --format folder --errors errors.csv
"""


class Command(BaseCommand):
    help = HELP

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        return super().create_parser(*args, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="folder or .zip file")
        parser.add_argument("--format", default="auto", choices=["auto", *(layout.name for layout in LAYOUTS)])
        parser.add_argument("--limit", type=positive, metavar="N", help="import at most N products")
        parser.add_argument(
            "--demo-prices",
            action="store_true",
            help="make up prices, the same ones every time, where there are none",
        )
        parser.add_argument("--errors", type=Path, metavar="FILE", help="write every row error to this CSV file")

    def handle(self, *, path: Path, format: str, limit: int | None, demo_prices: bool, **options: Any) -> None:
        try:
            archive = open_archive(path)
            layout = self._layout(archive, format)
            for note in layout.notes(archive):
                self.stderr.write(note)
            total = layout.count(archive)
            with meter(self.stderr, "Importing", min(total, limit or total)) as progress:
                outcome = import_records(
                    archive, layout, limit=limit, demo_prices=demo_prices, advance=progress.advance, on_wait=self._wait
                )
        except ImportFailed as error:
            raise CommandError(str(error), returncode=2) from error
        except (StorageUnavailable, DecoderUnavailable) as error:
            raise CommandError(
                f"{error} ({error.__cause__}) What was imported stays; run this again to go on with the rest."
            ) from error
        self._report(outcome.errors, options["errors"])
        if outcome.nothing_imported:
            raise CommandError("Nothing could be imported.")
        self.stdout.write(
            f"{outcome.created:,} products created, {outcome.existing:,} existed already, "
            f"{outcome.images:,} pictures added, {len(outcome.errors):,} row errors, {progress.rate:,.0f} products/s."
        )

    def _wait(self) -> None:
        self.stderr.write("Another import is running. Waiting for it to finish…")

    def _layout(self, archive: Any, name: str) -> Layout:
        for layout in LAYOUTS:
            if name == layout.name or (name == "auto" and layout.recognises(archive)):
                return layout
        raise ImportFailed(
            f"{archive.path} is in no layout known here: expected a .csv or .tsv with the columns sku, title and image "
            "at its top, Kaggle's styles.csv beside images/, or one folder per class. See --help."
        )

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
            where = f"see {file}" if file else "--errors FILE writes them all"
            self.stderr.write(f"… and {rest:,} more ({where}).")
