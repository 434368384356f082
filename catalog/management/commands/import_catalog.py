"""Fill the shop from a folder or zip file of products and their photos."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.importing.loader import check_records, import_records
from catalog.importing.outcome import Outcome
from catalog.models.product import default_currency
from catalog.services import StorageUnavailable
from common.arguments import positive
from common.counting import counted
from common.progress import meter
from ml.files.catalog.errors import CatalogFileError, RowError
from ml.files.catalog.opening import LAYOUTS, open_catalog
from ml.files.catalog.records import Catalog
from ml.files.tables import Writer
from ml.pictures.decoding import DecoderUnavailable

ERROR_COLUMNS = ("file", "line", "code", "reason")
LAYOUT_NAMES = {"table": "table", "kaggle": "Kaggle's layout", "folder": "one folder per class"}

HELP = """\
Import products with their photos from a folder, a zip file or a table.

Layouts (recognised automatically, or chosen with --format):
  table   a .csv, .tsv or .xlsx with a header at the top, and pictures anywhere next to it. Columns may come in any
          order: sku, title and image are required; description, brand, category, price, compare_at_price, currency,
          stock, availability, published, condition, size, gtin, group, url and alt are known; every other column
          becomes an attribute, which the product's page shows, unless it looks internal (Cost, Supplier, Notes).
          docs/how-to/import.md lists what each may be called
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
        parser.add_argument(
            "--attribute",
            action="append",
            default=[],
            metavar="COLUMN",
            help="show this column to shoppers although its name looks internal, such as Cost; repeat it for more",
        )
        parser.add_argument("--errors", type=Path, metavar="FILE", help="write all row errors to this CSV file")

    def handle(self, *, path: Path, format: str, limit: int | None, demo_prices: bool, **options: Any) -> None:
        with _error_file(options["errors"]) as report:
            try:
                catalog = open_catalog(
                    path, layout=format, currency=default_currency(), attributes=options["attribute"]
                )
                for note in (*catalog.warnings, *catalog.notes):
                    self.stderr.write(note)
                if options["dry_run"]:
                    outcome, rate = check_records(catalog, limit=limit, report=report), None
                else:
                    with meter(self.stderr, "Importing", min(catalog.count, limit or catalog.count)) as progress:
                        outcome = import_records(
                            catalog, limit=limit, demo_prices=demo_prices, report=report,
                            advance=progress.advance, on_wait=self._wait,
                        )  # fmt: skip
                    rate = progress.rate
            except CatalogFileError as error:
                raise CommandError(str(error), returncode=2) from error
            except (StorageUnavailable, DecoderUnavailable) as error:
                raise CommandError(
                    f"{error} ({error.__cause__}) What was imported stays. Run this again to import the rest."
                ) from error
        self._report(catalog, outcome, rate, options["errors"])

    def _wait(self) -> None:
        self.stderr.write("Another import is running. Waiting for it to finish…")

    def _report(self, catalog: Catalog, outcome: Outcome, rate: float | None, file: Path | None) -> None:
        """What became of the rows.

        Raises:
            CommandError: nothing, or not one picture, could be imported.
        """
        for shown in outcome.first:
            self.stderr.write(str(shown))
        if more := outcome.problems - len(outcome.first):
            where = f"see {file}" if file else "--errors FILE writes all of them"
            self.stderr.write(f"… and {more:,} more ({where}).")
        read = f"{catalog.source}: {LAYOUT_NAMES[catalog.layout]}{f', {catalog.dialect}' if catalog.dialect else ''}."
        unit = "picture" if catalog.layout == "folder" else "row"
        rows = (
            f"{read} {counted(outcome.rows, unit)}: {outcome.created:,} created, {outcome.changed:,} changed, "
            f"{outcome.unchanged:,} unchanged, {outcome.refused:,} refused"
        )
        rows += f", {outcome.merged:,} with parts of other products." if outcome.merged else "."
        if outcome.nothing_imported:
            self.stdout.write(rows)
            raise CommandError(
                "Nothing could be imported." if outcome.problems else f"{catalog.source} contains no products."
            )
        errors = counted(outcome.problems, "row error")
        if rate is None:
            self.stdout.write(
                f"Dry run, nothing written: {counted(outcome.created, 'product')} to create, {outcome.existing:,} "
                f"exist already, {counted(outcome.images, 'picture')} to add, {errors}."
            )
        else:
            self.stdout.write(
                f"{counted(outcome.created, 'product')} created, {outcome.existing:,} existed already, "
                f"{counted(outcome.images, 'picture')} added, {errors}, {counted(round(rate), 'product')}/s."
            )
        self.stdout.write(rows)
        if outcome.assumed:
            self.stdout.write(
                f"{counted(outcome.assumed, 'price')} without a currency: taken as {default_currency()}, the shop's "
                "currency (SHOP_CURRENCY)."
            )
        for currency, count in sorted(outcome.guessed.items()):
            self.stdout.write(
                f"{counted(count, 'price')} with a sign that several currencies share: read as {currency}, although "
                f"the shop's currency is {default_currency()}. If another one is meant, add a column currency."
            )
        if outcome.different:
            self.stdout.write(
                f"Rows that differ from products of the shop: {outcome.different:,}. An import changes no existing "
                "product: edit them in the admin or through the API."
            )
        if outcome.no_picture:
            what = "The only picture that the rows name"
            if outcome.wanted > 1:
                what = f"None of the {outcome.wanted:,} pictures that the rows name"
            ends = "could be used" if outcome.wanted > 1 else "could not be used"
            raise CommandError(f"{what} {ends}. Correct the names or the files, and run this again to add pictures.")


@contextmanager
def _error_file(path: Path | None) -> Iterator[Callable[[RowError], None]]:
    """Writes each problem to a CSV file as it comes: there may be one for every row."""
    if path is None:
        yield lambda _: None
        return
    try:
        _check_error_file(path)
        stream = path.open("w", newline="", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.", returncode=2) from error
    with stream:
        writer = Writer(stream)
        writer.writerow(ERROR_COLUMNS)
        yield lambda error: writer.writerow([error.file, error.line, error.code, error.reason])


def _check_error_file(path: Path) -> None:
    """A slip must not cost the shop its table.

    Raises:
        CommandError: the file has something else than errors of an import.
    """
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as stream:
            if stream.readline(100).strip() != ",".join(ERROR_COLUMNS).encode():
                message = f"{path} exists, and its first line is not that of a list of errors. Give another name."
                raise CommandError(message, returncode=2)
