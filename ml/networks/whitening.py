"""PCA whitening with shrinkage: shorter vectors, fitted on a shop's own pictures, without labels.

Whitening gives all directions in which a catalog varies equal weight (Jégou and Chum 2012, "Negative evidences and
co-occurrences in image retrieval"). Directions with little variance are mostly noise, which whitening would amplify;
shrinkage towards equal variance (as in Ledoit and Wolf 2004) limits that.
"""

from dataclasses import dataclass, replace

import numpy as np

from ml.spec import SHAPE, ModelSpec, Part

DIMENSION = 256
# Ten nearest of 2,000 products, features trained on such products, fitted on the same 2,000. Without whitening (2048
# numbers): type .711, macro type .305, colour .525.
#                                                shrinkage    0     .5    .8    .9    .95   1
#                                                type       .675  .690  .697  .701  .705  .709
#                                                macro type .293  .307  .313  .314  .315  .306
#                                                colour     .476  .491  .501  .506  .510  .526
SHRINKAGE = 0.9
MIN_ROWS = 2  # vectors to fit on, for each number kept


class CannotWhiten(Exception):
    """These vectors cannot be whitened; the message says why."""


@dataclass(frozen=True)
class Whitening:
    """`x @ kernel + bias` of a unit vector x.

    Attributes:
        kernel: float32 [D, d].
        bias: float32 [d].
        explained: share of the variance in the d directions, 0 to 1.
    """

    kernel: np.ndarray
    bias: np.ndarray
    explained: float


def fit(vectors: np.ndarray, dimension: int = DIMENSION, *, shrinkage: float = SHRINKAGE) -> Whitening:
    """The `dimension` directions in which `vectors` vary most, each scaled towards equal variance.

    Args:
        vectors: float [n, D].
        shrinkage: 0 scales every direction to variance 1; 1 scales none, which is plain PCA. Between: as if the
            covariance were (1 - shrinkage) · covariance + shrinkage · mean variance · identity.

    Raises:
        CannotWhiten: there are too few vectors, or they vary in fewer than `dimension` directions.
        ValueError: an argument is out of range.
    """
    count, width = vectors.shape
    if not 1 <= dimension <= width:
        raise ValueError(f"dimension must be from 1 to {width}, not {dimension}")
    if not 0 <= shrinkage <= 1:
        raise ValueError(f"shrinkage must be from 0 to 1, not {shrinkage}")
    if count < MIN_ROWS * dimension:
        raise CannotWhiten(
            f"{count} vectors are too few to keep {dimension} numbers of each: {MIN_ROWS * dimension} are needed. "
            f"Embed more pictures, or keep at most {count // MIN_ROWS}."
        )
    mean = vectors.mean(axis=0, dtype=np.float64)
    centred = (vectors - mean).astype(np.float32)
    covariance = (centred.T @ centred).astype(np.float64) / (count - 1)
    variances, directions = np.linalg.eigh(covariance)  # ascending
    total = float(variances.sum())
    kept, directions = variances[::-1][:dimension], directions[:, ::-1][:, :dimension]
    if kept[-1] <= 1e-7 * total / width:
        varying = int((kept > 1e-7 * total / width).sum())
        raise CannotWhiten(f"The vectors vary in {varying} directions only: {dimension} cannot be kept.")
    # A direction's sign is arbitrary: the largest entry is made positive, so that all machines agree.
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[largest, np.arange(dimension)])
    shrunk = (1 - shrinkage) * kept + shrinkage * total / width
    kernel = directions / np.sqrt(shrunk)
    return Whitening(kernel.astype(np.float32), (-mean @ kernel).astype(np.float32), float(kept.sum()) / total)


def whitened_spec(spec: ModelSpec, dimension: int) -> ModelSpec:
    """The model with its pooled features whitened; a colour histogram in the vector stays.

    Raises:
        CannotWhiten: its features pass through a trained head.
    """
    pooled_width(spec)  # raises
    parts = (Part(SHAPE, dimension, ("unit_pooled",)), *spec.parts[1:])
    return replace(spec, parts=parts, labels=(), dimension=sum(part.dimension for part in parts))


def unit_pooled(vectors: np.ndarray, spec: ModelSpec) -> np.ndarray:
    """The L2-normalised pooled features in a model's vectors; raises CannotWhiten if the vectors do not have them."""
    return vectors[:, : pooled_width(spec)] * np.float32(max(1, len(spec.parts)) ** 0.5)


def pooled_width(spec: ModelSpec) -> int:
    """How many numbers at the start of a vector are the pooled features; raises CannotWhiten if none are."""
    if not spec.parts:
        return spec.dimension
    first, *others = spec.parts
    is_plain = not first.linear and first.inputs in (("pooled",), ("unit_pooled",))
    if not is_plain or any(part.linear for part in others):
        raise CannotWhiten(
            "The vectors come from a trained head, or were whitened before: "
            "only a network's pooled features can be whitened."
        )
    return first.dimension
