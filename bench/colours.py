"""Whether a picture finds itself in other colours: its vector in each colour profile, compared with that in sRGB."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from bench.profiles import PROFILES, labelled, made
from ml import Embedder
from ml.datasets import open_set
from ml.pictures.codec import decode, to_input

LEAST = 0.99
_SAVED: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
}


def measure(*, limit: int, weights: str | None) -> bool:
    """Prints the table; False if pictures score less than `LEAST` against themselves."""
    embedder = Embedder.load(weights)
    pictures = [Image.fromarray(decode(data)) for data in _pictures(limit)]
    print(f"{embedder.weights.name}: cosine of {len(pictures)} pictures with themselves in sRGB\n")
    print(f"{'profile':<18}{'file':<6}{'median':>8}{'mean':>8}{'least':>8}{'as sRGB':>9}{'ms each':>9}{'without':>9}")
    is_good = True
    for name in PROFILES:
        mode, profile = made(name)
        grey = [image.convert("L").convert("RGB") for image in pictures] if mode == "L" else pictures
        for format, options in _SAVED.items():
            if (mode == "CMYK" and format != "JPEG") or (mode == "L" and format == "WEBP"):
                continue  # the format has no such pictures
            plain = [_saved(image.convert("L") if mode == "L" else image, format, options) for image in grey]
            sent = [labelled(image, mode, profile, format, **options) for image in grey]
            expected, took_plain = _vectors(embedder, plain)
            found, took = _vectors(embedder, sent)
            ignored, _ = _vectors(embedder, [_without_profile(data) for data in sent])
            scores, before = (found * expected).sum(axis=1), (ignored * expected).sum(axis=1)
            # A lossy encoder loses different details in another colour space, and print has fewer colours.
            is_good &= bool((np.median(scores) if format == "JPEG" else scores.min()) >= LEAST)
            print(
                f"{name:<18}{format:<6}{np.median(scores):8.4f}{scores.mean():8.4f}{scores.min():8.4f}{before.mean():9.4f}"
                f"{took:9.2f}{took_plain:9.2f}"
            )
    print(f"\n'as sRGB': the mean without the profile. At least {LEAST}: the median of JPEGs, each picture otherwise.")
    return is_good


def _pictures(limit: int) -> Iterator[bytes]:
    folder = os.environ.get("LOOKALIKE_DATA")
    if folder is not None:
        samples = open_set(Path(folder) / "fashion-large.zip")
        yield from (sample.read() for sample in samples[:: max(1, len(samples) // limit)][:limit])
        return
    print("LOOKALIKE_DATA is not set: the demo's photos are used.")
    files = sorted((Path(__file__).resolve().parents[1] / "demo" / "photos").rglob("*.*"))
    yield from (file.read_bytes() for file in files[:: max(1, len(files) // limit)][:limit])


def _saved(image: Image.Image, format: str, options: dict[str, object]) -> bytes:
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def _without_profile(data: bytes) -> bytes:
    image = Image.open(BytesIO(data))
    options = {"quality": "keep"} if image.format == "JPEG" else _SAVED[str(image.format)]
    file = BytesIO()
    image.save(file, image.format, **options, icc_profile=None)
    return file.getvalue()


def _vectors(embedder: Embedder, files: list[bytes]) -> tuple[np.ndarray, float]:
    """Vectors, float32 [n, D], and the milliseconds of decoding for each."""
    began = time.perf_counter()
    inputs = [to_input(data, embedder.spec) for data in files]
    took = 1000 * (time.perf_counter() - began) / len(files)
    return embedder.runtime.embed(inputs), took
