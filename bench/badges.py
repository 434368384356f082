"""How often badges on the look-alikes of a photo are right, and "No close matches" for what a shop does not sell.

A shop sells some of the test side of fashion-small.zip, which no model was trained on. Each half of it, by hash of the
name, calibrates the shop once with its own code. Then the other half asks, and so do amateurs' photos, and products of
fashion-medium.zip pasted before pieces of sellers' photos, whose colours are known. Badges of products rest on labels
and prices and need no measurement.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.held_out import Sets, samples_of
from bench.match import Found, Photos, Shop, calibrated_in, found_in, nothing_of
from bench.models.backgrounds import on_white, pasted, pieces
from bench.models.material import AMATEUR, GROUNDS, LARGE, MEDIUM, STUDIO, Material
from ml.commands.common import note
from ml.commands.evaluate import CLASS_MAP
from ml.datasets import DatasetError, Sample
from ml.datasets.families import family_of
from ml.embedder import default_cache_dir
from ml.evaluation.pictures import PictureSet
from ml.evaluation.vectors import Model
from ml.spec import ModelSpec
from ml.weights import WeightsError
from ml.weights.classes import read_types
from ml.weights.editions import editions
from recommendations.search.calibration import NEIGHBOURS, Calibration
from recommendations.search.photo_types import VOTERS, colour_of, vote
from recommendations.search.recognition import PRECISION, Fact, may_state, type_certainty

#: Types that one of the shops does not sell, for photos of nothing that it sells.
STRANGE = {
    "hats": ("Caps", "Hat"),
    "watches": ("Watches",),
    "sunglasses": ("Sunglasses",),
    "handbags": ("Handbags", "Clutches"),
    "belts": ("Belts",),
}
HATS = "Hat"  # the amateurs' class
_PASTED = 5  # the shop's pictures for each pasted one
_SOLD = 10


@dataclass(frozen=True)
class Asking:
    """Photos that search. Attributes: families, of their colours, "" if not known."""

    photos: Photos
    families: np.ndarray

    def only(self, rows: np.ndarray) -> Asking:
        photos = Photos(self.photos.vectors[rows], self.photos.own[rows], [self.photos.types[row] for row in rows])
        return Asking(photos, self.families[rows])


@dataclass(frozen=True)
class Stated:
    """Attributes:
    photos: number of photos.
    told: how many of them have results with the badge.
    cards: number of cards with it, of the `NEIGHBOURS` nearest of each photo.
    right: for how many of these it is true.
    """

    photos: int
    told: int
    cards: int
    right: int

    def __add__(self, other: Stated) -> Stated:
        return Stated(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))


def badges_of(shop: Shop, spec: ModelSpec, limits: dict[Fact, float], asking: Asking) -> dict[str, Stated]:
    """What the cards of these photos' nearest products say."""
    found = found_in(shop, asking.photos.vectors, asking.photos.own, VOTERS)
    rows: dict[str, list[tuple[int, int]]] = {"type": [], "colour": [], "type and colour": []}
    for number, (places, scores) in enumerate(zip(found.places, found.scores, strict=True)):
        vector, near = asking.photos.vectors[number], places[:NEIGHBOURS]
        category, share = next(iter(vote(shop.types[places], scores).items()))
        certain = type_certainty(shop.taught, vector, share) >= limits.get(Fact.TYPE, np.inf)
        same_type = (shop.types[near] == category) & certain
        is_type = np.isin(shop.types[near], list(asking.photos.types[number]))
        rows["type"].append((same_type.sum(), (same_type & is_type).sum()))
        if not asking.families[number]:
            continue
        coloured = [(shop.families[place], shop.vectors[place]) for place in places if shop.families[place]]
        seen = colour_of(vector, coloured, spec)
        is_certain = seen is not None and seen.share >= limits.get(Fact.COLOUR, np.inf)
        same_colour = (shop.families[near] == (seen.family if seen else "")) & is_certain
        is_colour = shop.families[near] == asking.families[number]
        rows["colour"].append((same_colour.sum(), (same_colour & is_colour).sum()))
        both = same_type & same_colour
        rows["type and colour"].append((both.sum(), (both & is_type & is_colour).sum()))
    return {
        name: Stated(len(each), sum(cards > 0 for cards, _ in each), *(int(sum(x)) for x in zip(*each, strict=True)))
        for name, each in rows.items()
        if each
    }


