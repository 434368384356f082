"""How fast pictures are embedded, and how long the rest will take."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext, ngettext

from recommendations.embeddings.coverage import embedded_lately
from recommendations.models import EmbeddingModel

WINDOW_S = 300  # the period that a rate is measured over
LEAST_S = 60  # a rate over a shorter time would be chance


def pictures_a_minute(models: Iterable[EmbeddingModel]) -> dict[int, float]:
    """Model id → pictures embedded in the last `WINDOW_S` seconds, over the time since the first of them."""
    models = list(models)
    found = {model.pk: 0.0 for model in models}
    return found | {pk: rate(count, seconds) for pk, (count, seconds) in embedded_lately(models, WINDOW_S).items()}


def rate(pictures: int, seconds: float) -> float:
    """Pictures per minute."""
    return round(60 * pictures / max(seconds, LEAST_S), 1)


def remaining_s(missing: int, per_minute: float) -> float | None:
    """Seconds until `missing` pictures are done; None if no picture was embedded recently."""
    if not missing:
        return 0.0
    return round(60 * missing / per_minute) if per_minute else None


def outlook(missing: int, per_minute: float, *, paused: bool = False) -> str:
    """`remaining_s` as a sentence for staff."""
    if not missing:
        return gettext("Nothing is waiting.")
    if paused:
        return gettext("Paused: pending pictures are embedded after the pipeline resumes.")
    seconds = remaining_s(missing, per_minute)
    if seconds is None:
        return gettext("No picture was embedded in the last %(minutes)d minutes. Check that a worker is running.") % {
            "minutes": WINDOW_S // 60,
        }  # fmt: skip
    return gettext("%(duration)s left, at %(rate)s pictures a minute.") % {
        "duration": duration(seconds).capitalize(), "rate": f"{per_minute:,.0f}",
    }  # fmt: skip


def duration(seconds: float) -> str:
    """A duration in the unit that people would use, such as "about 5 minutes"."""
    if seconds < 60:
        return gettext("less than a minute")
    if seconds < 5400:
        count = round(seconds / 60)
        return ngettext("about %(count)s minute", "about %(count)s minutes", count) % {"count": count}
    if seconds < 48 * 3600:
        count = round(seconds / 3600)
        return ngettext("about %(count)s hour", "about %(count)s hours", count) % {"count": count}
    count = round(seconds / 86400)
    return ngettext("about %(count)s day", "about %(count)s days", count) % {"count": f"{count:,}"}
