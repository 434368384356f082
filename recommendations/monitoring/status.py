"""The status of the pipeline, for the command, the health check and the admin."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from catalog.media import files
from common.files import sha256_of
from ml.weights import BUNDLED_SETTING, edition_of, model_of, split_setting
from recommendations.embeddings.coverage import Coverage, coverage
from recommendations.lifecycle.refusals import refusals
from recommendations.lifecycle.switching import UNTRAINED_WARNING
from recommendations.models import EmbeddingModel, Pause
from recommendations.monitoring import throughput
from recommendations.monitoring.failures import FailureGroup, failure_groups
from recommendations.monitoring.recall_checks import latest, recall_warning
from recommendations.pipeline import control


@dataclass
class PipelineStatus(Coverage):
    """The status for the active model.

    Attributes:
        per_minute: pictures recently embedded per minute; see `recommendations.monitoring.throughput`.
        eta_s: seconds until no picture is missing, at that rate; None if no picture was embedded recently.
        outlook: the remaining time as a sentence.
        reasons: the failures, each with meaning, remedy and example.
        recall: result of the last recall check; see `recommendations.monitoring.recall_checks`.
        paused: start (ISO 8601), person, reason, and whether uploads are still embedded; see
            `recommendations.pipeline.control`.
    """

    model: str | None = None
    per_minute: float = 0.0
    eta_s: float | None = None
    outlook: str = ""
    reasons: list[FailureGroup] = field(default_factory=list)
    recall: dict[str, Any] | None = None
    paused: dict[str, Any] | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def settled(self) -> bool:
        return self.missing == 0

    def to_json(self) -> dict[str, Any]:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        values["reasons"] = [group.to_json() for group in self.reasons]
        return {"model": values.pop("model"), **values}


def pipeline_status() -> PipelineStatus:
    model = EmbeddingModel.objects.active()
    found = coverage(model)
    check = latest(model)
    per_minute = throughput.pictures_a_minute([model])[model.pk] if model else 0.0
    paused = control.current()
    return PipelineStatus(
        **{each.name: getattr(found, each.name) for each in fields(found)},
        model=model.name if model else None,
        per_minute=per_minute,
        eta_s=None if paused and found.missing else throughput.remaining_s(found.missing, per_minute),
        outlook=throughput.outlook(found.missing, per_minute, paused=paused is not None),
        reasons=failure_groups(model, found.failures),
        recall={"measured_at": check.measured_at.isoformat(), **check.report} if check else None,
        paused=_paused(paused),
        warnings=[*model_warnings(model), *files.problems()],
    )


def _paused(pause: Pause | None) -> dict[str, Any] | None:
    if pause is None:
        return None
    return {
        "since": pause.since.isoformat(),
        "by": pause.by,
        "reason": pause.reason,
        "bulk_only": pause.bulk_only,
        "text": str(pause),
    }


def model_warnings(model: EmbeddingModel | None) -> list[str]:
    """Warnings for operators about the active model."""
    if model is None:
        return []
    problems = UNTRAINED_WARNING if model.untrained else None, _disagreement(model), _other_views(model)
    return [*filter(None, (*problems, recall_warning(model))), *refusals(model)]


def weights_disagreement(model: EmbeddingModel) -> str | None:
    """An error if EMBEDDING_WEIGHTS names weights that no model of the shop uses, because someone may believe that they
    are in use. The database decides which model is active; the setting never switches models silently.

    Weights of another model of this shop are only a warning (`model_warnings`): `activate` and `rollback` must not take
    a shop out of service.
    """
    problem = _disagreement(model)
    return problem if problem and not any(_agrees(other) for other in EmbeddingModel.objects.all()) else None


def _disagreement(model: EmbeddingModel) -> str | None:
    setting = settings.EMBEDDING_WEIGHTS
    if not setting or _agrees(model):
        return None
    path = _file_in(setting)
    if path is not None and not path.is_file():
        return f"EMBEDDING_WEIGHTS names {path.name}, which does not exist. The shop still uses {model.name}."
    return (
        f"EMBEDDING_WEIGHTS ({Path(setting).name}) does not match the active model ({model.name}). The setting applies "
        "to new shops only: set it back, or change models with `manage.py embedding_models add`, build and activate."
    )


def _other_views(model: EmbeddingModel) -> str | None:
    wanted = settings.EMBEDDING_VIEWS
    if wanted in (1, model.views):  # 1 is the default, so it may not have been set
        return None
    return (
        f"EMBEDDING_VIEWS={wanted} does not apply to the active model ({model.name}, views: {model.views}). To use it, "
        f"add the same weights with `manage.py embedding_models add WEIGHTS --views {wanted}`, then build and activate."
    )


def _agrees(model: EmbeddingModel) -> bool:
    """A bundled model without an edition in EMBEDDING_WEIGHTS agrees with every edition of it: an upgrade, which may
    bring a newer one, must not make a shop complain."""
    setting = settings.EMBEDDING_WEIGHTS
    path = _file_in(setting)
    if path is None:
        edition = edition_of(model.weights_sha256)
        used = edition.name if edition else model.weights or model.source
        return setting in (used, model_of(used)) or (setting == BUNDLED_SETTING and model_of(setting) == model_of(used))
    if not path.is_file():
        return False
    found = path.stat()
    same_file = _sha256(str(path), found.st_mtime_ns, found.st_size) == model.weights_sha256
    return same_file and split_setting(setting)[1] == split_setting(model.weights)[1]


def _file_in(setting: str) -> Path | None:
    """The weights file that EMBEDDING_WEIGHTS names; None if it names bundled weights."""
    base, _ = split_setting(setting)
    return Path(base) if Path(base).is_absolute() else None  # settings.py makes paths absolute


@lru_cache(maxsize=4)
def _sha256(path: str, mtime_ns: int, size: int) -> str:
    return sha256_of(Path(path))
