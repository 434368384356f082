"""One product before ten backgrounds: does it find itself, or other products before the same background?

Products are cut out of white as in training and pasted on pieces of sellers' photos that show no garment. The gallery
of a query is every product on white, and every other product on the query's background.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from common.files import replacing
from ml.datasets import DatasetError, Sample
from ml.pictures.codec import decode, to_input
from ml.spec import ModelSpec

SIDE = 400
PIECE = 0.3  # of a photo's shorter side
# The corner of a photo of second-hand-photos.zip, none of which the bundled models were trained on. Chosen by eye:
# cloth, wood, carpets, tiles.
GROUNDS = (
    ("Skirt/f19701fb-2884-4526-bc66-ec71d359875f.jpg", "top right"),
    ("Shirt/93f360fb-e0fe-4052-8ab2-fe37c44dc9c1.jpg", "top right"),
    ("Blazer/9733514d-5fff-4f71-a07f-10cdb1a19d4d.jpg", "bottom left"),
    ("Dress/411a9780-e825-4bed-b9ce-848927b36638.jpg", "top right"),
    ("Polo/79ac5fa4-8083-4f22-be14-cebf1dcf03a1.jpg", "top left"),
    ("Hat/164d4bdf-eebb-4281-a846-9adb3174fe1c.jpg", "top right"),
    ("Shorts/6eb9a1b8-8dca-495c-b05c-271e1b4a395c.jpg", "top left"),
    ("Shoes/ba5fc3be-db69-435c-903f-43461a504421.jpg", "top left"),
    ("Shoes/09f0db06-5f01-468b-bb60-54a3093f7c27.jpg", "top right"),
    ("Outwear/69974463-ccef-4326-9df4-beac048309cb.jpg", "top right"),
)
_QUALITY = 90
_SQUARE = ModelSpec("resnet50", SIDE, "letterbox", "avg", 2048)
_ON_WHITE, _WHITE_FROM = 0.9, 243


def pieces(photos: Sequence[Sample]) -> list[np.ndarray]:
    """The ten backgrounds, uint8 [SIDE, SIDE, 3].

    Raises:
        DatasetError: the set lacks one of the photos.
    """
    by_name = {sample.name: sample for sample in photos}
    missing = next((name for name, _ in GROUNDS if name not in by_name), None)
    if missing:
        raise DatasetError(f"The photos for the backgrounds are incomplete: {missing} is missing.")
    return [_piece(decode(by_name[name].read()), corner) for name, corner in GROUNDS]


def on_white(sample: Sample) -> bool:
    """Whether nearly all of the border is white, so that the product can be cut out."""
    white = to_input(sample.read(), _SQUARE).min(axis=2) >= _WHITE_FROM
    border = np.concatenate([white[0], white[-1], white[:, 0], white[:, -1]])
    return bool(border.mean() >= _ON_WHITE)


def pasted(products: Sequence[Sample], grounds: Sequence[np.ndarray], folder: Path) -> list[Sample]:
    """Every product before every background, background by background; files are kept in `folder`."""
    found = []
    for number, ground in enumerate(grounds):
        key = hashlib.sha256(ground.tobytes()).hexdigest()[:16]
        for product in products:
            path = folder / key / f"{product.stamp}-{Path(product.name).stem}.jpg"
            read = partial(_kept, path, partial(_paste, product, ground))
            name = f"{number}/{product.name}"
            found.append(Sample(name, product.labels, read, product.group, f"{key}-{product.stamp}"))
    return found


def first_hits(plain: np.ndarray, shown: np.ndarray, asked: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Whether the first hit is the product itself, and whether it is another product before the same background; bool
    [grounds, asked] each.

    Args:
        plain: float32 [n, D], unit length, the products on white.
        shown: float32 [grounds, n, D], the same products before each background.
        asked: the products that query, positions among the n.
    """
    rows = np.asarray(asked)
    itself = np.zeros((len(shown), len(rows)), bool)
    misled = np.zeros_like(itself)
    for number, before in enumerate(shown):
        queries = before[rows]
        white, same = queries @ plain.T, queries @ before.T
        same[np.arange(len(rows)), rows] = -np.inf
        misled[number] = same.max(axis=1) >= white.max(axis=1)
        itself[number] = ~misled[number] & (white.argmax(axis=1) == rows)
    return itself, misled


def _piece(photo: np.ndarray, corner: str) -> np.ndarray:
    side = int(PIECE * min(photo.shape[:2]))
    rows = slice(0, side) if corner.startswith("top") else slice(-side, None)
    columns = slice(0, side) if corner.endswith("left") else slice(-side, None)
    piece = Image.fromarray(photo[rows, columns])
    return np.asarray(piece.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _paste(product: Sample, ground: np.ndarray) -> bytes:
    from ml.training.views.drawing import unchanged  # noqa: PLC0415 (Keras: seconds, and only the first time)
    from ml.training.views.rendering import render  # noqa: PLC0415 (as above)

    picture = to_input(product.read(), _SQUARE)
    changes = unchanged(1) | {"paste": np.ones(1, np.float32)}
    return jpeg(np.asarray(render(picture[None], SIDE, changes, ground[None]))[0])


def jpeg(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _kept(path: Path, make: Callable[[], bytes]) -> bytes:
    if not path.is_file():
        with replacing(path) as draft:
            draft.write_bytes(make())
    return path.read_bytes()
