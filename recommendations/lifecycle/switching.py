"""The life of an embedding model: draft → building → ready → active → retired.

All changes of a model's state are here. The active model and all ready ones are kept complete, so that switching to a
ready model, or back, is one transaction on two rows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ml.spec import ModelSpec
from ml.weights import Weights
from recommendations.embeddings import claims
from recommendations.embeddings.coverage import Coverage, coverage, failed_instead
from recommendations.embeddings.indexes import drop_index, ensure_index, index_due
from recommendations.lifecycle import artifacts
from recommendations.lifecycle.artifacts import ArtifactMissing, ModelUnavailable
from recommendations.lifecycle.publishing import Published, can_export, find_weights, publish
from recommendations.lifecycle.restoring import models_lock, restore_network
from recommendations.models import EmbeddingModel, ModelState
from recommendations.models.embedding_model import WeightsSource

if TYPE_CHECKING:
    from ml.runtimes.onnx import OnnxEmbedder
    from ml.weights import Weights

logger = logging.getLogger(__name__)

MAX_DIMENSION = 4000  # of an indexable halfvec
DELETE_SLICE = 2000  # rows per statement: about 10 MB of 2048-d vectors, and no lock lasts long
#: Requests that started before a switch are answered by the former model. The longest is a photo search that waits for
#: a decoder (`ml.pictures.decoding`).
ANSWER_SECONDS = 15.0


class LifecycleError(Exception):
    """A step that a model's state does not allow. The message says what to do instead."""


class NotCovered(LifecycleError):
    """The model lacks pictures. Attributes: model, coverage."""

    def __init__(self, model: EmbeddingModel, found: Coverage) -> None:
        super().__init__(f"{model.name} lacks {found.missing:,} of {found.total:,} pictures.")
        self.model, self.coverage = model, found


class FailedInstead(LifecycleError):
    """The model failed on pictures that have a vector of the active model. Attributes: model, active, count."""

    def __init__(self, model: EmbeddingModel, active: EmbeddingModel, count: int) -> None:
        super().__init__(f"{model.name} failed on {count:,} pictures that {active.name} has vectors for.")
        self.model, self.active, self.count = model, active, count


@dataclass(frozen=True)
class Switch:
    """The model that pages and searches use now, the one before, and how complete the new one is."""

    model: EmbeddingModel
    previous: EmbeddingModel | None
    coverage: Coverage


# The first model


def ensure_active_model(log: Callable[[str], None] = logger.info) -> EmbeddingModel:
    """The active model. On first use it is made from the first available of: EMBEDDING_WEIGHTS, the bundled model,
    Keras's ImageNet weights, an untrained network (recorded as such).

    Raises:
        ModelUnavailable: there is no model yet, and it cannot be made here.
    """
    model = EmbeddingModel.objects.active()
    if model is None:
        with models_lock(log):
            model = EmbeddingModel.objects.active() or _create_first_model(log)
    return model


def _create_first_model(log: Callable[[str], None]) -> EmbeddingModel:
    setting = settings.EMBEDDING_WEIGHTS or None
    if not can_export(setting):
        raise ModelUnavailable(
            "There is no embedding model yet, and the package onnx, which makes the first one, is not installed here. "
            "Start a worker, or run `manage.py embed_catalog` where requirements/worker.txt is installed."
        )
    log("Preparing the embedding model (once; this takes a moment)…")
    made = publish(find_weights(setting, pooling=settings.EMBEDDING_POOLING or None, log=log), log=log)
    views = settings.EMBEDDING_VIEWS
    same = same_model(made.weights_sha256, made.spec, views)
    model = same or _create(made, _free_name(_with_views(made.name, views)), views)
    model.graph_sha256, model.state, model.activated_at = made.graph_sha256, ModelState.ACTIVE, timezone.now()
    model.save(update_fields=["graph_sha256", "state", "activated_at"])
    log(f"Embedding model {model.name} is active ({model.dimension}-d, {model.input_size} px).")
    if model.untrained:
        log(UNTRAINED_WARNING)
    return model


UNTRAINED_WARNING = (
    "WARNING: the embedding network is UNTRAINED, so similar products will be poor. For good results, give a weights "
    "file, or imagenet if a download is possible, to `manage.py embedding_models add`, then build and activate it."
)


def running_network(model: EmbeddingModel) -> OnnxEmbedder:
    """The network of `model`, loaded. A lost artifact is made again from its weights.

    Raises:
        ModelUnavailable: it is lost, and the weights here are not those that it was made from.
    """
    try:
        return artifacts.embedder(model)
    except ArtifactMissing as error:
        try:
            restore_network(model)
        except OSError as away:
            raise ModelUnavailable(f"{error} The media storage does not answer: {away}") from error
        return artifacts.embedder(model)


# Adding


