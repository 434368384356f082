"""Sample photos, offered next to the photo form to try the search with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".avif"})
MOST = 6


@dataclass(frozen=True)
class Sample:
    """A file of `PHOTO_SAMPLES`.

    Attributes:
        static: its name among the static files.
    """

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def words(self) -> str:
        return self.path.stem.replace("-", " ").replace("_", " ").capitalize()

    @property
    def static(self) -> str:
        return f"samples/{self.name}"


def samples() -> tuple[Sample, ...]:
    """The first `MOST` by name; none where the shop has no samples."""
    return _listed(settings.PHOTO_SAMPLES) if settings.PHOTO_SAMPLES else ()


@cache
def _listed(folder: str) -> tuple[Sample, ...]:
    found = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in SUFFIXES)
    return tuple(Sample(path) for path in found[:MOST])
