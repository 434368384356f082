"""The layout of Kaggle's "Fashion Product Images": `styles.csv` next to `images/<id>.jpg`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import PurePosixPath

from ml.files.catalog.cells import present
from ml.files.catalog.errors import CatalogFileError, RowError
from ml.files.catalog.records import SKU_LENGTH, TITLE_LENGTH, UNSORTED, Catalog, Record
from ml.files.catalog.rows import Row, Table
from ml.files.catalog.tables import KAGGLE_TABLE as TABLE
from ml.files.catalog.tables import Input
from ml.files.pictures import EXTENSIONS
from ml.files.tables import restored

NAME = "productDisplayName"
COLUMNS = (
    "id", "gender", "masterCategory", "subCategory", "articleType", "baseColour",
    "season", "year", "usage", NAME,
)  # fmt: skip
ATTRIBUTES = {
    "baseColour": "colour",
    "gender": "gender",
    "season": "season",
    "year": "year",
    "usage": "usage",
}
CATEGORIES = ("masterCategory", "subCategory", "articleType")
LABELS = {"type": "articleType", "colour": "baseColour", "gender": "gender"}


def recognises(input: Input) -> bool:
    return input.kaggle_table is not None


def read(input: Input, needed: Sequence[str] = COLUMNS) -> Catalog:
    """
    Args:
        needed: columns without which the table is refused.

    Raises:
        CatalogFileError
    """
    if input.kaggle_table is None:
        raise CatalogFileError(f"{input.archive.path} has no {TABLE}.")
    table = input.kaggle_table.table
    header = [restored(column.strip()) for column in table.header]
    missing = [column for column in needed if column not in header]
    if missing:
        where = f"{table.name} in {input.archive.path}"
        raise CatalogFileError(f"{where} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.")
    if table.warnings:
        raise CatalogFileError(f"{table.name} is not UTF-8. Save it as UTF-8 and try again.")
    others = [column for column in header if column and column not in COLUMNS]
    notes = [f"Columns of {table.name} that are not imported: {', '.join(others)}."] if others else []
    records = partial(_records, table, header, _images(input.archive.names, table.folder))
    return Catalog("kaggle", input.archive, table.name, table.count, records, notes=tuple(notes))


def _records(table: Table, header: list[str], images: dict[str, str]) -> Iterator[Record | RowError]:
    for row in table.rows():
        yield row if isinstance(row, RowError) else _record(table, row, header, images)


def _record(table: Table, row: Row, header: list[str], images: dict[str, str]) -> Record | RowError:
    line, cells = row
    if len(cells) > len(header) and header[-1] == NAME:
        # The published file does not quote names that contain a comma.
        cells = [*cells[: len(header) - 1], ",".join(cells[len(header) - 1 :])]
    if len(cells) != len(header):
        return RowError(table.name, line, "bad_columns", f"{len(cells)} columns instead of {len(header)}")
    found = dict.fromkeys(COLUMNS, "")
    found |= {column: present(restored(cell.strip())) for column, cell in zip(header, cells, strict=True)}
    sku = found["id"]
    if not sku or len(sku) > SKU_LENGTH:
        return RowError(table.name, line, "bad_sku", f"the id is empty or longer than {SKU_LENGTH} characters")
    title = found[NAME] or " ".join(filter(None, (found["baseColour"], found["articleType"])))
    if not title:
        return RowError(table.name, line, "no_title", f"product {sku} has neither a name nor a type")
    # "Watches > Watches" is one category.
    category = tuple(dict.fromkeys(found[column] for column in CATEGORIES if found[column])) or (UNSORTED,)
    return Record(
        file=table.name,
        line=line,
        sku=sku,
        title=title[:TITLE_LENGTH],
        category=category,
        image=images.get(sku, f"{table.folder / 'images' / sku}.jpg"),
        attributes={ours: found[theirs] for theirs, ours in ATTRIBUTES.items() if found[theirs]},
        labels={label: found[column] for label, column in LABELS.items() if found[column]},
        name=found[NAME],
    )


def _images(names: Sequence[str], root: PurePosixPath) -> dict[str, str]:
    """SKU to file name, whatever the extension of the file."""
    paths = (PurePosixPath(name) for name in names)
    return {
        path.stem: str(path) for path in paths if path.parent == root / "images" and path.suffix.lower() in EXTENSIONS
    }
