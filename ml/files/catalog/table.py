"""A table of your own: a header in any order, and pictures anywhere next to it."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import PurePosixPath

from ml.files.catalog.errors import CatalogFileError
from ml.files.catalog.exports.recognised import rewritten
from ml.files.catalog.header.columns import NEEDED, needed_in, read_columns
from ml.files.catalog.kaggle import is_kaggle
from ml.files.catalog.products import records_of
from ml.files.catalog.records import Catalog
from ml.files.catalog.tables import KAGGLE_TABLE, FoundTable, Input


def recognises(input: Input, *, complete: bool = False) -> bool:
    """Whether a table at the top has the columns that are needed.

    Args:
        complete: require all of them. By default, a table that lacks one is recognised too, and `read` names it.
    """
    kaggle = input.kaggle_table is not None
    least = len(NEEDED) if kaggle or complete else len(NEEDED) - 1
    return any(
        needed_in(found.header) >= least
        and (not kaggle or PurePosixPath(found.name).name.lower() == KAGGLE_TABLE)
        and not is_kaggle(found.header)
        for found in input.tables
    )


def read(input: Input, *, currency: str, attributes: Collection[str] = ()) -> Catalog:
    """
    Args:
        currency: meant by a sign that several currencies share.
        attributes: names of columns that become attributes although they look internal.

    Raises:
        CatalogFileError: there is no such table or more than one, or its header cannot be used.
    """
    table = rewritten(_choose(input).table)
    columns = read_columns(table.name, table.header, attributes)
    notes = [*table.notes, *columns.notes]
    if columns.attributes:
        notes.append(f"Columns shown to shoppers as attributes: {', '.join(columns.attributes)}.")
    if others := [found.name for found in input.tables if found.name != table.name]:
        notes.append(f"Other tables are not read: {', '.join(others)}.")
    warnings = (*table.warnings, *columns.warnings)
    records = partial(records_of, table, columns, input.archive.names, currency)
    return Catalog("table", input.archive, table.name, table.count, records, table.dialect, warnings, tuple(notes))


def _choose(input: Input) -> FoundTable:
    """The table with the columns that are needed, or the one that comes nearest."""
    tables = sorted(input.tables, key=lambda found: needed_in(found.header), reverse=True)
    if not tables:
        raise CatalogFileError(f"{input.archive.path} has no .csv, .tsv or .xlsx file at its top.")
    complete = [found.name for found in tables if needed_in(found.header) == len(NEEDED)]
    if len(complete) > 1:
        raise CatalogFileError(
            f"{input.archive.path} has {len(complete)} tables: {', '.join(complete)}. Keep one at its top."
        )
    return tables[0]