def measure(*, limit: int, weights: Sequence[str], cache_dir: Path | None, as_json: bool) -> bool:
    """Print the tables; False if a badge that the shop may show is right for fewer than nine of ten of the shop's own
    pictures or amateurs' photos."""
    folder = os.environ.get("LOOKALIKE_DATA")
    if folder is None:
        raise SystemExit(
            f"LOOKALIKE_DATA must name a folder with {STUDIO}, {MEDIUM}, {LARGE}, {AMATEUR} and {GROUNDS}."
        )
    sets = Sets(cache_dir or default_cache_dir())
    try:
        pictures = _Pictures(Material(Path(folder), sets.cache_dir, None, None, 1, None), limit)
        named = weights or [edition.name for edition in editions() if edition.is_here]
        figures = [{"model": name} | figures_of(sets.model(name), pictures) for name in named]
    except (DatasetError, WeightsError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from error
    if as_json:
        print(json.dumps(figures))
    else:
        for each in figures:
            print_figures(each)
    return all(
        line["right"] >= PRECISION
        for each in figures
        for line in each["badges"]
        if line["shown"] and line["cards"] and line["asking"] != "pasted"
    )


class _Pictures:
    """The sets, each decoded when it is first needed."""

    def __init__(self, material: Material, limit: int) -> None:
        self._material = material
        self.large = material.large
        test = self._unseen(STUDIO)
        hats = [sample for sample in test[limit:] if sample.labels.get("type") in STRANGE["hats"]]
        self.studio = material.set_of(STUDIO, [*test[:limit], *hats])
        sides = material.photo_sides.sides
        photos = [
            s for s in samples_of(material.data / AMATEUR) if sides.get(s.name) == "test" or _is_new_hat(s, sides)
        ]
        self.amateur = material.set_of(AMATEUR, photos)
        products = [sample for sample in self._unseen(MEDIUM) if on_white(sample)][: limit // _PASTED]
        grounds = pieces(samples_of(material.data / GROUNDS))
        shown = []
        for number, ground in enumerate(grounds):
            kept = material.cache_dir / "bench" / "pasted"
            shown += pasted(products[number :: len(grounds)], [ground], kept)
        self.pasted = material.set_of("products before backgrounds", shown)

    def _unseen(self, name: str) -> list[Sample]:
        """The test side, in order of hashes."""
        sides = self._material.sides.sides
        samples = [s for s in samples_of(self._material.data / name) if sides.get(s.name) == "test"]
        return sorted(samples, key=lambda sample: _hash(sample.name))


def _is_new_hat(sample: Sample, sides: Any) -> bool:
    return sides.get(sample.name) == "val" and sample.labels.get("type") == HATS


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def figures_of(model: Model, pictures: _Pictures) -> dict[str, Any]:
    spec = model.weights.spec
    path = model.weights.path
    taught = read_types(path, spec) if model.weights.ready_made and path else None

    def shop_of(some: PictureSet) -> Shop:
        return Shop(model.vectors(some), np.array(some.labels("type")), _families(some), taught, spec)

    shop, large = shop_of(pictures.studio), shop_of(pictures.large)
    is_fitted = np.array([int(_hash(sample.name), 16) % 2 == 0 for sample in pictures.studio.samples])
    groups = pictures.studio.groups
    is_fitted |= np.isin(groups, groups[is_fitted])  # pictures of one product are in the same half
    fitted, held_out = np.flatnonzero(is_fitted), np.flatnonzero(~is_fitted)
    amateur, shown = _amateurs(model, pictures.amateur), _pasted(model, pictures.pasted, pictures.studio)
    stated: dict[tuple[str, str], Stated] = {}
    chosen = []
    for half, other in ((fitted, held_out), (held_out, fitted)):
        chosen.append(calibrated_in(shop, half, colours=True).certain)
        asking = {"studio": Asking(_own(shop, other), shop.families[other]), "amateur": amateur, "pasted": shown}
        for name, each in asking.items():
            for badge, one in badges_of(shop, spec, chosen[-1], each).items():
                stated[badge, name] = stated.get((badge, name), Stated(0, 0, 0, 0)) + one
    note(f"{model.name}: badges measured")
    return {
        "pictures": len(shop.types),
        "limits": [{fact.value: least for fact, least in each.items()} for each in chosen],
        "badges": [
            {"asking": name, "badge": badge, "shown": badge in list(Fact) and may_state(Fact(badge), model.name),
             "photos": one.photos, "told": one.told / one.photos, "cards": one.cards / one.photos,
             "right": one.right / one.cards if one.cards else None}
            for (badge, name), one in stated.items()
        ],
        "nothing": [*_strange(shop, fitted, held_out, amateur), *_in_large(large, shop, held_out, amateur)],
    }  # fmt: skip


def _families(pictures: PictureSet) -> np.ndarray:
    return np.array([family_of(colour) or "" for colour in pictures.labels("colour")])


def _own(shop: Shop, rows: np.ndarray) -> Photos:
    return Photos(shop.vectors[rows], rows, [frozenset([name]) for name in shop.types[rows]])


def _amateurs(model: Model, photos: PictureSet) -> Asking:
    classes = json.loads(CLASS_MAP.read_text())
    types = [frozenset(classes.get(name, ())) for name in photos.labels("type")]
    return Asking(Photos(model.vectors(photos), np.full(len(photos), -1), types), np.full(len(photos), ""))


def _pasted(model: Model, shown: PictureSet, studio: PictureSet) -> Asking:
    own = np.array([studio.place.get(sample.name.partition("/")[2], -1) for sample in shown.samples])
    types = [frozenset([name]) for name in shown.labels("type")]
    return Asking(Photos(model.vectors(shown), own, types), _families(shown))


def _strange(shop: Shop, fitted: np.ndarray, held_out: np.ndarray, amateur: Asking) -> Iterator[dict[str, Any]]:
    """A shop without each of the types, and what it says of pictures of these and of the others."""
    for name, types in STRANGE.items():
        sold = ~np.isin(shop.types, types)
        new = np.cumsum(sold) - 1
        rest, known = shop.only(np.flatnonzero(sold)), fitted[sold[fitted]]
        calibration = calibrated_in(rest, new[known], colours=True)
        strange = np.flatnonzero(~sold)
        told = {"studio": _told(calibration, rest, shop.vectors[strange], np.full(len(strange), -1))}
        if name == "hats":
            told["amateur"] = _told(calibration, rest, *_some(amateur, types, of=True))
        own = held_out[sold[held_out]]
        alarms = {
            "studio": _told(calibration, rest, shop.vectors[own], new[own]),
            "amateur": _told(calibration, rest, *_some(amateur, types, of=False)),
        }
        yield {"shop": f"without {name}", "told": told, "alarms": alarms}


def _in_large(large: Shop, shop: Shop, held_out: np.ndarray, amateur: Asking) -> Iterator[dict[str, Any]]:
    """A small shop that sells no hats, watches, sunglasses, handbags and belts. False alarms are counted for types of
    which it has at least `_SOLD` pictures, and for amateurs' classes of which most types are."""
    calibration = calibrated_in(large, np.random.default_rng(0).permutation(len(large.types)), colours=True)
    types = frozenset(name for name, count in Counter(large.types).items() if count >= _SOLD)
    sold = held_out[np.isin(shop.types[held_out], list(types))]
    alarms = {"studio": _told(calibration, large, shop.vectors[sold], np.full(len(sold), -1))}
    rows = np.array([len(each & types) > len(each) / 2 for each in amateur.photos.types])
    alarms["amateur"] = _told(calibration, large, amateur.photos.vectors[rows], amateur.photos.own[rows])
    found = {}
    for name, strange in STRANGE.items():
        asked = np.flatnonzero(np.isin(shop.types, strange))
        found[name] = _told(calibration, large, shop.vectors[asked], np.full(len(asked), -1))
    found["hats, amateur"] = _told(calibration, large, *_some(amateur, STRANGE["hats"], of=True))
    yield {"shop": LARGE, "told": found, "alarms": alarms}


def _some(asking: Asking, types: Sequence[str], *, of: bool) -> tuple[np.ndarray, np.ndarray]:
    rows = np.array([each <= set(types) if of else bool(each - set(types)) for each in asking.photos.types])
    return asking.photos.vectors[rows], asking.photos.own[rows]


def _told(calibration: Calibration, shop: Shop, vectors: np.ndarray, own: np.ndarray) -> dict[str, Any]:
    found: Found = found_in(shop, vectors, own, VOTERS)
    return nothing_of(calibration, shop, vectors, found)


def print_figures(figures: dict[str, Any]) -> None:
    print(f"\n{figures['model']}, a shop of {figures['pictures']:,} pictures; least certainty, chosen by each half:")
    for limits in figures["limits"]:
        print("  " + ("  ".join(f"{fact} {least:.3f}" for fact, least in limits.items()) or "none"))
    print(f"  {'badge':<18}{'asked with':<12}{'photos':>8}{'told':>8}{'cards':>8}{'right':>8}")
    for line in figures["badges"]:
        right = "–" if line["right"] is None else f"{line['right']:.3f}"
        name = line["badge"] if line["shown"] or " " in line["badge"] else f"({line['badge']})"  # never shown
        print(f"  {name:<18}{line['asking']:<12}{line['photos']:>8,}", end="")
        print(f"{line['told']:>8.3f}{line['cards']:>8.1f}{right:>8}")
    print('  "No close matches": told of what the shop does not sell; false alarms')
    for each in figures["nothing"]:
        told, alarms = (
            "  ".join(f"{name} {one['said']:.3f} of {one['photos']:,}" for name, one in each[part].items())
            for part in ("told", "alarms")
        )
        print(f"  {each['shop']:<20} told: {told}\n  {'':<20} false alarms: {alarms}")
