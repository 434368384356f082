"""Bundled models that this release contains and the shop does not use: what the admin offers. Nothing here switches."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ml.spec import ModelSpec
from ml.weights import Edition, WeightsError, edition_of, newest_editions, read_graph_meta
from recommendations.models import DismissedOffer, EmbeddingModel, ModelState

logger = logging.getLogger(__name__)

ADD = "recommendations.add_embeddingmodel"  # the permission to add one


@dataclass(frozen=True)
class Facts:
    """What staff need to know before they add a bundled model.

    Attributes:
        per_second: pictures that one processor core embeds in a second, as docs/how-to/scale.md says.
        card: its model card.
    """

    purpose: str | Promise
    per_second: int
    card: str


FACTS = {
    "lookalike-fashion": Facts(
        _("For studio photos of clothes, shoes, bags and accessories on a plain background."),
        94,
        "docs/reference/model-card.md",
    ),
    "lookalike-general": Facts(
        _("For photos of any size and on any background, including photos taken by sellers and shoppers."),
        28,
        "docs/reference/model-card-general.md",
    ),
}


@dataclass(frozen=True)
class Offer:
    """A bundled model that the shop could add.

    Attributes:
        size: of its file, in bytes.
        is_update: the shop uses another edition of the same model.
    """

    edition: Edition
    facts: Facts
    spec: ModelSpec
    size: int
    is_update: bool

    @property
    def megabytes(self) -> float:
        return self.size / 1e6


def offers() -> list[Offer]:
    """The newest edition of each bundled model, without those that the shop has; new editions of its models first."""
    models = EmbeddingModel.objects.exclude(state=ModelState.RETIRED)
    present = set(models.values_list("weights_sha256", flat=True))
    used = {edition.model for sha256 in present if (edition := edition_of(sha256))}
    found = [
        Offer(edition, FACTS[edition.model], described[0], described[1], edition.model in used)
        for edition in newest_editions()
        if edition.sha256 not in present and (described := _described(edition.path))
    ]
    return sorted(found, key=lambda offer: not offer.is_update)


def suggestion() -> Offer | None:
    """The offer for a shop whose active model is bundled; None once staff added, retired or dismissed it."""
    active = EmbeddingModel.objects.active()
    if active is None or edition_of(active.weights_sha256) is None:
        return None
    retired = EmbeddingModel.objects.filter(state=ModelState.RETIRED)
    settled = {*DismissedOffer.objects.values_list("edition", flat=True)}
    tried = {*retired.values_list("weights_sha256", flat=True)}
    fresh = (offer for offer in offers() if offer.edition.name not in settled and offer.edition.sha256 not in tried)
    return next(fresh, None)


def dismiss(edition: Edition, *, by: str) -> None:
    """Stop suggesting this edition, for all staff. It can still be added."""
    DismissedOffer.objects.bulk_create([DismissedOffer(edition=edition.name, by=by)], ignore_conflicts=True)


def build_seconds(model: EmbeddingModel, pictures: int) -> float | None:
    """How long one processor core takes to embed this number of pictures; None if the model is not bundled."""
    edition = edition_of(model.weights_sha256)
    return pictures * model.views / FACTS[edition.model].per_second if edition else None


def _described(path: Path) -> tuple[ModelSpec, int] | None:
    """The spec and the size of a bundled file; None if it is damaged, which a log line says once."""
    found = path.stat()
    return _read(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=8)
def _read(path: Path, mtime_ns: int, size: int) -> tuple[ModelSpec, int] | None:
    try:
        return read_graph_meta(path).spec, size
    except WeightsError as error:
        logger.error("%s", error)
        return None
