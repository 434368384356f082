"""What a picture looks like to the network: whole on white, whole on the colour of its border, or stretched; with or
without cutting a uniform border off. Nothing is trained: it says what a model loses or gains by another preparation.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from ml import Embedder, evaluation
from ml.datasets import Sample, open_set
from ml.evaluation.ranking import nearest
from ml.pictures.codec import decode, to_input
from ml.runtimes.onnx import usable_cores
from ml.spec import ModelSpec

FITS = ("white", "border", "stretch")
LISTED = 10
_TOLERANCE = 12  # of 255: what JPEG leaves of a uniform border
_MARGIN = 0.03  # kept around what is not border
_CLASSES = Path(evaluation.__file__).with_name("clothing_classes.json")


def measure(*, limit: int, queries: int, weights: str | None, seed: int) -> None:
    folder = os.environ.get("LOOKALIKE_DATA")
    if folder is None:
        raise SystemExit("LOOKALIKE_DATA must name a folder with fashion-small.zip and clothing-photos.zip.")
    embedder = Embedder.load(weights)
    random = np.random.default_rng(seed)
    studio = _some(open_set(Path(folder) / "fashion-small.zip"), limit, random)
    photos = _some(open_set(Path(folder) / "clothing-photos.zip"), queries, random)
    asking = random.permutation(len(studio))[:queries]
    print(f"{embedder.weights.name}, {embedder.spec.input_size} px: {len(asking):,} of {len(studio):,} studio pictures")
    print(f"and {len(photos):,} amateur photos ask; share of the {LISTED} nearest that are alike\n")
    print(f"{'letterbox':<11}{'border cut':<12}{'type':>7}{'colour':>8}{'both':>7}{'amateur':>9}{'mean cosine':>13}")
    usual: np.ndarray | None = None
    for fit, cut in product(FITS, (False, True)):
        gallery = _vectors(studio, embedder, _preparation(embedder.spec, fit, cut))
        found = nearest(gallery[asking], gallery, asking, LISTED)
        alike = {task: _alike(studio, asking, found, task) for task in ("type", "colour")}
        asked = _vectors(photos, embedder, _preparation(embedder.spec, fit, cut))
        kinds = _same_kind(photos, studio, nearest(asked, gallery, np.full(len(photos), -1), LISTED))
        usual = gallery if usual is None else usual
        both = (alike["type"] & alike["colour"]).mean()
        print(
            f"{fit:<11}{'yes' if cut else 'no':<12}{alike['type'].mean():7.3f}{alike['colour'].mean():8.3f}"
            f"{both:7.3f}{kinds:9.3f}{(gallery * usual).sum(axis=1).mean():13.4f}"
        )


def _some(samples: list[Sample], count: int, random: np.random.Generator) -> list[Sample]:
    known = [sample for sample in samples if "type" in sample.labels]
    return [known[index] for index in np.sort(random.permutation(len(known))[:count])]


def _preparation(spec: ModelSpec, fit: str, cut: bool) -> Callable[[bytes], np.ndarray]:
    framed = replace(spec, fit="stretch" if fit == "stretch" else "letterbox")

    def prepared(data: bytes) -> np.ndarray:
        pixels = decode(data)
        border = np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]), axis=0)
        if cut:
            pixels = _without_border(pixels, border)
        if fit == "border":
            pixels = _squared(pixels, border.astype(np.uint8))
        return to_input(pixels, framed)

    return prepared


def _without_border(pixels: np.ndarray, border: np.ndarray) -> np.ndarray:
    """The picture without the rows and columns that are all of the border's colour."""
    differs = (np.abs(pixels.astype(np.int16) - border) > _TOLERANCE).any(axis=2)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not len(rows):
        return pixels
    margin = round(_MARGIN * max(pixels.shape))
    top, left = max(0, rows[0] - margin), max(0, columns[0] - margin)
    return np.ascontiguousarray(pixels[top : rows[-1] + 1 + margin, left : columns[-1] + 1 + margin])


def _squared(pixels: np.ndarray, colour: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    side = max(height, width)
    square = np.empty((side, side, 3), np.uint8)
    square[:] = colour
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = pixels
    return square


def _vectors(samples: list[Sample], embedder: Embedder, prepared: Callable[[bytes], np.ndarray]) -> np.ndarray:
    with ThreadPoolExecutor(usable_cores()) as threads:
        return embedder.runtime.embed(list(threads.map(lambda sample: prepared(sample.read()), samples)))


def _alike(samples: list[Sample], asking: np.ndarray, found: np.ndarray, task: str) -> np.ndarray:
    labels = np.array([sample.labels.get(task, "") for sample in samples])
    alike: np.ndarray = labels[found] == labels[asking][:, None]
    return alike


def _same_kind(photos: list[Sample], studio: list[Sample], found: np.ndarray) -> float:
    classes: Mapping[str, str | list[str]] = json.loads(_CLASSES.read_text())
    types = np.array([sample.labels["type"] for sample in studio])
    hits = []
    for photo, places in zip(photos, found, strict=True):
        wanted = classes.get(photo.labels["type"])
        if wanted:
            hits.append(np.isin(types[places], [wanted] if isinstance(wanted, str) else wanted).mean())
    return float(np.mean(hits))
