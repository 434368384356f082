"""How fast pictures are embedded, and when that will be done."""

from __future__ import annotations

from collections.abc import Iterable

from recommendations.embeddings.coverage import embedded_lately
from recommendations.models import EmbeddingModel

WINDOW_S = 300  # what counts as lately
LEAST_S = 60  # over less time than this a rate is chance


def pictures_a_minute(models: Iterable[EmbeddingModel]) -> dict[int, float]:
    """Model id → pictures embedded in the last `WINDOW_S` seconds, over the time since the first of them."""
    models = list(models)
    found = {model.pk: 0.0 for model in models}
    return found | {pk: rate(count, seconds) for pk, (count, seconds) in embedded_lately(models, WINDOW_S).items()}


def rate(pictures: int, seconds: float) -> float:
    """Pictures a minute."""
    return round(60 * pictures / max(seconds, LEAST_S), 1)


def remaining_s(missing: int, per_minute: float) -> float | None:
    """Seconds until `missing` pictures are done; None where nothing moves."""
    if not missing:
        return 0.0
    return round(60 * missing / per_minute) if per_minute else None


def outlook(missing: int, per_minute: float, *, paused: bool = False) -> str:
    """The same as a sentence."""
    if not missing:
        return "Nothing is waiting."
    if paused:
        return "Paused: what waits is embedded when the pipeline goes on."
    seconds = remaining_s(missing, per_minute)
    if seconds is None:
        return f"No picture was embedded in the last {WINDOW_S // 60} minutes. Look whether a worker runs."
    return f"{duration(seconds).capitalize()} left, at {per_minute:,.0f} pictures a minute."


def duration(seconds: float) -> str:
    """In the one unit that a person would use."""
    if seconds < 60:
        return "less than a minute"
    for unit, size, limit in (("minute", 60, 5400), ("hour", 3600, 48 * 3600)):
        if seconds < limit:
            return _about(round(seconds / size), unit)
    return _about(round(seconds / 86400), "day")


def _about(count: int, unit: str) -> str:
    return f"about {count:,} {unit}{'' if count == 1 else 's'}"