def add_model(
    setting: str,
    *,
    name: str | None = None,
    pooling: str | None = None,
    views: int | None = None,
    log: Callable[[str], None] = logger.info,
    progress: Callable[[int, int | None], None] | None = None,
    wait: bool = True,
) -> EmbeddingModel:
    """A draft model of these weights, with its artifact stored. A retired model of the same weights becomes a draft
    again.

    Args:
        setting: as for EMBEDDING_WEIGHTS; see `ml.weights.resolve`.
        name: by default the name of the weights, or of their edition if the shop has another one; with the number of
            views if it is not 1.
        pooling: instead of the pooling that the weights were made with.
        views: of each catalog picture; by default EMBEDDING_VIEWS. See `ml.runtimes.views`.
        progress: called with (bytes so far, bytes in total or None) during a download.
        wait: for another process that is making a model.

    Raises:
        ModelUnavailable: the weights cannot be used, their artifact cannot be made, or another process is making a
            model and `wait` is False.
        LifecycleError: this model exists already, or another one with that name.
    """
    if not can_export(setting):
        raise ModelUnavailable(
            "The package onnx, which exports weights, is not installed here. Name an .onnx file, or run this where "
            "requirements/worker.txt is installed."
        )
    found = find_weights(setting, pooling=pooling, log=log, progress=progress)
    if found.spec.dimension > MAX_DIMENSION:
        raise LifecycleError(
            f"{found.name} makes vectors of {found.spec.dimension} numbers; Postgres can index {MAX_DIMENSION} at "
            "most. Shorten them with `python -m ml whiten`."
        )
    views = views or settings.EMBEDDING_VIEWS
    with models_lock(log, wait=wait):
        same = same_model(found.sha256, found.spec, views)
        if same is not None and same.state != ModelState.RETIRED:
            raise LifecycleError(f"These weights are here already, as model {same.name} ({same.state}).")
        wanted = name or (same.name if same else _default_name(found, views))
        if EmbeddingModel.objects.filter(name=wanted).exclude(pk=same.pk if same else 0).exists():
            raise LifecycleError(f"There is already another model named {wanted}. Choose another name with --name.")
        made = publish(found, log=log)
        if same is None:
            return _create(made, wanted, views)
        same.name, same.graph_sha256, same.weights, same.state = (
            wanted, made.graph_sha256, made.weights, ModelState.DRAFT,
        )  # fmt: skip
        same.save(update_fields=["name", "graph_sha256", "weights", "state"])
        return same


def _default_name(found: Weights, views: int) -> str:
    """The name of the weights; that of their edition if the shop has another edition of the same bundled model."""
    name = _with_views(found.name, views)
    taken = EmbeddingModel.objects.filter(name=name).exists()
    return _with_views(found.setting, views) if taken and found.source == WeightsSource.BUNDLED else name


def _with_views(name: str, views: int) -> str:
    return name if views == 1 else f"{name}-views-{views}"


def _create(made: Published, name: str, views: int) -> EmbeddingModel:
    return EmbeddingModel.objects.create(
        name=name,
        source=made.source,
        weights=made.weights,
        weights_sha256=made.weights_sha256,
        graph_sha256=made.graph_sha256,
        views=views,
        **EmbeddingModel.fields_of(made.spec),
    )


def same_model(weights_sha256: str, spec: ModelSpec, views: int) -> EmbeddingModel | None:
    """The model, in any state, with the vectors of these weights under this spec, averaged over this many views."""
    candidates = EmbeddingModel.objects.filter(weights_sha256=weights_sha256, views=views)
    return next((model for model in candidates if model.spec == spec), None)


def _free_name(name: str) -> str:
    taken = set(EmbeddingModel.objects.filter(name__startswith=name).values_list("name", flat=True))
    numbers = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    return next(free for free in (name, *numbers) if free not in taken)


# Building


def begin_build(name: str) -> EmbeddingModel:
    """Start giving every picture a vector of this model too. `pipeline.build` or the workers do the work.

    Raises:
        LifecycleError: there is no such model, or it is active or retired.
    """
    with _locked_models() as models:
        model = _named(models, name)
        if model.state == ModelState.ACTIVE:
            raise LifecycleError(f"{name} is active; `manage.py embed_catalog` completes it.")
        if model.state == ModelState.RETIRED:
            raise LifecycleError(f"{name} is retired. `manage.py embedding_models add` makes it a draft again.")
        if model.state == ModelState.DRAFT:
            _set_state(model, ModelState.BUILDING)
    return model


def finish_build(model: EmbeddingModel) -> bool:
    """Index a building model that has all its vectors, and mark it as ready; whether it is no longer building."""
    if claims.has_unfinished(model):
        return False  # other processes have claimed pictures, or died with their claims
    if index_due(model) and not ensure_index(model):
        return False
    finished = EmbeddingModel.objects.filter(pk=model.pk, state=ModelState.BUILDING).update(state=ModelState.READY)
    if finished:
        logger.info("Model %s is ready.", model.name)
    model.refresh_from_db(fields=["state"])
    return model.state != ModelState.BUILDING


