"""Whether dots on a photo would find what else is in it: on pairs of products side by side, and on photos of one item.

A photo has up to three dots: regions of the network's class-activation map (`ml.maps.regions`). The first is the main
item; another one is of use if it lies on another item and names its type, and harmful on a photo of one item.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from bench.models.material import AMATEUR, MEDIUM
from ml import Embedder
from ml.commands.common import progress
from ml.datasets import Sample, open_set
from ml.maps.regions import Region, regions
from ml.pictures.codec import decode
from ml.weights.editions import editions

MOST = 3
SIDE = 400  # of each of two products
_CONFIDENCE = (0.0, 0.5, 0.7, 0.9)


def measure(*, limit: int, weights: Sequence[str], seed: int) -> None:
    """Print how often dots find both products of a pair, and how often a photo of one item has a second dot."""
    folder = os.environ.get("LOOKALIKE_DATA")
    if folder is None:
        raise SystemExit(f"LOOKALIKE_DATA must name a folder with {MEDIUM} and {AMATEUR}.")
    chance = np.random.default_rng(seed)
    products, photos = (_some(Path(folder) / name, chance) for name in (MEDIUM, AMATEUR))
    pairs = _pairs(products, limit)
    single = [(photo, _square(photo)) for photo in products[-limit:]] + [(p, decode(p.read())) for p in photos[:limit]]
    for name in weights or [edition.name for edition in editions() if edition.is_here]:
        embedder = Embedder.load(name, maps=True)
        with progress(f"dots of {name}", len(pairs) + len(single), unit="photos") as advance:
            of_pairs = [_dots(np.concatenate(halves, axis=1), embedder, advance) for _, halves in pairs]
            of_single = [_dots(picture, embedder, advance) for _, picture in single]
        print(f"\n{name}: {len(pairs):,} pairs, {limit:,} product photos and {limit:,} amateur photos of one item")
        print(f"{'another dot needs':<22}{'both places':>13}{'both types':>12}{'products':>18}{'amateurs':>18}")
        for least in _CONFIDENCE:
            chosen = [_chosen(dots, least) for dots in of_pairs]
            places = [len({dot.dot[0] >= SIDE for dot in dots}) == 2 for dots in chosen]
            types = [_names_both(dots, two) for dots, (two, _) in zip(chosen, pairs, strict=True)]
            second = [len(_chosen(dots, least)) > 1 for dots in of_single]
            print(f"{f'confidence {least:.1f}':<22}{np.mean(places):>13.3f}{np.mean(types):>12.3f}", end="")
            print(f"{np.mean(second[:limit]):>18.3f}{np.mean(second[limit:]):>18.3f}")


def _some(path: Path, chance: np.random.Generator) -> list[Sample]:
    labelled = [sample for sample in open_set(path) if "type" in sample.labels]
    return [labelled[place] for place in chance.permutation(len(labelled))]


def _pairs(products: Sequence[Sample], limit: int) -> list[tuple[tuple[str, str], list[np.ndarray]]]:
    """Two products of different types side by side, each on its own white square."""
    found = []
    for one, other in zip(products[::2], products[1::2], strict=False):
        if len(found) < limit and one.labels["type"] != other.labels["type"]:
            found.append(((one.labels["type"], other.labels["type"]), [_square(one), _square(other)]))
    return found


def _square(sample: Sample) -> np.ndarray:
    picture = Image.fromarray(decode(sample.read()))
    picture.thumbnail((SIDE, SIDE))
    square = Image.new("RGB", (SIDE, SIDE), "white")
    square.paste(picture.resize((SIDE, SIDE)) if picture.width == picture.height else picture)
    return np.asarray(square)


def _dots(picture: np.ndarray, embedder: Embedder, advance: Callable[[int], None]) -> list[Region]:
    height, width = picture.shape[:2]
    found = regions(embedder.maps([picture]), 0, (width, height), embedder.spec, most=MOST)
    advance(1)
    return found


def _chosen(dots: Sequence[Region], least: float) -> list[Region]:
    """The main dot, and others of another type that are certain enough."""
    return [dot for place, dot in enumerate(dots) if not place or _is_other(dot, dots[0], least)]


def _is_other(dot: Region, main: Region, least: float) -> bool:
    return dot.label != main.label and (dot.confidence or 0) >= least


def _names_both(dots: Sequence[Region], types: tuple[str, str]) -> bool:
    return all(any(dot.label == name and (dot.dot[0] >= SIDE) == bool(side) for dot in dots)
               for side, name in enumerate(types))  # fmt: skip
