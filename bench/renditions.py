"""What renditions cost and save: encoding time, and bytes of the copy that a card or a product page loads."""

from __future__ import annotations

import os
import time
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from ml.datasets import open_set
from ml.pictures.codec import decode, render
from ml.pictures.renditions import FORMATS, Rendition

SHOWN = {"card, 173 px at 2×": 346, "gallery, 528 px at 2×": 1056}  # needed width by what shows the picture
CAMERA = (3000, 4000)
DEMO_PHOTOS = Path(__file__).resolve().parents[1] / "demo" / "photos"


def measure(*, limit: int) -> None:
    """Prints a table for each set of pictures; one process, one core."""
    for name, files in _sets(limit).items():
        took, made = [], []
        for data in files:
            began = time.process_time()
            made.append(render(data).copies)
            took.append(1000 * (time.process_time() - began))
        bytes_each, stored = np.mean([len(data) for data in files]), sum(len(one.data) for each in made for one in each)
        print(f"\n{name}: {len(files)} pictures, {sum(map(bool, made))} with renditions, {bytes_each:,.0f} bytes each")
        print(f"  {np.mean(took):.0f} ms of one core a picture, 95 % within {np.percentile(took, 95):.0f} ms")
        print(f"  {stored / sum(map(len, files)):.2f} × their bytes on disk")
        for shown, needed in SHOWN.items():
            for format in FORMATS:
                each = [_loaded(copies, format, needed, len(data)) for copies, data in zip(made, files, strict=True)]
                print(f"  bytes for a {shown}, {format}: {np.mean(each):,.0f}")


def _loaded(made: list[Rendition], format: str, needed: int, original: int) -> int:
    """Bytes of the narrowest copy that is wide enough, else of the widest, as browsers choose."""
    copies = sorted((each for each in made if each.format == format), key=lambda each: each.width)
    if not copies:
        return original
    return len(next((each for each in copies if each.width >= needed), copies[-1]).data)


def _sets(limit: int) -> dict[str, list[bytes]]:
    demo = [path.read_bytes() for path in sorted(DEMO_PHOTOS.rglob("*.*"))]
    sets = {"Demo": demo[:: max(1, len(demo) // limit)][:limit]}
    if folder := os.environ.get("LOOKALIKE_DATA"):
        samples = open_set(Path(folder) / "fashion-large.zip")
        sets["fashion-large.zip"] = [each.read() for each in samples[:: max(1, len(samples) // limit)][:limit]]
    sets["A camera's JPEG of 12 megapixels"] = [_camera(demo[number]) for number in range(3)]
    return sets


def _camera(data: bytes) -> bytes:
    """A photo with the grain of a sensor."""
    large = np.asarray(Image.fromarray(decode(data)).resize(CAMERA, Image.Resampling.BICUBIC))
    grain = np.random.default_rng(0).integers(-6, 7, large.shape, np.int8)
    out = BytesIO()
    Image.fromarray((large.astype(np.int16) + grain).clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=88)
    return out.getvalue()
