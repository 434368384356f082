"""The pictures that every model is measured on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from PIL import Image

from bench.held_out import Sets, samples_of
from bench.models.backgrounds import jpeg, on_white, pasted, pieces
from common.files import replacing
from ml.commands.common import progress
from ml.commands.data import prepared_set
from ml.commands.evaluate import CLASS_MAP
from ml.datasets import Prepared, Sample, Split, backgrounds_of, groups_of, read_split, split, write_split
from ml.evaluation import questions
from ml.evaluation.baselines import FIT, INPUT_SIZE
from ml.evaluation.pictures import PictureSet, asked_by_split
from ml.pictures.codec import decode

STUDIO, MEDIUM, LARGE = "fashion-small.zip", "fashion-medium.zip", "fashion-large.zip"
AMATEUR, GROUNDS = "clothing-photos.zip", "second-hand-photos.zip"
#: The sides in pixels at which products are searched with, and the set that shows them so large.
SIZES = {112: MEDIUM, 224: MEDIUM, 400: LARGE, 800: LARGE}
_PRODUCTS = 100  # cut out and pasted; those that no model was trained on come first


@dataclass(frozen=True)
class Products:
    """Attributes: plain, on white; shown, before each background, background by background; asked, positions."""

    plain: PictureSet
    shown: PictureSet
    asked: list[int]


@dataclass(frozen=True)
class Sized:
    """Attributes: pictures, the queries at one size; own, int, their positions in the gallery."""

    pictures: PictureSet
    own: np.ndarray


@dataclass(frozen=True)
class Material:
    """Everything is decoded when it is first needed, and cached.

    Attributes:
        data: the folder with the sets.
        cache_dir: of decoded pictures and vectors.
        split, photos_split: files; None for the splits that the bundled models were trained with.
        gallery: number of random pictures in the gallery besides the test side and those that the larger sets have
            too; None for all.
        goods: a set of class folders with other things than clothes.
    """

    data: Path
    cache_dir: Path
    split: Path | None
    photos_split: Path | None
    gallery: int | None
    goods: Path | None

    @cached_property
    def sides(self) -> Split:
        return self._split(self.split, STUDIO, test=0.08, seed=1)

    @cached_property
    def photo_sides(self) -> Split:
        return self._split(self.photos_split, AMATEUR, test=0.1, seed=0)

    @cached_property
    def studio(self) -> PictureSet:
        """The gallery."""
        whole = Sets(self.cache_dir).open(self.data / STUDIO)
        if self.gallery is None:
            return whole
        thumbnails = [whole.place[s.name] for s in samples_of(self.data / LARGE) if s.name in whole.place]
        wanted = np.union1d(self._on(whole, self.sides, "test"), thumbnails)
        others = np.setdiff1d(np.random.default_rng(0).permutation(len(whole)), wanted, assume_unique=True)
        return whole.only(np.sort(np.concatenate([wanted, others[: self.gallery]])))

    @cached_property
    def tested(self) -> questions.Question:
        """The test side among the gallery."""
        return questions.within(self.studio, self._on(self.studio, self.sides, "test"))

    def sized(self, side: int) -> Sized:
        """Products of the test side, of which the larger sets have few, and there of the validation side, as JPEG
        files of this size."""
        name = SIZES[side]
        sides = ("test",) if name == MEDIUM else ("test", "val")
        samples = [
            sample
            for sample in samples_of(self.data / name)
            if self.sides.sides.get(sample.name) in sides and sample.name in self.studio.place
        ]
        smaller = [
            Sample(sample.name, sample.labels, partial(_at_most, sample, side), sample.group, f"{sample.stamp}-{side}")
            for sample in samples
        ]
        pictures = self.set_of(name, smaller)
        return Sized(pictures, np.array([self.studio.place[sample.name] for sample in pictures.samples]))

    @cached_property
    def large(self) -> PictureSet:
        return Sets(self.cache_dir).open(self.data / LARGE)

    @cached_property
    def amateur(self) -> questions.Question:
        """The test side of the photos, among all that were never trained on."""
        sides = self.photo_sides.sides
        samples = [s for s in samples_of(self.data / AMATEUR) if sides.get(s.name) in ("val", "test")]
        unseen = self.set_of(AMATEUR, samples)
        return questions.within(unseen, self._on(unseen, self.photo_sides, "test"))

    @cached_property
    def new_grounds(self) -> np.ndarray:
        """bool [q]: the queries of `amateur` before a background that no training photo has."""
        prepared = self._prepared(AMATEUR)
        kept = self.cache_dir / "bench" / f"backgrounds-{_digest(prepared)}.json"
        if not kept.is_file():
            with progress("comparing backgrounds", 2 * len(prepared.samples), unit="steps") as advance:
                found = backgrounds_of(prepared.pixels, advance=advance)
            with replacing(kept) as draft:
                draft.write_text(json.dumps(found.tolist()))
        grounds = dict(zip((s.name for s in prepared.samples), json.loads(kept.read_text()), strict=True))
        sides = self.photo_sides.sides
        trained = {ground for name, ground in grounds.items() if sides.get(name) == "train"}
        return np.array([grounds[sample.name] not in trained for sample in self.amateur.queries.samples])

    @cached_property
    def across(self) -> questions.Question:
        """The same photos among the studio pictures."""
        class_map: Mapping[str, Sequence[str]] = json.loads(CLASS_MAP.read_text())
        return questions.across(self.studio, self.amateur.queries, class_map)

    @cached_property
    def products(self) -> Products:
        rank = {"test": 0, "val": 1}
        samples = sorted(self.large.samples, key=lambda s: (rank.get(self.sides.sides.get(s.name, ""), 2), s.name))
        first: dict[str, Sample] = {}
        for sample in samples:
            group = sample.group or sample.name
            if len(first) < _PRODUCTS and group not in first and on_white(sample):
                first[group] = sample
        plain = self.set_of("products on white", list(first.values()))
        grounds = pieces(samples_of(self.data / GROUNDS))
        shown = self.set_of(
            "products before backgrounds", pasted(plain.samples, grounds, self.cache_dir / "bench" / "pasted")
        )
        asked = [at for at, sample in enumerate(plain.samples) if self.sides.sides.get(sample.name) == "test"]
        return Products(plain, shown, asked)

    @cached_property
    def others(self) -> questions.Question | None:
        """Each of the other goods among the rest of them."""
        if self.goods is None:
            return None
        pictures = Sets(self.cache_dir).open(self.goods)
        return questions.within(pictures, np.arange(len(pictures)))

    def _on(self, pictures: PictureSet, sides: Split, part: str) -> np.ndarray:
        return asked_by_split(pictures, sides, part, count=None, seed=0).positions

    def _split(self, path: Path | None, name: str, *, test: float, seed: int) -> Split:
        """The given split, or the one that the bundled models were trained with."""
        if path:
            return read_split(path)
        prepared = self._prepared(name)
        kept = self.cache_dir / "bench" / f"split-{_digest(prepared)}-{test}-{seed}.json"
        if not kept.is_file():
            groups = groups_of(prepared.samples, prepared.digests)
            write_split(kept, split(prepared.samples, groups, val=0.05, test=test, seed=seed))
        return read_split(kept)

    def _prepared(self, name: str) -> Prepared:
        path = self.data / name
        return prepared_set(path, input_size=INPUT_SIZE, fit=FIT, cache_dir=self.cache_dir, samples=samples_of(path))

    def set_of(self, name: str, samples: Sequence[Sample]) -> PictureSet:
        """These pictures, each different one once."""
        path = Path(name)

        def prepare(some: Sequence[Sample], input_size: int, fit: str) -> Prepared:
            return prepared_set(path, input_size=input_size, fit=fit, cache_dir=self.cache_dir, samples=list(some))

        return PictureSet(path, samples, prepare)


def _at_most(sample: Sample, side: int) -> bytes:
    """The picture with its longer side scaled down to `side`, as JPEG; smaller ones as they are."""
    data = sample.read()
    pixels = decode(data)
    scale = side / max(pixels.shape)
    if scale >= 1:
        return data
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return jpeg(np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)))


def _digest(prepared: Prepared) -> str:
    names = [sample.name for sample in prepared.samples]
    return hashlib.sha256(json.dumps([names, prepared.digests]).encode()).hexdigest()[:16]
