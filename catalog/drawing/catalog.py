"""Writing the drawn shop to disk in the layout of the "Fashion Product Images" data set."""

import io
import os
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from ml.files.tables import Writer

from .canvas import Canvas
from .chance import seeded
from .planning import Product, plan

HEADER = (
    "id", "gender", "masterCategory", "subCategory", "articleType", "baseColour", "season", "year", "usage",
    "productDisplayName",
)  # fmt: skip
QUALITY = 88
EDITION = 1  # raise when drawings change, so that pictures of an earlier edition are drawn again


def draw_catalog(
    folder: Path, *, seed: int = 7, per_kind: int = 20, progress: Callable[[int, int], None] | None = None
) -> int:
    """Draw a shop: `folder/styles.csv` and `folder/images/<id>.jpg`, 480 x 640 pixels each.

    The same seed gives the same bytes on the same Pillow. A run that was cut off goes on where it stopped:
    files appear whole or not at all, pictures already there for this seed are kept, and styles.csv is
    written last, so that a folder with one is complete.

    Args:
        folder: made when missing.
        seed: another seed is another shop.
        per_kind: products of each kind.
        progress: called with (done, total) after each product.

    Returns:
        The number of products.
    """
    products = plan(seed, per_kind)
    images, table = folder / "images", folder / "styles.csv"
    images.mkdir(parents=True, exist_ok=True)
    for done, product in enumerate(products, start=1):
        path = images / f"{product.id}.jpg"
        if not _is_drawn(path, product):
            table.unlink(missing_ok=True)
            _write(path, encode(product))
        if progress is not None:
            progress(done, len(products))
    _write(table, _styles(products))
    return len(products)


def draw(product: Product) -> Image.Image:
    """The picture of a product, 480 x 640 RGB; about 60 ms on one core."""
    canvas = Canvas()
    product.kind.draw(canvas, seeded(*product.key), product.look())
    return canvas.photograph()


def encode(product: Product) -> bytes:
    """The picture of a product as JPEG, signed with what it shows."""
    buffer = io.BytesIO()
    draw(product).save(buffer, "JPEG", quality=QUALITY, optimize=True, comment=_signature(product))
    return buffer.getvalue()


def _signature(product: Product) -> bytes:
    return "/".join(map(str, ("drawn", EDITION, *product.key))).encode()


def _is_drawn(path: Path, product: Product) -> bool:
    """Whether the file holds this very product: its signature stands in a JPEG comment segment near the start."""
    signature = _signature(product)
    segment = b"\xff\xfe" + (len(signature) + 2).to_bytes(2, "big") + signature
    try:
        with path.open("rb") as file:
            return segment in file.read(1024)
    except OSError:
        return False


def _styles(products: list[Product]) -> bytes:
    text = io.StringIO()
    writer = Writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(product.row() for product in products)
    return text.getvalue().encode()


def _write(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees all of it or none."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)
