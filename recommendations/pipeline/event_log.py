"""Log lines about single pictures in the pipeline.

Each line contains the picture, the digest of its file and the id of the request that uploaded it, whether the worker
found it through that request's message or through a sweep.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from recommendations.embeddings.claims import Claim

logger = logging.getLogger(__name__)

FEW = 4  # named one by one in a line for people; LOG_FORMAT=json always lists all


def claimed(claims: Sequence[Claim], model: str) -> None:
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("Claimed for %s: %s.", model, _named(claims), extra=_fields(claims, model))


def stored(claims: Sequence[Claim], model: str, count: int) -> None:
    """Args:
    count: number of claims that still belonged to this process.
    """
    lost = len(claims) - count
    but = f" {lost} of them were taken over, replaced or deleted in the meantime." if lost else ""
    logger.info("Vector of %s stored: %s.%s", model, _named(claims), but, extra=_fields(claims, model))


def failed(claim: Claim, model: str, code: str, message: str) -> None:
    logger.warning(
        "Image %s failed: %s (%s)", claim.image_id, message, code, extra={**_fields([claim], model), "code": code}
    )


def _named(claims: Sequence[Claim]) -> str:
    if len(claims) > FEW:
        return f"images {claims[0].image_id} to {claims[-1].image_id}, {len(claims)} in all"
    return ", ".join(f"image {claim.image_id} ({claim.digest[:12]})" for claim in claims)


def _fields(claims: Sequence[Claim], model: str) -> dict[str, Any]:
    images = [
        {"image": claim.image_id, "digest": claim.digest, "attempt": claim.attempts, "request_id": claim.request_id}
        for claim in claims
    ]
    requests = {claim.request_id for claim in claims}
    # A batch of several uploads has no request id of its own; each of its pictures does.
    return {"model": model, "images": images, "request_id": requests.pop() if len(requests) == 1 else ""}
