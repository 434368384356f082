"""What a search returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

import numpy as np

from catalog.models import Product, ProductImage
from catalog.pages import Count
from common.money import amount_text
from recommendations.models import EmbeddingModel
from recommendations.search.calibration import calibration_of
from recommendations.search.photo_types import PhotoType
from recommendations.search.recognition import Recognition

#: Products above the budget that are shown when none is within it.
CLOSEST = 6


class Source(StrEnum):
    """Why a product is shown."""

    PINNED = "pinned"
    STYLE = "style"
    VISUAL = "visual"
    CATEGORY = "category"
    PARENT = "parent"
    NEWEST = "newest"


@dataclass(frozen=True)
class Match:
    """A product to show.

    Attributes:
        image: the picture that matched.
        score: its cosine similarity, -1 to 1; where shape and colour are weighted, the weighted mean of their
            cosines. None for products that no visual search found.
        match: 0 to 100, see `recommendations.search.calibration`; None while the model has no calibration. It weights
            shape and colour equally, whatever the request does.
        vector: of the picture, float32 [D]; None unless requested.
    """

    product: Product
    image: ProductImage | None
    score: float | None
    source: Source
    match: int | None = None
    vector: np.ndarray | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """The shape that commands and the API share."""
        return {
            "sku": self.product.sku,
            "slug": self.product.slug,
            "title": self.product.title,
            "price": None if self.product.price is None else amount_text(self.product.price, self.product.currency),
            "currency": self.product.currency,
            "score": None if self.score is None else round(self.score, 6),
            "match": self.match,
            "image": self.image.file.url if self.image else None,
            "source": self.source.value,
        }


@dataclass(frozen=True)
class AboveBudget:
    """Results without the budget, when no product is within it.

    Attributes:
        count: products that meet every other filter and cost more; exact up to 1,000.
        lowest: price of the cheapest of them.
        match: the cheapest of the `MAX_RESULTS` most similar, not the most similar one.
        alike: the most similar ones, best first.
    """

    count: Count
    lowest: Decimal
    match: Match
    alike: Sequence[Match] = ()

    @property
    def closest(self) -> Sequence[Match]:
        """Those to show."""
        return self.alike[:CLOSEST]

    @property
    def enough(self) -> Decimal:
        """The lowest budget that all of `closest` are within."""
        return max((match.product.price or Decimal(0) for match in self.closest), default=self.lowest)

    def to_json(self) -> dict[str, Any]:
        return {
            "count": int(self.count),
            "count_is_exact": not self.count.more,
            "lowest_price": amount_text(self.lowest, self.match.product.currency),
            "nearest": self.match.to_json(),
        }


@dataclass(frozen=True)
class Results:
    """Attributes:
    above: set when no product is within the budget.
    next: cursor of the next page; None on the last.
    types: what a photo seems to show, likeliest first; on the first page only.
    recognition: of a photo among its neighbours, on the first page; None if the model was taught no types.
    """

    model: EmbeddingModel | None
    matches: Sequence[Match]
    above: AboveBudget | None = None
    next: str | None = None
    types: Sequence[PhotoType] = ()
    recognition: Recognition | None = None

    @property
    def nothing_similar(self) -> bool:
        """Whether even the best match is below what counts as similar in this catalog."""
        meaning, known = calibration_of(self.model), [m.match for m in self.matches if m.match is not None]
        if meaning is None or not known:
            return False
        is_strange = self.recognition and meaning.recognition and self.recognition.is_below(meaning.recognition)
        return bool(is_strange) or max(known) < meaning.floor

    def to_json(self) -> dict[str, Any]:
        meaning = calibration_of(self.model)
        basis = meaning.basis.value if meaning else None
        found: dict[str, Any] = {
            "model": self.model.name if self.model else None,
            "match_basis": basis,
            "match_kind": basis,  # the former name, until 1.0
            "results": [match.to_json() for match in self.matches],
        }
        if self.above:
            found["above_budget"] = self.above.to_json()
        if self.next:
            found["next"] = self.next
        if self.types:
            found["photo_types"] = [each.to_json() for each in self.types]
            found["kinds"] = found["photo_types"]  # the former name, until 1.0
        return found
