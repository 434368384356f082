"""The lines of the table: what one model scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from bench.models.backgrounds import GROUNDS, first_hits
from bench.models.material import SIZES, Material
from ml.commands.common import progress
from ml.evaluation import metrics, protocol
from ml.evaluation.pictures import PictureSet
from ml.evaluation.questions import Notion, Question

Vectors = Callable[[PictureSet], np.ndarray]
_RESAMPLES = 1000
_HEADLINES = (("type", "micro"), ("type", "macro"), ("colour", "micro"), ("type_and_colour", "micro"))
_HEADLINES += (("gender", "micro"),)
_SETTINGS = protocol.Settings(gallery_sizes=(), resamples=_RESAMPLES, coverage_size=0)


@dataclass(frozen=True)
class Line:
    """Attributes: what, in words; mean, low and high, of the 95 % interval; signed, whether it is a difference."""

    what: str
    mean: float
    low: float
    high: float
    signed: bool = False

    @property
    def cell(self) -> str:
        """Such as ".797 ±.011"."""
        if math.isnan(self.mean):
            return "–"
        mean = f"{self.mean:+.3f}" if self.signed else f"{self.mean:.3f}"
        half = (self.high - self.low) / 2
        return f"{mean} ±{half:.3f}".replace("0.", ".").replace("-", "−")


def lines(material: Material, vectors: Vectors) -> Iterator[Line]:
    """All lines that need vectors.

    Args:
        vectors: gives the model's vectors of a set, float32 [n, D], unit length.
    """
    gallery = vectors(material.studio)
    yield from _test_side(material, gallery)
    yield from _sizes(material, vectors, gallery)
    yield from _amateurs(material, vectors)
    across = material.across
    name = f"amateur → studio, P@10, {len(across.own):,} photos"
    yield _mean(name, _values(across, vectors(across.queries), gallery, "kind", "precision@10"))
    found = protocol.find_self(material.studio, material.large, vectors(material.large), gallery, _SETTINGS)
    first = found["within_1"]
    yield Line(f"large finds its thumbnail, {found['queries']:,}", first["mean"], first["low"], first["high"])
    yield from _before_backgrounds(material, vectors)
    if material.others:
        own = vectors(material.others.gallery)
        name = f"{material.others.gallery.name}: first hit of the same class, {len(own):,}"
        yield _mean(name, _values(material.others, own, own, "type", "precision@1"))


def _test_side(material: Material, gallery: np.ndarray) -> Iterator[Line]:
    question = material.tested
    notions = [notion for notion in question.notions if notion.name in {name for name, _ in _HEADLINES}]
    with progress("ranking the test side", len(question.own), unit="queries") as advance:
        measured = protocol.measure(notions, gallery[question.own], gallery, question.own, advance=advance)
    found = protocol.summary(measured, notions, np.arange(len(question.own)), _SETTINGS, only=("precision@10",))
    for name, mean in _HEADLINES:
        figure = found[name][mean]["precision@10"]
        what = "macro (mean over types)" if mean == "macro" else name.replace("_", " ")
        yield Line(f"{what}, P@10", figure["mean"], figure["low"], figure["high"])


def _sizes(material: Material, vectors: Vectors, gallery: np.ndarray) -> Iterator[Line]:
    """Differences to the same products' own small pictures."""
    types = next(notion for notion in material.tested.notions if notion.name == "type")
    for side in SIZES:
        sized = material.sized(side)
        notion = Notion("type", types.gallery[sized.own], types.gallery, types.found, types.found)
        found, before = (
            protocol.measure([notion], asked, gallery, sized.own).values["type"]["precision@10"]
            for asked in (vectors(sized.pictures), gallery[sized.own])
        )
        line = _mean(f"the same products at {side} px: type, difference, {len(sized.own):,}", found - before)
        yield Line(line.what, line.mean, line.low, line.high, signed=True)


def _amateurs(material: Material, vectors: Vectors) -> Iterator[Line]:
    question = material.amateur
    everything = vectors(question.gallery)
    found = _values(question, everything[question.own], everything, "type", "precision@5")
    yield _mean(f"amateur → amateur, P@5, {len(found):,} of {len(everything):,} photos", found)
    new = material.new_grounds
    yield _mean(f"… before backgrounds never trained on, {new.sum():,}", found[new])


def _before_backgrounds(material: Material, vectors: Vectors) -> Iterator[Line]:
    products = material.products
    plain, shown = vectors(products.plain), vectors(products.shown)
    itself, misled = first_hits(plain, shown.reshape(len(GROUNDS), len(plain), -1), products.asked)
    name = f"one product before ten backgrounds: first hit, {itself.size:,}"
    for what, values in ((name, itself), ("… misled by the background", misled)):
        # Intervals are over products: the ten queries of one are not independent.
        yield _mean(what, values.mean(axis=0))


def _values(question: Question, asked: np.ndarray, gallery: np.ndarray, notion: str, measure: str) -> np.ndarray:
    chosen = [each for each in question.notions if each.name == notion]
    values: Mapping[str, np.ndarray] = protocol.measure(chosen, asked, gallery, question.own).values[notion]
    return values[measure]


def _mean(what: str, values: np.ndarray) -> Line:
    low, high = metrics.micro_interval(values, metrics.resamples(len(values), _RESAMPLES))
    return Line(what, metrics.micro_mean(values), low, high)
