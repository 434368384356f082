"""Query vectors: what stored vectors are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Avg

from catalog.attributes import attribute_is
from catalog.models import Product
from ml.spec import ModelSpec
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.querysets import ImageEmbeddingQuerySet

COLOUR = "colour"  # the name of the part, and of the attribute
EVEN = 0.5  # the weight of the colour in vectors as they are stored
#: How much of the mean of liked products is added to what they refine, and how much of the mean of disliked ones is
#: subtracted (Rocchio 1971; Manning et al., "Introduction to Information Retrieval", 9.1.1, take .75, and .15 to .25
#: for words; pictures of one shop have more in common).
LIKED, DISLIKED = 0.75, 0.5
_SWATCH_PRODUCTS = 500  # the newest: a common colour has a hundred times as many


class NoColourPart(ValueError):
    """The colour was to be weighted or replaced, and the model has no part for it."""

    def __init__(self) -> None:
        super().__init__("The model has no separate parts for shape and colour.")


@dataclass(frozen=True)
class Query:
    """Attributes:
    vector: float32 [D]; or the id of a product, whose stored vector then stays in the database.
    length: of the vector; not 1 if its parts are weighted. Scores are products with the stored unit vectors, so that
        with weights they are the weighted mean of the parts' cosines.
    even: the vector before its parts were weighted; None if they are not.
    """

    vector: np.ndarray | int
    length: float = 1.0
    even: np.ndarray | None = None


def query_of(vector: np.ndarray) -> Query:
    return Query(vector, float(np.linalg.norm(vector)))


def vectors_of(products: Sequence[int], model: EmbeddingModel) -> dict[int, np.ndarray]:
    """Product id → vector of its first embedded picture, float32 [D], for products that have one."""
    rows = _first_pictures(products, model).values_list("image__product_id", "vector")
    return {pk: np.asarray(vector, np.float32) for pk, vector in rows}


def picture_vectors(images: Sequence[int], model: EmbeddingModel) -> dict[int, np.ndarray]:
    """Picture id → vector, float32 [D], for pictures that have one."""
    rows = ImageEmbedding.objects.current(model).filter(image_id__in=images).values_list("image_id", "vector")
    return {pk: np.asarray(vector, np.float32) for pk, vector in rows}


def without_colour(vectors: np.ndarray, spec: ModelSpec) -> np.ndarray:
    """The vectors without their colour part, float32 [n, d], unit length; whole if the model has no colour part."""
    kept = [part for name, part in parts_of(spec).items() if name != COLOUR] or [slice(None)]
    rest = np.concatenate([vectors[:, part] for part in kept], axis=1)
    return rest / np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-6)


def _first_pictures(products: Sequence[int], model: EmbeddingModel) -> ImageEmbeddingQuerySet:
    rows = ImageEmbedding.objects.current(model).filter(image__product_id__in=products)
    return rows.order_by("image__product_id", "image__position", "image_id").distinct("image__product_id")


def rocchio(
    liked: Sequence[np.ndarray],
    disliked: Sequence[np.ndarray],
    spec: ModelSpec,
    refined: np.ndarray | None = None,
) -> np.ndarray:
    """A vector between the liked ones and away from the disliked ones: float32 [D], each part as long as a stored one.

    Args:
        refined: the vector to start from; without it, the mean of the liked ones.

    Raises:
        ValueError: neither `liked` nor `refined`.
    """
    towards = _towards(liked, refined)
    wanted = towards - DISLIKED * np.mean(disliked, axis=0) if len(disliked) else towards
    return np.concatenate([_unit(wanted[part], towards[part]) for part in parts_of(spec).values()]) * _length(spec)


def _towards(liked: Sequence[np.ndarray], refined: np.ndarray | None) -> np.ndarray:
    if refined is None:
        if not len(liked):
            raise ValueError("Name at least one liked product.")
        return np.asarray(np.mean(liked, axis=0))
    return refined + LIKED * np.mean(liked, axis=0) if len(liked) else refined


def weighted(vector: np.ndarray, spec: ModelSpec, colour: float) -> np.ndarray:
    """The vector with `colour` of its weight on the colour part and the rest on the others: 0 compares only the shape,
    1 only the colour. Its product with a stored vector is the weighted mean of the parts' cosines.

    Raises:
        NoColourPart
    """
    if not has_colour_part(spec):
        raise NoColourPart
    parts = parts_of(spec)
    weights = np.empty(len(vector), np.float32)
    for name, part in parts.items():
        weights[part] = colour if name == COLOUR else (1.0 - colour) / (len(parts) - 1)
    return vector * weights * len(parts)


def recoloured(vector: np.ndarray, spec: ModelSpec, swatch: np.ndarray) -> np.ndarray:
    """The vector of the same product in another colour.

    Args:
        swatch: float32 [d], unit length, as `swatch_of` returns it.
    """
    changed = vector.copy()
    changed[parts_of(spec)[COLOUR]] = swatch * _length(spec)
    return changed


def swatch_of(colour: str, model: EmbeddingModel) -> np.ndarray | None:
    """The mean colour part of products labelled with this colour, float32 [d], unit length; None if no embedded product
    is. Only the newest `_SWATCH_PRODUCTS` are read.

    Raises:
        NoColourPart
    """
    if not has_colour_part(model.spec):
        raise NoColourPart
    labelled = Product.objects.published().filter(attribute_is(COLOUR, colour))
    newest = list(labelled.order_by("-id").values_list("pk", flat=True)[:_SWATCH_PRODUCTS])
    rows = ImageEmbedding.objects.current(model).filter(image__product_id__in=newest)
    mean = rows.aggregate(mean=Avg("vector"))["mean"]
    return None if mean is None else _unit(np.asarray(mean, np.float32)[parts_of(model.spec)[COLOUR]])


def parts_of(spec: ModelSpec) -> dict[str, slice]:
    """Part → its place in the vector; a vector without parts counts as one part."""
    found, start = {}, 0
    for part in spec.parts:
        found[part.name] = slice(start, start + part.dimension)
        start += part.dimension
    return found or {"": slice(0, spec.dimension)}


def has_colour_part(spec: ModelSpec) -> bool:
    """Whether the colour can be weighted against the other parts."""
    parts = parts_of(spec)
    return COLOUR in parts and len(parts) > 1


def _length(spec: ModelSpec) -> np.float32:
    """The length of each part of a stored vector."""
    return np.float32(len(parts_of(spec)) ** -0.5)


def _unit(vector: np.ndarray, otherwise: np.ndarray | None = None) -> np.ndarray:
    """The vector at length 1; `otherwise` if it has no direction."""
    length = float(np.linalg.norm(vector))
    if length < 1e-6 and otherwise is not None:
        return _unit(otherwise)
    return (vector / max(length, 1e-6)).astype(np.float32)
