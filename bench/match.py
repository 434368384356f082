"""What a match, the photo type and "No close matches" claim, compared with pictures no model was trained on.

Two shops are simulated with each model and the shop's own code: one that sells the whole catalog, most of which the
models know from training, and one that sells only the test side, as new to them as any other shop's catalog.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bench.held_out import Sets
from bench.models.material import Material
from ml.commands.evaluate import CLASS_MAP
from ml.datasets import DatasetError
from ml.datasets.families import family_of
from ml.embedder import default_cache_dir
from ml.evaluation.pictures import PictureSet
from ml.evaluation.ranking import nearest
from ml.evaluation.vectors import Model
from ml.spec import ModelSpec
from ml.weights import WeightsError
from ml.weights.classes import Classes, read_types
from ml.weights.editions import editions
from recommendations.search.calibration import NEIGHBOURS, QUERIES, STRANGERS, Calibration, Pairs, calibrated
from recommendations.search.isotonic import calibration_error
from recommendations.search.photo_types import LEAST_SHARE, OFFERED, VOTERS, vote
from recommendations.search.recognition import (
    MAJORITY,
    Fact,
    Guess,
    Labels,
    Recognition,
    guesses_of,
    recognised,
)

_STEPS = (0, 10, 30, 50, 70, 101)  # of the table of matches, in percent

#: Departments that a shop does not sell, for photos that show nothing of it.
DEPARTMENTS = {
    "shoes": ("Casual Shoes", "Sports Shoes", "Heels", "Formal Shoes", "Flats", "Sandals", "Sports Sandals",
              "Flip Flops", "Booties"),
    "bags": ("Handbags", "Backpacks", "Clutches", "Duffel Bag", "Laptop Bag", "Mobile Pouch", "Messenger Bag",
             "Waist Pouch", "Rucksacks", "Trolley Bag", "Tablet Sleeve", "Wallets"),
    "watches": ("Watches",),
    "sunglasses": ("Sunglasses",),
    "jewellery": ("Earrings", "Pendant", "Necklace and Chains", "Ring", "Bangle", "Bracelet", "Jewellery Set"),
}  # fmt: skip


@dataclass(frozen=True)
class Shop:
    """Attributes:
    vectors: float32 [n, D].
    types, families: str [n], "" if not known.
    taught: the types that the model was taught.
    spec: of the model; without one, nothing is guessed of pictures.
    """

    vectors: np.ndarray
    types: np.ndarray
    families: np.ndarray
    taught: Classes | None = None
    spec: ModelSpec | None = None

    def only(self, rows: np.ndarray) -> Shop:
        return Shop(self.vectors[rows], self.types[rows], self.families[rows], self.taught, self.spec)

    def labels(self, row: int) -> Labels:
        return Labels(self.types[row], self.families[row] or None)

    def guesses(self, rows: np.ndarray) -> dict[Fact, list[Guess]]:
        """What the neighbours of these pictures say of them."""
        made: dict[Fact, list[Guess]] = {Fact.TYPE: [], Fact.COLOUR: []}
        if self.spec is None:
            return made
        found = found_in(self, self.vectors[rows], rows, VOTERS)
        for row, places, scores in zip(rows, found.places, found.scores, strict=True):
            near = [(self.labels(p), float(s), self.vectors[p]) for p, s in zip(places, scores, strict=True)]
            for fact, each in guesses_of(self.vectors[row], self.labels(row), near, self.taught, self.spec).items():
                made[fact].append(each)
        return made

    def recognised(self, vectors: np.ndarray, found: Found) -> list[Recognition]:
        """Each picture among its neighbours; empty if the model was taught no types."""
        if self.taught is None:
            return []
        near = found.places[:, :NEIGHBOURS]
        return [recognised(self.taught, one, self.vectors[row]) for one, row in zip(vectors, near, strict=True)]


@dataclass(frozen=True)
class Photos:
    """Photos that shoppers search with.

    Attributes:
        vectors: float32 [q, D].
        own: int [q], where each is in the shop itself; -1 if it is not.
        types: the types of the shop that are right for each; none for a photo of nothing that it sells.
    """

    vectors: np.ndarray
    own: np.ndarray
    types: Sequence[frozenset[str]]

    def right(self, found: np.ndarray) -> np.ndarray:
        """bool [q, k]: whether `found`, str [q, k], are right types."""
        return np.array([[name in types for name in row] for row, types in zip(found, self.types, strict=True)], bool)


@dataclass(frozen=True)
class Found:
    """The pictures that photos find. Attributes: places, int [q, k]; scores, float [q, k], their cosines."""

    places: np.ndarray
    scores: np.ndarray


def found_in(shop: Shop, vectors: np.ndarray, own: np.ndarray, count: int) -> Found:
    places = nearest(vectors, shop.vectors, own, count)
    return Found(places, np.stack([shop.vectors[row] @ one for row, one in zip(places, vectors, strict=True)]))


def calibrated_in(shop: Shop, rows: np.ndarray, *, colours: bool) -> Calibration:
    """The shop's calibration, from pairs taken as it takes them: some of its pictures, each with its neighbours and
    with strangers."""
    rows = rows[:QUERIES]
    found = found_in(shop, shop.vectors[rows], rows, NEIGHBOURS)
    steps = 7 * np.arange(1, min(STRANGERS + 1, len(rows)))
    strangers = rows[(np.arange(len(rows))[:, None] + steps) % len(rows)]
    others = np.concatenate([found.places, strangers], axis=1)
    first, second = np.repeat(rows, others.shape[1]), others.ravel()
    pairs = Pairs(
        np.einsum("nd,nd->n", shop.vectors[first], shop.vectors[second]).astype(float),
        np.tile(np.arange(others.shape[1]) < found.places.shape[1], len(rows)),
        np.repeat(np.arange(len(rows)), others.shape[1]),
        shop.types[first] == shop.types[second],
        _same_family(shop.families[first], shop.families[second]) if colours else None,
        shop.recognised(shop.vectors[rows], found),
        shop.guesses(rows),
    )
    return calibrated(pairs, len(shop.types))


def claims(calibration: Calibration, scores: np.ndarray, alike: np.ndarray) -> dict[str, Any]:
    """The match that the shop claims for pairs, against the share of pairs for which it is true.

    Args:
        scores: float [n], cosines.
        alike: bool [n], whether the pair is what a match is the chance of.
    """
    claimed = calibration.curve.at(scores)
    rows = []
    for low, high in pairwise(_STEPS):
        some = (claimed * 100 >= low) & (claimed * 100 < high)
        if some.any():
            rows.append({"from": low, "to": min(high, 100), "pairs": int(some.sum()),
                         "claimed": float(claimed[some].mean()), "measured": float(alike[some].mean())})  # fmt: skip
    return {
        "error": calibration_error(claimed, alike),
        "claimed": float(claimed.mean()),
        "measured": float(alike.mean()),
        "steps": rows,
    }


def says_nothing_similar(calibration: Calibration, shop: Shop, vectors: np.ndarray, found: Found) -> np.ndarray:
    """bool [q]: whether the page says "No close matches"."""
    best = np.array([calibration.match(score) for score in found.scores.max(axis=1)])
    said, least = best < calibration.floor, calibration.recognition
    if least is not None:
        said |= np.array([seen.is_below(least) for seen in shop.recognised(vectors, found)])
    return said


def votes(shop: Shop, found: Found) -> list[dict[str, float]]:
    """For each photo: type → share of the votes, likeliest first."""
    return [
        vote(shop.types[places], scores)
        for places, scores in zip(found.places[:, :VOTERS], found.scores[:, :VOTERS], strict=True)
    ]


def _same_family(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.where((one == "") | (other == ""), -1, one == other).astype(np.int8)


def measured(shop: Shop, fitted: np.ndarray, own: Photos, amateur: Photos, nothing: Photos | None) -> dict[str, Any]:
    """Everything that is reported about one shop.

    Args:
        fitted: int, the shop's pictures that calibrate it; none of `own`.
        own: studio pictures of the shop, which no model was trained on.
        amateur: shoppers' photos of what it sells, likewise.
        nothing: photos of nothing that it sells.
    """
    calibration, of_types = (calibrated_in(shop, fitted, colours=colours) for colours in (True, False))
    found = found_in(shop, own.vectors, own.own, max(NEIGHBOURS, VOTERS))
    near, scores = found.places[:, :NEIGHBOURS], found.scores[:, :NEIGHBOURS]
    right = own.right(shop.types[near])
    colour = _same_family(shop.families[own.own][:, None], shop.families[near])
    by_amateurs = found_in(shop, amateur.vectors, amateur.own, max(NEIGHBOURS, VOTERS))
    right_type = amateur.right(shop.types[by_amateurs.places[:, :NEIGHBOURS]])
    figures: dict[str, Any] = {
        "pictures": len(shop.types),
        "own_estimate": calibration.error,
        "match": {
            "studio": claims(calibration, scores[colour >= 0], (right & (colour == 1))[colour >= 0]),
            "studio, type only": claims(of_types, scores.ravel(), right.ravel()),
            "amateur, type only": claims(of_types, by_amateurs.scores[:, :NEIGHBOURS].ravel(), right_type.ravel()),
        },
        "photo type": {},
        "nothing": {},
    }
    asking: dict[str, tuple[Photos, Found]] = {"studio": (own, found), "amateur": (amateur, by_amateurs)}
    for name, (photos, seen) in asking.items():
        figures["photo type"][name] = _types_of(photos, votes(shop, seen))
        figures["nothing"][name] = nothing_of(calibration, shop, photos.vectors, seen)
    if nothing:
        seen = found_in(shop, nothing.vectors, nothing.own, VOTERS)
        figures["nothing"]["groceries"] = nothing_of(calibration, shop, nothing.vectors, seen)
    for department, types in DEPARTMENTS.items():
        figures["nothing"][f"{department}, not sold"] = _without(types, shop, fitted, own)
    return figures


def _types_of(photos: Photos, found: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """How often the photo type is right, and whether its share of the votes is the chance of that."""
    offered = [[name for name, share in types.items() if share >= LEAST_SHARE][:OFFERED] for types in found]
    share = np.array([max(types.values()) for types in found])
    right = np.array([names[0] in types for names, types in zip(offered, photos.types, strict=True)])
    among = [not types.isdisjoint(names) for names, types in zip(offered, photos.types, strict=True)]
    certain = share > MAJORITY
    return {
        "first": float(right.mean()),
        "offered": float(np.mean(among)),
        "share": float(share.mean()),
        "error": calibration_error(share, right),
        "certain": float(certain.mean()),
        "certain_right": float(right[certain].mean()) if certain.any() else None,
    }


def nothing_of(calibration: Calibration, shop: Shop, vectors: np.ndarray, found: Found) -> dict[str, Any]:
    said = says_nothing_similar(calibration, shop, vectors, found)
    return {"photos": len(said), "said": float(said.mean())}


def _without(types: Sequence[str], shop: Shop, fitted: np.ndarray, own: Photos) -> dict[str, Any] | None:
    """A shop without a department, calibrated with the rest, and studio pictures of what it does not sell."""
    sold = ~np.isin(shop.types, types)
    asking = ~sold[own.own]
    if not asking.any():
        return None
    new = np.cumsum(sold) - 1
    rest = shop.only(np.flatnonzero(sold))
    calibration = calibrated_in(rest, new[fitted[sold[fitted]]], colours=True)
    vectors = own.vectors[asking]
    return nothing_of(calibration, rest, vectors, found_in(rest, vectors, np.full(int(asking.sum()), -1), VOTERS))


def measure(
    *,
    weights: Sequence[str],
    split: Path | None,
    photos_split: Path | None,
    gallery: int | None,
    nothing: Path | None,
    cache_dir: Path | None,
    as_json: bool,
) -> None:
    """Print the figures of each model."""
    folder = os.environ.get("LOOKALIKE_DATA")
    if folder is None:
        raise SystemExit("LOOKALIKE_DATA must name a folder with fashion-small.zip and clothing-photos.zip.")
    sets = Sets(cache_dir or default_cache_dir())
    material = Material(Path(folder), sets.cache_dir, split, photos_split, gallery, None)
    try:
        studio, unseen, photos = material.studio, material.tested.own, material.amateur.queries
        other = sets.open(nothing) if nothing else None
        figures = [
            {"model": name} | figures_of(sets.model(name), studio, unseen, photos, other)
            for name in weights or [edition.name for edition in editions() if edition.is_here]
        ]
    except (DatasetError, WeightsError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from error
    if as_json:
        print(json.dumps(figures))
        return
    for each in figures:
        print_figures(each)


def figures_of(
    model: Model,
    studio: PictureSet,
    unseen: np.ndarray,
    photos: PictureSet,
    other: PictureSet | None,
) -> dict[str, Any]:
    types = np.array(studio.labels("type"))
    families = np.array([family_of(colour) or "" for colour in studio.labels("colour")])
    vectors = model.vectors
    weights = model.weights
    taught = read_types(weights.path, weights.spec) if weights.ready_made and weights.path else None
    catalog = Shop(vectors(studio), types, families, taught)
    classes = json.loads(CLASS_MAP.read_text())
    allowed = [classes.get(name, ()) for name in photos.labels("type")]
    named = [frozenset([names] if isinstance(names, str) else names) for names in allowed]
    known = np.flatnonzero([bool(each) for each in named])
    amateur = Photos(vectors(photos)[known], np.full(len(known), -1), [named[place] for place in known])
    groceries = Photos(vectors(other), np.full(len(other), -1), [frozenset()] * len(other)) if other else None
    random = np.random.default_rng(0)

    def asked(shop: Shop, rows: np.ndarray) -> Photos:
        return Photos(shop.vectors[rows], rows, [frozenset([name]) for name in shop.types[rows]])

    seen = np.setdiff1d(np.arange(len(studio)), unseen)
    new = catalog.only(unseen)
    halves = studio.groups[unseen] % 2 == 0  # pictures of one product are in the same half
    fitted, asking = random.permutation(np.flatnonzero(halves)), np.flatnonzero(~halves)
    return {
        "known catalog": measured(catalog, random.permutation(seen), asked(catalog, unseen), amateur, groceries),
        "new catalog": measured(new, fitted, asked(new, asking), amateur, groceries),
    }


def print_figures(figures: Mapping[str, Any]) -> None:
    for shop in ("known catalog", "new catalog"):
        each = figures[shop]
        print(f"\n{figures['model']}, {shop} of {each['pictures']:,} pictures")
        print("\n  match: what is claimed and what is true, over the 24 nearest")
        print(f"  {'':<20}{'error':>7}{'claimed':>9}{'true':>7}   claimed → true, by step")
        for name, one in each["match"].items():
            steps = "  ".join(f"{step['claimed']:.2f} → {step['measured']:.2f}" for step in one["steps"])
            print(f"  {name:<20}{one['error']:7.3f}{one['claimed']:9.3f}{one['measured']:7.3f}   {steps}")
        print("\n  photo type: share of the votes, and how often it is right")
        for name, one in each["photo type"].items():
            print(
                f"  {name:<20}votes {one['share']:.3f}  right {one['first']:.3f}  one of three {one['offered']:.3f}  "
                f"error {one['error']:.3f}  certain {one['certain']:.3f}, of these right {_share(one['certain_right'])}"
            )
        print("\n  photos for which the page says “No close matches”")
        for name, one in each["nothing"].items():
            if one:
                print(f"  {name:<24}{one['said']:7.3f} of {one['photos']:,}")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
