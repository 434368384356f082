"""Failed pictures by reason, with a few examples of each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from recommendations.embeddings.coverage import latest_failures
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.monitoring.reasons import Reason, reason


@dataclass(frozen=True)
class FailureGroup:
    """Pictures that failed with the same code.

    Attributes:
        examples: the latest ones, with `image` and `image.product` prefetched.
    """

    code: str
    count: int
    examples: list[ImageEmbedding]

    @property
    def reason(self) -> Reason:
        return reason(self.code)

    @property
    def more(self) -> int:
        """Number of pictures that are not among the examples."""
        return self.count - len(self.examples)

    def to_json(self) -> dict[str, Any]:
        example = next(iter(self.examples), None)
        return {
            "code": self.code,
            "count": self.count,
            "means": str(self.reason.means),
            "remedy": str(self.reason.remedy),
            "example": None
            if example is None
            else {"image": example.image_id, "sku": example.image.product.sku, "error": example.error},
        }


def failure_groups(model: EmbeddingModel | None, counts: dict[str, int], *, examples: int = 1) -> list[FailureGroup]:
    """Groups of failed pictures, the most frequent reason first. Two queries for any number of failures.

    Args:
        counts: `Coverage.failures`.
    """
    if model is None or not counts:
        return []
    ids = latest_failures(model, list(counts), examples)
    rows = ImageEmbedding.objects.filter(pk__in=ids).select_related("image__product").defer("vector").order_by("-pk")
    found: dict[str, list[ImageEmbedding]] = defaultdict(list)
    for row in rows:
        found[row.error_code].append(row)
    ranked = sorted(counts, key=lambda code: (-counts[code], code))
    return [FailureGroup(code, counts[code], found[code]) for code in ranked]
