"""The colours that a product page offers the product in."""

from __future__ import annotations

from collections import Counter

from django.core.cache import cache

from catalog.models import Category, Product
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.search.query_vectors import COLOUR, has_colour_part
from recommendations.strips.cards import available
from recommendations.strips.styles import style_of

MOST = 8  # about one line of a desktop page; a phone scrolls it
#: The products whose labels are read, newest first: a category may hold a million.
READ = 10_000
SECONDS = 600


def swatches_for(product: Product, model: EmbeddingModel | None = None) -> list[str]:
    """Colours that products of its category are labelled with, commonest first, without its own; none if the active
    model has no part for the colour, or no vector of the product. Two queries, and one more every ten minutes.

    Args:
        model: the active model, where the caller has read it already; that saves the first query.
    """
    model = model or EmbeddingModel.objects.active()
    if model is None or not has_colour_part(model.spec):
        return []
    if not ImageEmbedding.objects.current(model).filter(image__product=product).exists():
        return []
    own, key = style_of(product).colour, f"recommendations.swatches.{product.category_id}"
    colours = cache.get_or_set(key, lambda: _colours_of(product.category), SECONDS) or []
    return [colour for colour in colours if colour.casefold() != own][:MOST]


def _colours_of(category: Category) -> list[str]:
    """One more than is offered, because one may be the product's own."""
    newest = Product.objects.published().in_subtree(category).filter(available().conditions())[:READ]
    labels = newest.values_list(f"attributes__{COLOUR}", flat=True)
    counted = Counter(label for label in labels if isinstance(label, str) and label.strip())
    spellings: dict[str, str] = {}
    for label, _ in counted.most_common():
        spellings.setdefault(label.casefold(), label)  # of "Red" and "red", the commoner one
    return list(spellings.values())[: MOST + 1]
