"""How far the pipeline is, for the command, the health page and the admin."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Min
from django.utils import timezone

from catalog.models import ProductImage
from recommendations.lifecycle import UNTRAINED_WARNING
from recommendations.models import EmbeddingModel


@dataclass
class PipelineStatus:
    """`total` is the sum of the four states; `pending` counts pictures without a row and stale rows too."""

    model: str | None = None
    total: int = 0
    ready: int = 0
    pending: int = 0
    processing: int = 0
    failed: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    oldest_pending_s: float | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def settled(self) -> bool:
        return self.pending + self.processing == 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def pipeline_status() -> PipelineStatus:
    model = EmbeddingModel.objects.active()
    if model is None:
        images = ProductImage.objects.aggregate(count=Count("id"), oldest=Min("created_at"))
        waited = (timezone.now() - images["oldest"]).total_seconds() if images["oldest"] else None
        return PipelineStatus(total=images["count"], pending=images["count"], oldest_pending_s=waited)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT CASE WHEN e.id IS NULL OR e.digest <> i.digest THEN 'pending' ELSE e.state END AS state,
                   CASE WHEN e.state = 'failed' AND e.digest = i.digest THEN e.error_code ELSE '' END AS code,
                   count(*),
                   extract(epoch FROM clock_timestamp() - min(coalesce(e.created_at, i.created_at)))
              FROM catalog_productimage i
              LEFT JOIN recommendations_imageembedding e ON e.image_id = i.id AND e.model_id = %s
             GROUP BY 1, 2
            """,
            [model.pk],
        )
        rows = cursor.fetchall()
    status = PipelineStatus(model=model.name, warnings=model_warnings(model))
    for state, code, count, age in rows:
        setattr(status, state, getattr(status, state) + count)
        status.total += count
        if code:
            status.failures[code] = count
        if state == "pending":
            status.oldest_pending_s = round(max(float(age), 0.0), 1)
    return status


def model_warnings(model: EmbeddingModel | None) -> list[str]:
    """What an operator has to know of the model in use."""
    if model is None:
        return []
    warnings = [UNTRAINED_WARNING] if model.untrained else []
    disagreement = weights_disagreement(model)
    return [*warnings, disagreement] if disagreement else warnings


def weights_disagreement(model: EmbeddingModel) -> str | None:
    """Why EMBEDDING_WEIGHTS is not what the shop runs on, if so. The database decides; never a silent switch."""
    setting = settings.EMBEDDING_WEIGHTS
    if not setting:
        return None
    if setting in {"imagenet", "untrained"}:
        agrees = model.source == setting
    else:
        path = Path(setting)
        if not path.is_file():
            return f"EMBEDDING_WEIGHTS names {path.name}, which is not there. The shop still runs on {model.name}."
        found = path.stat()
        agrees = _sha256(str(path), found.st_mtime_ns, found.st_size) == model.weights_sha256
    if agrees:
        return None
    return (
        f"EMBEDDING_WEIGHTS ({Path(setting).name}) is not what the shop runs on ({model.name}). "
        "A shop keeps its model: start with a new VAR_DIR or database to use other weights."
    )


@lru_cache(maxsize=4)
def _sha256(path: str, mtime_ns: int, size: int) -> str:
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
