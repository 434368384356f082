"""What cards say of themselves: the same type or the same colour as what the shopper looks for, and how much cheaper.

Nothing is guessed about products: their categories, colours and prices are compared. What a *photo* shows is a guess,
so its cards say "Same type" or "Same colour" only where such guesses are right for at least nine of ten, as the model's
calibration measured (`recommendations.search.recognition`); without a measurement they say neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from django.utils.translation import gettext as _

from catalog.attributes import text_of
from catalog.facets.words import colour_label
from catalog.models import Product
from ml.datasets.families import family_of
from recommendations.search.calibration import calibration_of
from recommendations.search.filters import Filters
from recommendations.search.photo import SeenPhoto
from recommendations.search.query_vectors import COLOUR
from recommendations.search.recognition import Fact, type_certainty, types_of

#: Less is not worth a word, and may be the cents of .99.
LEAST_PERCENT = 5


class Reason(StrEnum):
    """What a badge rests on."""

    TYPE = "type"
    COLOUR = "colour"
    CHEAPER = "cheaper"


@dataclass(frozen=True)
class Badge:
    """Attributes: percent, how much cheaper; 0 for other reasons."""

    reason: Reason
    percent: int = 0

    @property
    def label(self) -> str:
        if self.reason == Reason.TYPE:
            return _("Same type")
        if self.reason == Reason.COLOUR:
            return _("Same colour")
        return _("%(percent)s%% cheaper") % {"percent": self.percent}


@dataclass(frozen=True)
class Reference:
    """What cards are compared with. What is not known, or would be true of every card, is None, and no badge says it.

    Attributes:
        category: the id of its category.
        colour: the name of its colour, as the shop writes it.
        family: the family of colours that it seems to have (`ml.datasets.families`), instead of `colour`.
        price, currency: of the product that it is.
    """

    category: int | None = None
    colour: str | None = None
    family: str | None = None
    price: Decimal | None = None
    currency: str = ""

    def badges_of(self, product: Product) -> tuple[Badge, ...]:
        """The badges of this product's card: what it looks like, then what it costs."""
        found = []
        if self.category is not None and product.category_id == self.category:
            found.append(Badge(Reason.TYPE))
        if self._has_colour_of(product):
            found.append(Badge(Reason.COLOUR))
        if percent := self._percent_cheaper(product):
            found.append(Badge(Reason.CHEAPER, percent))
        return tuple(found)

    def _has_colour_of(self, product: Product) -> bool:
        name = text_of(product.attributes.get(COLOUR))
        if not name:
            return False
        if self.colour is not None:
            return colour_label(name) == self.colour
        return self.family is not None and family_of(name) == self.family

    def _percent_cheaper(self, product: Product) -> int:
        """Rounded down, so that a card never promises more than is true; 0 for less than `LEAST_PERCENT`."""
        if self.price is None or product.price is None or product.currency != self.currency or self.price <= 0:
            return 0
        percent = int(100 * (self.price - product.price) / self.price)
        return percent if percent >= LEAST_PERCENT else 0


#: Says nothing.
NOTHING = Reference()


def as_product(product: Product, filters: Filters) -> Reference:
    """What cards beside `product`, or of its look-alikes under `filters`, are compared with."""
    name = text_of(product.attributes.get(COLOUR))
    return Reference(
        category=_unless_all(product.category_id, filters),
        colour=None if COLOUR in filters.attributes or not name else colour_label(name),
        price=product.price,
        currency=product.currency,
    )


def as_photo(photo: SeenPhoto, filters: Filters) -> Reference:
    """What the results of a photo under `filters` are compared with: as much of it as is certain enough."""
    meaning = calibration_of(photo.model)
    least = meaning.certain if meaning else {}
    category = family = None
    if photo.types and Fact.TYPE in least:
        likeliest = photo.types[0]
        if type_certainty(types_of(photo.model), photo.vector, likeliest.share) >= least[Fact.TYPE]:
            category = _unless_all(likeliest.category.pk, filters)
    if photo.colour and Fact.COLOUR in least and COLOUR not in filters.attributes:
        family = photo.colour.family if photo.colour.share >= least[Fact.COLOUR] else None
    return Reference(category=category, family=family)


def _unless_all(category: int, filters: Filters) -> int | None:
    """The category; None if the filters leave only products of it."""
    return None if filters.category and filters.category.pk == category else category
