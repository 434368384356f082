"""Exports the catalog as a training set in the layout of Kaggle's "Fashion Product Images"."""

from __future__ import annotations

import errno
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.utils.text import slugify

from catalog.attributes import text_of
from catalog.importing.loader import STOCK
from catalog.models import Category, Product, ProductImage
from catalog.models.product import default_currency
from common.files import replacing
from ml.files.catalog.header.columns import STYLE, key_of
from ml.files.catalog.header.names import NAMES
from ml.files.catalog.kaggle import ATTRIBUTES, COLUMNS
from ml.files.catalog.records import UNSORTED
from ml.files.catalog.tables import KAGGLE_TABLE as TABLE
from ml.files.tables import Writer

CHUNK = 500  # products per query
THREADS = 4  # for storages behind a slow network; disks do not need them
IMAGES = "images"
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ExportFailed(Exception):
    """The message says why the export failed and what to do."""


@dataclass
class Exported:
    """`left_out` contains pairs of file name and reason."""

    pictures: int = 0
    kept: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)


def export_training_set(
    folder: Path,
    products: QuerySet[Product],
    *,
    resume: bool = False,
    advance: Callable[[int], None] = lambda _: None,
) -> Exported:
    """Write `folder/styles.csv` and `folder/images/<id>.jpg` (or the file's own extension).

    Pictures are copied byte for byte. The id of a product's first picture is the SKU; the others are `SKU_2`, `SKU_3`,
    with the same labels and name, so that a split keeps them together. Unknown values are left empty. The table is
    written last, so a folder with a table is complete.

    Args:
        products: the products to export, in this order.
        resume: `folder` may contain files; complete pictures are kept.
        advance: called with the number of exported products.

    Raises:
        ExportFailed: the folder is not empty, or cannot be written.
    """
    if not resume and folder.is_dir() and any(folder.iterdir()):
        raise ExportFailed(f"{folder} is not empty. Choose another folder, or complete this one with --continue.")
    if folder.exists() and not folder.is_dir():
        raise ExportFailed(f"{folder} is not a folder.")
    exported = Exported()
    names, ids = _CategoryNames(), _PictureIds()
    lines: list[dict[str, str]] = []
    try:
        (folder / IMAGES).mkdir(parents=True, exist_ok=True)
        (folder / TABLE).unlink(missing_ok=True)
        with ThreadPoolExecutor(THREADS, "copy") as pool:
            for chunk in _chunks(products):
                pictures = [
                    (ids.of(product, place), product, image)
                    for product in chunk
                    for place, image in enumerate(product.images.all(), start=1)
                ]
                copies = pool.map(lambda picture: _copy(folder, picture[0], picture[2]), pictures)
                for (name, product, image), outcome in zip(pictures, copies, strict=True):
                    if outcome not in (WRITTEN, KEPT):
                        exported.left_out.append((str(image.file), outcome))
                        continue
                    exported.pictures += 1
                    exported.kept += outcome == KEPT
                    lines.append(_line(name, product, names.of(product)))
                advance(len(chunk))
        _replace(folder / TABLE, _table(lines))
    except OSError as error:
        raise ExportFailed(_sentence(folder, error, exported.pictures)) from error
    return exported


WRITTEN, KEPT = "written", "kept"


def _copy(folder: Path, name: str, image: ProductImage) -> str:
    """Copy a picture. Returns `WRITTEN`, `KEPT`, or why the picture is left out."""
    path = folder / IMAGES / f"{name}{PurePosixPath(str(image.file)).suffix}"
    if path.is_file() and _digest(path.read_bytes()) == image.digest:
        return KEPT
    try:
        with default_storage.open(str(image.file)) as file:
            data = file.read()
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if _digest(data) != image.digest:
        return "is not the file that was uploaded"
    _replace(path, data)
    return WRITTEN


class _PictureIds:
    """Picture ids: the SKU, if it can be a file name, followed by a number for later pictures."""

    def __init__(self) -> None:
        self._taken = set(Product.objects.filter(sku__regex=r"_\d+$").values_list("sku", flat=True))

    def of(self, product: Product, place: int) -> str:
        name = product.sku
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            name = f"{slugify(name)}-{_digest(name.encode())[:8]}".strip("-")
        if place == 1:
            return name
        numbered = f"{name}_{place}"
        return f"{numbered}-{_digest(product.sku.encode())[:8]}" if numbered in self._taken else numbered


def _line(name: str, product: Product, categories: Sequence[str]) -> dict[str, str]:
    """Kaggle's columns, and whatever else is known that an import would not assume."""
    known = {theirs: text_of(product.attributes.get(ours)) for theirs, ours in ATTRIBUTES.items()}
    known |= dict(zip(("masterCategory", "subCategory", "articleType"), categories, strict=True))
    known |= {"id": name, "productDisplayName": product.title}
    known |= {"" if key_of(key) != key else key: text_of(value) for key, value in _others(product).items()}
    known |= {key: text for key, text in _fields(product).items() if text}
    return {column: " ".join(str(text).split()) for column, text in known.items() if column}


def _fields(product: Product) -> dict[str, str]:
    """Empty for values that a product of a file without the column has."""
    return {
        "price": "" if product.price is None else str(product.price),
        "compare_at_price": "" if product.compare_at_price is None else str(product.compare_at_price),
        "currency": product.currency if product.currency != default_currency() else "",
        "stock": str(product.stock) if product.stock != STOCK else "",
        "published": "" if product.published else "no",
        "description": product.description,
        "brand": product.brand,
        "condition": product.condition,
        "size": product.size,
        "gtin": product.gtin,
        "url": product.url,
        "group": text_of(product.attributes.get(STYLE)),
    }


def _others(product: Product) -> dict[str, Any]:
    known = {*ATTRIBUTES.values(), STYLE, *NAMES}
    return {name: value for name, value in product.attributes.items() if name not in known}


class _CategoryNames:
    """Master category, subcategory and article type: the top, second and last level of a product's category."""

    def __init__(self) -> None:
        self._names = dict(Category.objects.values_list("path", "name"))
        self._step = Category.steplen

    def of(self, product: Product) -> tuple[str, str, str]:
        path = product.category.path
        trail = [self._names.get(path[:end], "") for end in range(self._step, len(path) + 1, self._step)]
        if trail == [UNSORTED]:
            return ("", "", "")
        # "Watches" in "Accessories" is both: the import merges a level that repeats its parent.
        return (trail[0], trail[1] if len(trail) > 1 else trail[0], trail[-1])


def _chunks(products: QuerySet[Product]) -> Iterator[list[Product]]:
    rows = products.select_related("category").prefetch_related("images")
    chunk: list[Product] = []
    for product in rows.iterator(chunk_size=CHUNK):
        chunk.append(product)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _table(lines: Sequence[dict[str, str]]) -> bytes:
    columns = list(dict.fromkeys((*COLUMNS, *sorted({column for line in lines for column in line}))))
    text = io.StringIO()
    writer = Writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([line.get(column, "") for column in columns] for line in lines)
    return text.getvalue().encode()


def _replace(path: Path, data: bytes) -> None:
    with replacing(path, durable=False) as draft:  # waiting for the disk with each of many files takes minutes
        draft.write_bytes(data)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sentence(folder: Path, error: OSError, pictures: int) -> str:
    what = f"The disk of {folder} is full" if error.errno in _DISK_FULL else f"{folder} cannot be written ({error})"
    return f"{what}; {pictures:,} pictures were exported. Fix this, then run the command again with --continue."