# Switching


def activate(name: str, *, force: bool = False) -> Switch:
    """Use this model for pages and searches from the next request on, in one transaction. The former one stays ready.

    Args:
        force: allow pictures without a vector, and a model without an index.

    Raises:
        NotCovered: pictures still lack a vector, without `force`.
        FailedInstead: the model failed on pictures that have a vector of the active model, without `force`.
        LifecycleError: the state does not allow it, or the artifact or the index is missing.
    """
    with _locked_models() as models:
        model = _named(models, name)
        if model.state == ModelState.ACTIVE:
            raise LifecycleError(f"{name} is already active.")
        if model.state in (ModelState.DRAFT, ModelState.RETIRED):
            raise LifecycleError(f"{name} has no vectors (it is {model.state}). Run `embedding_models build` first.")
        if not artifacts.is_published(model):
            raise LifecycleError(f"The artifact of {name} is missing. `embedding_models build {name}` makes it again.")
        found = coverage(model)
        if not force and found.missing:
            raise NotCovered(model, found)
        active = _active(models)
        # A storage that is down for a minute fails every picture of a build; such a model is not covered.
        if not force and active and found.failed and (count := failed_instead(model, active).count()):
            raise FailedInstead(model, active, count)
        if not force and index_due(model):
            raise LifecycleError(
                f"The index of {name} is not built yet, so searches would compare every picture. Run "
                f"`embedding_models build {name}` first, or activate with --force."
            )
        return _switch(models, model, found)


def rollback() -> Switch:
    """Go back to the model that was active before, in one transaction and even if it is incomplete.

    Raises:
        LifecycleError: there is no former model.
    """
    with _locked_models() as models:
        former = [model for model in models if model.state == ModelState.READY and model.activated_at]
        if not former:
            raise LifecycleError("There is no model to go back to: none was active before, or it is retired.")
        model = max(former, key=lambda model: model.activated_at or timezone.now())
        return _switch(models, model, coverage(model))


def _active(models: list[EmbeddingModel]) -> EmbeddingModel | None:
    return next((model for model in models if model.state == ModelState.ACTIVE), None)


def _switch(models: list[EmbeddingModel], model: EmbeddingModel, found: Coverage) -> Switch:
    previous = _active(models)
    if previous is not None:  # first: only one may be active at a time
        _set_state(previous, ModelState.READY)
    model.activated_at = timezone.now()
    model.save(update_fields=["activated_at"])
    _set_state(model, ModelState.ACTIVE)
    return Switch(model, previous, found)


# Retiring


def retire(
    name: str, *, advance: Callable[[int], None] = lambda _: None, log: Callable[[str], None] = logger.info
) -> EmbeddingModel:
    """Delete the model's vectors, index and artifact; its row stays as a record. After a kill, a second call continues.

    From the first step on nothing is computed or stored for it (`claims` checks the model's state). Right after a
    switch away from it, this waits for searches in progress.

    Args:
        advance: called with the number of rows deleted.

    Raises:
        LifecycleError: there is no such model, or it is the active one.
    """
    with _locked_models() as models:
        model = _named(models, name)
        if model.state == ModelState.ACTIVE:
            raise LifecycleError(f"{name} is active. Activate another model first, or `embedding_models rollback`.")
        _set_state(model, ModelState.RETIRED)
        active = _active(models)
    if model.activated_at and active and active.activated_at:
        left = ANSWER_SECONDS - abs((timezone.now() - active.activated_at).total_seconds())
        if left > 0:
            log(f"Waiting {left:.0f} s for searches that started with {name}…")
            time.sleep(left)
    while not drop_index(model):  # first, so that the deletes need not keep it up to date
        time.sleep(0.5)
    while deleted := claims.delete_rows(model, DELETE_SLICE):
        advance(deleted)
    others = EmbeddingModel.objects.exclude(state=ModelState.RETIRED)
    if not others.filter(graph_sha256=model.graph_sha256).exists():
        artifacts.discard(model.graph_sha256)
    return model


# Shared


@contextmanager
def _locked_models() -> Iterator[list[EmbeddingModel]]:
    """All models, in a transaction in which no other process changes their states. Embeddings can still be written: the
    lock does not conflict with that of foreign keys."""
    with transaction.atomic():
        yield list(EmbeddingModel.objects.select_for_update(no_key=True).order_by("pk"))


def _named(models: list[EmbeddingModel], name: str) -> EmbeddingModel:
    for model in models:
        if model.name == name:
            return model
    known = ", ".join(model.name for model in models) or "none yet"
    raise LifecycleError(f"There is no model {name!r}. Models here: {known}.")


def _set_state(model: EmbeddingModel, state: ModelState) -> None:
    model.state = state
    model.save(update_fields=["state"])
