"""The layout of Kaggle's "Fashion Product Images": `styles.csv` beside `images/<id>.jpg`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import PurePosixPath

from catalog.importing.archive import TABLE_MAX_BYTES, Archive
from catalog.importing.errors import ImportFailed, RowError, RowRejected
from catalog.importing.records import Record
from catalog.importing.table_files import rows
from ml.files.tables import restored

TABLE = "styles.csv"
COLUMNS = (
    "id", "gender", "masterCategory", "subCategory", "articleType", "baseColour",
    "season", "year", "usage", "productDisplayName",
)  # fmt: skip
ATTRIBUTES = {
    "baseColour": "colour",
    "gender": "gender",
    "season": "season",
    "year": "year",
    "usage": "usage",
}
CATEGORIES = ("masterCategory", "subCategory", "articleType")
EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif")
UNSORTED = "Other"  # the category of a row that names none
ABSENT = {"", "NA", "N/A", "nan", "NULL"}


class KaggleLayout:
    name = "kaggle"

    def recognises(self, archive: Archive) -> bool:
        return self._table_name(archive) is not None

    def count(self, archive: Archive) -> int:
        return max(self._table(archive).count("\n") - 1, 0)

    def notes(self, archive: Archive) -> list[str]:
        return []

    def records(self, archive: Archive) -> Iterator[Record | RowError]:
        name = self._table_name(archive)
        reader = csv.reader(io.StringIO(self._table(archive), newline=""), strict=True)
        try:
            header = [column.strip() for column in next(reader, [])]
        except csv.Error as error:
            raise ImportFailed(f"The header of {name} is not readable as CSV: {error}") from error
        missing = [column for column in COLUMNS if column not in header]
        if name is None or missing:
            raise ImportFailed(f"{name or TABLE} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.")
        images = self._images(archive, PurePosixPath(name).parent)
        for row in rows(reader, name):
            yield row if isinstance(row, RowError) else self._record(name, *row, header, images)

    def _record(
        self, file: str, line: int, cells: list[str], header: list[str], images: dict[str, str]
    ) -> Record | RowError:
        if len(cells) > len(header) and header[-1] == "productDisplayName":
            # The published file does not quote names that hold a comma.
            cells = [*cells[: len(header) - 1], ",".join(cells[len(header) - 1 :])]
        if len(cells) != len(header):
            return RowError(file, line, "bad_columns", f"{len(cells)} columns where {len(header)} are expected")
        values = [restored(cell.strip()) for cell in cells]
        row = {key: "" if value in ABSENT else value for key, value in zip(header, values, strict=True)}
        sku = row["id"]
        if not sku or len(sku) > 64:
            return RowError(file, line, "bad_sku", "the id is empty or longer than 64 characters")
        title = row["productDisplayName"] or " ".join(filter(None, (row["baseColour"], row["articleType"])))
        if not title:
            return RowError(file, line, "no_title", f"product {sku} has neither a name nor a kind")
        # "Watches > Watches" says the same twice.
        category = tuple(dict.fromkeys(row[column] for column in CATEGORIES if row[column])) or (UNSORTED,)
        return Record(
            file=file,
            line=line,
            sku=sku,
            title=title[:255],
            category=category,
            image=images.get(sku, f"images/{sku}.jpg"),
            attributes={ours: row[theirs] for theirs, ours in ATTRIBUTES.items() if row[theirs]},
        )

    def _table_name(self, archive: Archive) -> str | None:
        found = [name for name in archive.names() if PurePosixPath(name).name == TABLE]
        return min(found, key=len, default=None)

    def _table(self, archive: Archive) -> str:
        name = self._table_name(archive)
        if name is None:
            raise ImportFailed(f"{archive.path} holds no {TABLE}.")
        try:
            return archive.read(name, TABLE_MAX_BYTES).decode("utf-8-sig")
        except RowRejected as error:
            raise ImportFailed(error.reason) from error
        except UnicodeDecodeError as error:
            raise ImportFailed(f"{name} is not UTF-8: {error}. Save it as UTF-8 and try again.") from error

    def _images(self, archive: Archive, root: PurePosixPath) -> dict[str, str]:
        """SKU to file name, for whatever extension the file has."""
        paths = (PurePosixPath(name) for name in archive.names())
        return {
            path.stem: str(path)
            for path in paths
            if path.parent == root / "images" and path.suffix.lower() in EXTENSIONS
        }
