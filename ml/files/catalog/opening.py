"""One way in to every layout of catalog files."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from ml.files.catalog import class_folders, kaggle, table
from ml.files.catalog.archive import FolderArchive, open_archive
from ml.files.catalog.errors import UnknownLayout
from ml.files.catalog.header.columns import listed, missing_in
from ml.files.catalog.records import Catalog
from ml.files.catalog.tables import EXTENSIONS, TABLE_MAX_BYTES, FoundTable, Input
from ml.pictures.codec import MAX_BYTES

LAYOUTS = ("table", "kaggle", "folder")
_SHOWN_COLUMNS = 20  # of a table that is not understood
_SHOWN_NAMES = 5
_ONLY_PICTURES = (
    "To import only the pictures in folders, add --format folder: the products then have no prices. "
    "See docs/how-to/import.md."
)
_LEARNED_FROM = ("id", "articleType")  # columns of Kaggle's table without which nothing can be learned


def open_catalog(
    path: Path,
    *,
    layout: str = "auto",
    currency: str = "USD",
    attributes: Collection[str] = (),
    learning: bool = False,
) -> Catalog:
    """Open a folder, a zip file or a table as a catalog. Each table is read once.

    Args:
        layout: one of `LAYOUTS`, or "auto" to recognise it.
        currency: meant by a price sign that several currencies share.
        attributes: names of columns that become attributes although they look internal.
        learning: the catalog is a training set. Links may then point outside it, Kaggle's table needs only the
            columns with labels, and a table that lacks a column is no reason to refuse class folders.

    Raises:
        UnknownLayout: no layout is recognised.
        CatalogFileError: the path, the layout or the table cannot be used.
    """
    input = _input(path, learning)
    chosen = _recognised(input, learning) if layout == "auto" else layout
    catalog = _read(input, chosen, currency, attributes, learning)
    archive = input.archive
    about = (
        (f"Links and entries that lead out of {archive.path.name} are not read", archive.left_out),
        (f"{archive.path.name} has several entries of one name, and only the last is read", archive.repeated),
    )
    warnings = tuple(f"{what}: {_shown(names)}." for what, names in about if names)
    return replace(catalog, warnings=(*catalog.warnings, *warnings))


def _shown(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN_NAMES]) + ", …" * (len(names) > _SHOWN_NAMES)


def _read(input: Input, layout: str, currency: str, attributes: Collection[str], learning: bool) -> Catalog:
    if layout == "table":
        return table.read(input, currency=currency, attributes=attributes)
    if layout == "kaggle":
        needed = _LEARNED_FROM if learning else kaggle.COLUMNS
        return kaggle.read(input, needed, currency=currency, attributes=attributes)
    return class_folders.read(input)


def _input(path: Path, learning: bool) -> Input:
    max_bytes = MAX_BYTES if learning else TABLE_MAX_BYTES
    if path.suffix.lower() in EXTENSIONS and path.is_file():
        archive = FolderArchive(path.parent, follow_links=learning)
        return Input(archive, only=path.name, max_bytes=max_bytes)
    return Input(open_archive(path, follow_links=learning), max_bytes=max_bytes)


def _recognised(input: Input, learning: bool) -> str:
    if table.recognises(input, complete=learning):
        return "table"
    if kaggle.recognises(input):
        return "kaggle"
    if input.only:
        return "table"
    unread = [found for found in input.tables if not found.header]
    for found in unread:
        if found.is_workbook and not learning:  # never meant for class folders
            found.table  # noqa: B018 - raises the reason
    if class_folders.recognises(input):
        if not learning and (other := next(filter(_has_rows, input.tables), None)):
            raise UnknownLayout(_not_understood(other))
        if not learning and input.unreadable:
            raise UnknownLayout(f"{_other_format(input.unreadable)} {_ONLY_PICTURES}")
        return "folder"
    for found in unread:
        found.table  # noqa: B018
    if input.unreadable:
        raise UnknownLayout(_other_format(input.unreadable))
    other = next((found for found in input.tables if found.header), None)
    columns = f" The columns of {other.name} are: {', '.join(other.header[:_SHOWN_COLUMNS])}." if other else ""
    raise UnknownLayout(
        f"{input.archive.path} is in no known layout: expected a .csv, .tsv or .xlsx with the columns sku, title and "
        f"image at its top, Kaggle's styles.csv next to images/, or one folder per class.{columns} "
        "See docs/how-to/import.md."
    )


def _has_rows(found: FoundTable) -> bool:
    """Whether this may be a table of products, rather than a list of files and their labels."""
    return len(found.header) > 2 and found.table.count > 0


def _not_understood(found: FoundTable) -> str:
    """Products made from the pictures alone would have no prices, and nobody would notice."""
    missing = missing_in(found.header)
    return (
        f"{found.name} has no columns for {listed(missing)}. Its columns are: "
        f"{', '.join(found.header[:_SHOWN_COLUMNS])}. Rename them. {_ONLY_PICTURES}"
    )


def _other_format(names: list[str]) -> str:
    return f"Tables of this format are not read: {_shown(names)}. Save the table as XLSX or CSV, and import that."
