"""Retries pictures whose missing file has returned."""

from __future__ import annotations

from typing import Any

from catalog.signals import files_returned
from recommendations.embeddings import claims
from recommendations.pipeline import nudges


def connect() -> None:
    files_returned.connect(_on_files_returned, dispatch_uid="recommendations.returns")


def _on_files_returned(*, names: list[str], **_: Any) -> None:
    if claims.retry_files(names):
        nudges.nudge_bulk()
