"""What the log says of single pictures on their way to a vector.

Each line names the picture, its file's digest and the request that uploaded it, whether that request's message or a
sweep brought the worker to it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from recommendations.embeddings.claims import Claim

logger = logging.getLogger(__name__)

FEW = 4  # named one by one in a line for people; LOG_FORMAT=json always names all


def claimed(claims: Sequence[Claim], model: str) -> None:
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("Claimed for %s: %s.", model, _named(claims), extra=_fields(claims, model))


def stored(claims: Sequence[Claim], model: str, count: int) -> None:
    """Args:
    count: how many of the claims were still ours.
    """
    lost = len(claims) - count
    but = f" {lost} of them had been taken over, replaced or deleted meanwhile." if lost else ""
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
    # A batch of several uploads is no single request's; its pictures still name theirs.
    return {"model": model, "images": images, "request_id": requests.pop() if len(requests) == 1 else ""}
