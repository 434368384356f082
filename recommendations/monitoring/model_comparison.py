"""Compares two embedding models by the look-alikes that each finds for the same products."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import CharField, Exists, OuterRef, Value
from django.db.models.functions import MD5, Cast, Concat

from catalog.attributes import text_of
from catalog.models import Category, Product
from ml.datasets import family_of
from recommendations.models import KEPT, EmbeddingModel, ImageEmbedding
from recommendations.monitoring.agreement import overlap, rank_biased_overlap
from recommendations.search.filters import Filters
from recommendations.search.query_vectors import COLOUR, vectors_of
from recommendations.search.request import SearchRequest
from recommendations.search.results import Match, Source
from recommendations.search.service import find_similar


class NotComparable(ValueError):
    """These two models cannot be compared; the message says why in one sentence."""


@dataclass(frozen=True)
class Shown:
    """A look-alike that one model finds.

    Attributes:
        rank: from 1.
        elsewhere: its rank under the other model; None where that one does not show it.
        same_type: whether it has the category of the query product.
        same_colour: whether it has its colour, or one of that family; None if either has no colour.
    """

    match: Match
    rank: int
    elsewhere: int | None
    same_type: bool
    same_colour: bool | None

    def to_json(self) -> dict[str, Any]:
        return {
            **self.match.to_json(), "rank": self.rank, "other_rank": self.elsewhere, "same_type": self.same_type,
            "same_kind": self.same_type,  # the former name, until 1.0
            "same_colour": self.same_colour,
        }  # fmt: skip


@dataclass(frozen=True)
class WithinPrice:
    """The same search with the product's own price as the budget.

    Attributes:
        found: number of results.
        due: number of results that were due: as many as requested, or all that exist.
        dearer: number of results that cost more than the budget.
    """

    budget: Decimal
    found: int
    due: int
    dearer: int

    @property
    def kept(self) -> bool:
        """Whether all due results were found and none exceeds the budget."""
        return self.found == self.due and not self.dearer

    def to_json(self) -> dict[str, Any]:
        return {
            "price_max": str(self.budget), "found": self.found, "due": self.due, "dearer": self.dearer,
            "kept": self.kept,
        }  # fmt: skip


@dataclass(frozen=True)
class Side:
    """One model's results.

    Attributes:
        embedded: whether the query product has an embedding of this model.
        within_price: None if the product has no price or no embedding.
    """

    model: EmbeddingModel
    embedded: bool
    shown: list[Shown]
    within_price: WithinPrice | None

    @property
    def same_type(self) -> float | None:
        """The share with the same category, 0 to 1; None if nothing is shown."""
        return _mean([float(one.same_type) for one in self.shown])

    @property
    def colour(self) -> float | None:
        """Share of results in the same colour, among those with a colour; None if there are none."""
        return _mean([float(one.same_colour) for one in self.shown if one.same_colour is not None])

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model.name,
            "embedded": self.embedded,
            "same_type": self.same_type,
            "same_kind": self.same_type,  # the former name, until 1.0
            "same_colour": self.colour,
            "within_price": self.within_price.to_json() if self.within_price else None,
            "results": [one.to_json() for one in self.shown],
        }


@dataclass(frozen=True)
class Row:
    """One query product with the results of both models.

    Attributes:
        overlap, rbo: see `recommendations.monitoring.agreement`.
    """

    product: Product
    sides: tuple[Side, Side]
    overlap: float | None
    rbo: float | None

    @property
    def common(self) -> int:
        return sum(one.elsewhere is not None for one in self.sides[0].shown)

    @property
    def most(self) -> int:
        """The number that `overlap` is a share of."""
        return max(len(side.shown) for side in self.sides)

    def to_json(self) -> dict[str, Any]:
        return {
            "sku": self.product.sku,
            "overlap": self.overlap,
            "rbo": self.rbo,
            "sides": [side.to_json() for side in self.sides],
        }


@dataclass(frozen=True)
class Total:
    """One model's means over all rows, and the number of correct searches within a budget."""

    model: EmbeddingModel
    same_type: float | None
    colour: float | None
    prices_kept: int
    prices_asked: int

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model.name, "state": self.model.state, "same_type": self.same_type,
            "same_kind": self.same_type,  # the former name, until 1.0
            "same_colour": self.colour,
            "within_price": {"kept": self.prices_kept, "asked": self.prices_asked},
        }  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Attributes:
    k: requested number of look-alikes.
    """

    models: tuple[EmbeddingModel, EmbeddingModel]
    k: int
    rows: list[Row]

    @property
    def overlap(self) -> float | None:
        return _mean([row.overlap for row in self.rows if row.overlap is not None])

    @property
    def rbo(self) -> float | None:
        return _mean([row.rbo for row in self.rows if row.rbo is not None])

    @property
    def totals(self) -> list[Total]:
        return [_total(model, [row.sides[place] for row in self.rows]) for place, model in enumerate(self.models)]

    def to_json(self) -> dict[str, Any]:
        return {
            "k": self.k,
            "products": len(self.rows),
            "overlap": self.overlap,
            "rbo": self.rbo,
            "models": [total.to_json() for total in self.totals],
            "rows": [row.to_json() for row in self.rows],
        }


def require_comparable(first: EmbeddingModel, second: EmbeddingModel) -> None:
    """Check that these are two different models with embeddings.

    Raises:
        NotComparable
    """
    if first.pk == second.pk:
        raise NotComparable("Choose two different models.")
    for model in (first, second):
        if model.state not in KEPT:
            raise NotComparable(
                f"{model.name} has no vectors (it is {model.state}). Run `embedding_models build {model.name}` first."
            )


def products_of(skus: Sequence[str]) -> tuple[list[Product], list[str]]:
    """The products with these SKUs, in this order and without duplicates, and the SKUs that do not exist."""
    asked = list(dict.fromkeys(skus))
    found = {product.sku: product for product in _for_rows().filter(sku__in=asked)}
    return [found[sku] for sku in asked if sku in found], [sku for sku in asked if sku not in found]


def sample_products(first: EmbeddingModel, second: EmbeddingModel, size: int, seed: int = 0) -> list[Product]:
    """A random sample of published products that both models have embedded; the same for the same seed."""
    lot = MD5(Concat(Cast("pk", CharField()), Value(f" {seed}")))
    covered = [
        Exists(ImageEmbedding.objects.servable(model).filter(image__product=OuterRef("pk")))
        for model in (first, second)
    ]
    return list(_for_rows().published().filter(*covered).order_by(lot)[:size])


def compare(
    first: EmbeddingModel,
    second: EmbeddingModel,
    products: Iterable[Product],
    k: int,
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> Comparison:
    """Find up to `k` look-alikes of each product with both models, and measure their agreement.

    Args:
        advance: called with 1 for each finished product.

    Raises:
        NotComparable: a model has no embeddings, or both are the same model.
    """
    require_comparable(first, second)
    rows = []
    for product in products:
        rows.append(_row(product, (first, second), k))
        advance(1)
    _name_categories(rows)
    return Comparison((first, second), k, rows)


def _for_rows():  # type: ignore[no-untyped-def]
    return Product.objects.select_related("category").for_cards()


def _row(product: Product, models: tuple[EmbeddingModel, EmbeddingModel], k: int) -> Row:
    found = [_look_alikes(product, SearchRequest(k), model) for model in models]
    keys = [[match.product.pk for match in matches] for matches in found]
    sides = [
        _side(product, model, matches, {pk: rank for rank, pk in enumerate(others, 1)}, k)
        for model, matches, others in zip(models, found, reversed(keys), strict=True)
    ]
    return Row(product, (sides[0], sides[1]), overlap(keys[0], keys[1]), rank_biased_overlap(keys[0], keys[1]))


def _side(product: Product, model: EmbeddingModel, matches: list[Match], others: dict[int, int], k: int) -> Side:
    shown = [
        Shown(
            match,
            rank,
            others.get(match.product.pk),
            match.product.category_id == product.category_id,
            _same_colour(product, match.product),
        )
        for rank, match in enumerate(matches, 1)
    ]
    embedded = bool(matches) or bool(vectors_of([product.pk], model))
    return Side(model, embedded, shown, _within_price(product, model, k) if embedded else None)


def _look_alikes(product: Product, request: SearchRequest, model: EmbeddingModel) -> list[Match]:
    matches = find_similar(product, request, model=model).matches
    return [match for match in matches if match.source == Source.VISUAL]


def _within_price(product: Product, model: EmbeddingModel, k: int) -> WithinPrice | None:
    if product.price is None:
        return None
    filters = Filters(price_max=product.price)
    matches = _look_alikes(product, SearchRequest(k, filters), model)
    servable = Product.objects.published().filter(filters.conditions()).exclude(pk=product.pk)
    servable = servable.filter(images__embeddings__in=ImageEmbedding.objects.servable(model))
    due = servable.order_by().values("pk").distinct()[:k].count()
    dearer = sum(match.product.price is None or match.product.price > product.price for match in matches)
    return WithinPrice(product.price, len(matches), due, dearer)


def _same_colour(one: Product, other: Product) -> bool | None:
    colours = colour_of(one), colour_of(other)
    if not all(colours):
        return None
    first, second = (family_of(colour) or colour.casefold() for colour in colours)
    return first == second


def colour_of(product: Product) -> str:
    """The product's colour; empty if unknown."""
    return text_of(product.attributes.get(COLOUR))


def _name_categories(rows: list[Row]) -> None:
    """Load the categories of all results in one query."""
    shown = [one.match.product for row in rows for side in row.sides for one in side.shown]
    categories = Category.objects.in_bulk({product.category_id for product in shown})
    for product in shown:
        product.category = categories[product.category_id]


def _total(model: EmbeddingModel, sides: list[Side]) -> Total:
    prices = [side.within_price for side in sides if side.within_price]
    return Total(
        model,
        _mean([side.same_type for side in sides if side.same_type is not None]),
        _mean([side.colour for side in sides if side.colour is not None]),
        sum(price.kept for price in prices),
        len(prices),
    )


def _mean(numbers: Sequence[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None
