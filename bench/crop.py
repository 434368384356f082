"""Whether a shopper's photo finds more of its type when it is cropped to the region that the network looks at most."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from ml import Embedder
from ml.datasets import Sample, open_set
from ml.maps.regions import regions
from ml.pictures.codec import decode

LISTED = 10
_MARGIN = 0.05  # of the region's sides, kept around it
_BATCH = 32


def measure(*, limit: int, queries: int, weights: str | None, seed: int) -> None:
    folder = os.environ.get("LOOKALIKE_DATA")
    if folder is None:
        raise SystemExit("LOOKALIKE_DATA must name a folder with clothing-photos.zip.")
    embedder = Embedder.load(weights, maps=True)
    photos = [photo for photo in open_set(Path(folder) / "clothing-photos.zip") if "type" in photo.labels]
    order = np.random.default_rng(seed).permutation(len(photos))
    asking = [photos[place] for place in order[:queries]]
    gallery = [photos[place] for place in order[queries : queries + limit]]
    pictures = [decode(photo.read()) for photo in asking]
    crops, areas, seconds = [], [], []
    for picture in pictures:
        crop, spent = _cropped(picture, embedder)
        crops.append(crop)
        areas.append(crop.shape[0] * crop.shape[1] / (picture.shape[0] * picture.shape[1]))
        seconds.append(spent)
    whole, cut, found = (_vectors(each, embedder) for each in (pictures, crops, [decode(p.read()) for p in gallery]))
    print(f"{embedder.weights.name}: {len(asking):,} amateur photos ask {len(gallery):,} others")
    print(f"median share of the photo that the crop keeps: {np.median(areas):.2f}; maps and regions: ", end="")
    print(f"{1000 * np.median(seconds):.0f} ms of processor time a photo\n")
    print(f"{'searched with':<16}{'nearest':>9}{f'first {LISTED}':>10}")
    for name, vectors in (("the whole photo", whole), ("the crop", cut), ("both, mean", whole + cut)):
        hits = _alike(asking, gallery, vectors @ found.T)
        print(f"{name:<16}{hits[:, 0].mean():9.3f}{hits.mean():10.3f}")


def _cropped(picture: np.ndarray, embedder: Embedder) -> tuple[np.ndarray, float]:
    """The strongest region, or the whole picture if there is none; and the seconds of processor time."""
    height, width = picture.shape[:2]
    begun = time.process_time()
    found = regions(embedder.maps([picture]), 0, (width, height), embedder.spec, most=1)
    spent = time.process_time() - begun
    if not found:
        return picture, spent
    left, top, right, bottom = found[0].box
    x, y = round(_MARGIN * (right - left)), round(_MARGIN * (bottom - top))
    crop = picture[max(0, top - y) : bottom + y, max(0, left - x) : right + x]
    return np.ascontiguousarray(crop), spent


def _vectors(pictures: list[np.ndarray], embedder: Embedder) -> np.ndarray:
    batches = (pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH))
    return np.concatenate([embedder.embed(batch) for batch in batches])


def _alike(asking: list[Sample], gallery: list[Sample], scores: np.ndarray) -> np.ndarray:
    """Whether each photo and each of its nearest are of the same type: bool [q, LISTED]."""
    types = np.array([photo.labels["type"] for photo in gallery])
    nearest = np.argsort(-scores, axis=1)[:, :LISTED]
    alike: np.ndarray = types[nearest] == np.array([photo.labels["type"] for photo in asking])[:, None]
    return alike
