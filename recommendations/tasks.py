"""Celery tasks, which only call the pipeline. Pending work is read from the database, so losing or repeating a message
is harmless."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from celery import Task, shared_task
from django.conf import settings
from django.db import connections

from catalog.media import high_water
from common.request_ids import request_id
from recommendations.lifecycle.artifacts import ModelUnavailable
from recommendations.models import EmbeddingModel
from recommendations.monitoring import recall_checks
from recommendations.pipeline import nudges, renewing, worker
from recommendations.pipeline.loader import BATCHES_AHEAD
from recommendations.strips import click_reports

logger = logging.getLogger(__name__)

# Bulk work runs until an upload is waiting and then queues itself again, so that uploads never wait for a backlog. A
# slice takes at least LEAST_SECONDS, or a stream of uploads would stop bulk work, and at most MOST_SECONDS, or Celery
# would consider the task stuck.
LEAST_SECONDS, MOST_SECONDS = 1.0, 60.0
LOOK_SECONDS = 0.25  # between checks for uploads; a fast network embeds many batches per second
ENOUGH_FOR_TWO = BATCHES_AHEAD + 2  # claims: more than one worker holds
CHECK_SECONDS = 4.0
RENEW_SHARE = 0.25  # of the time of one worker, and only while nothing is pending


@shared_task(bind=True, ignore_result=True)
def embed_images(self: Task[..., None], image_ids: list[int]) -> None:
    """Embed pictures that were just uploaded."""
    with request_id((self.request.headers or {}).get(nudges.REQUEST_ID_HEADER) or ""):
        try:
            drained = worker.embed_now(image_ids)
        except worker.UNAVAILABLE as error:
            logger.error("%s The pictures stay pending.", error)
            return
    if drained.more:
        nudges.nudge_bulk()


@shared_task(ignore_result=True)
def embed_pending() -> None:
    """Embed a slice of the backlog."""
    try:
        drained = worker.drain(enough=_Slice().is_over, finish=_finish_aside)
    except worker.UNAVAILABLE as error:
        logger.error("%s The pictures stay pending.", error)
        return
    if drained.ready or drained.failed:
        logger.info("Embedded %d pictures, %d failed.", drained.ready, drained.failed)
    if drained.more:
        nudges.nudge_bulk()


class _Slice:
    """Limits one run of bulk work: `is_over` is checked before each claim.

    Args:
        renewal_s: the run renews vectors, for this many seconds at most. It needs no other worker, and ends at once if
            an upload waits.
    """

    def __init__(self, renewal_s: float | None = None) -> None:
        self._began = time.monotonic()
        self._claims = 0
        self._most_s = MOST_SECONDS if renewal_s is None else renewal_s
        self._wakes_others = renewal_s is None
        self._look_after = self._began + (LEAST_SECONDS if renewal_s is None else 0.0)

    def is_over(self) -> bool:
        self._claims += 1
        if self._wakes_others and self._claims == ENOUGH_FOR_TWO:
            nudges.nudge_bulk()  # an idle worker takes it, and in turn wakes the next
        now = time.monotonic()
        return now - self._began >= self._most_s or (now >= self._look_after and self._somebody_waits(now))

    def _somebody_waits(self, now: float) -> bool:
        """Whether an upload is waiting. While the broker is unavailable the answer is unknown, and it is not asked
        again."""
        self._look_after = now + LOOK_SECONDS
        try:
            return nudges.somebody_waits()
        except nudges.BROKER_ERRORS:
            self._look_after = float("inf")
            return False


_finishing = threading.Lock()


def _finish_aside(model: EmbeddingModel) -> None:
    """Finish in a thread, because building an index may take minutes and uploads must not wait for it. If it is
    interrupted, or busy with another model, the next sweep does the rest."""
    if not worker.finish_takes_long(model):
        worker.finish(model)
        return
    if not _finishing.acquire(blocking=False):
        return

    def finish() -> None:
        try:
            worker.finish(model)
        except Exception:
            logger.exception("Could not finish the index of %s; the next sweep tries again.", model.name)
        finally:
            connections.close_all()
            _finishing.release()

    threading.Thread(target=finish, name="finish", daemon=True).start()


_swept_at = -float("inf")  # of this process, by a monotonic clock


@shared_task(ignore_result=True)
def sweep() -> None:
    """Every EMBEDDING_SWEEP_SECONDS: finds work that was left by a lost message, worker or broker. Sweeps that queued
    up while no worker ran count as one."""
    global _swept_at
    if time.monotonic() - _swept_at < settings.EMBEDDING_SWEEP_SECONDS / 2:
        return
    _remember_rows()
    try:
        found = worker.sweep()
    except ModelUnavailable as error:
        logger.error("%s", error)
        return
    _swept_at = time.monotonic()
    if found:
        nudges.nudge_bulk()
    else:
        _renew_some()


def _renew_some() -> None:
    """Spend a part of the time until the next sweep on vectors of earlier decoders, unless an upload waits. A shop of
    300,000 pictures without colour profiles is done within hours, and the processor is free most of the time."""
    if not renewing.is_due():
        return
    slice_ = _Slice(RENEW_SHARE * settings.EMBEDDING_SWEEP_SECONDS)
    try:
        renewing.renew(enough=slice_.is_over)
    except worker.UNAVAILABLE as error:
        logger.error("%s Earlier vectors stay in use.", error)


def _remember_rows() -> None:
    """Record the newest rows in the media storage, so that a restore of an older database is noticed."""
    try:
        high_water.keep()
    except high_water.RowsWentBackwards:
        pass  # it has been logged
    except OSError as error:
        logger.error("The media storage does not answer: %s", error)


@shared_task(ignore_result=True)
def prune_strip_counts() -> None:
    """Daily: delete old strip counts."""
    click_reports.prune()


@shared_task(ignore_result=True)
def check_recall(so_far: dict[str, Any] | None = None) -> None:
    """Every RECALL_CHECK_HOURS, in slices, so that pictures do not wait for it. The counts travel in the message:
    losing one ends this check, and the next is due anyway."""
    rest = recall_checks.slice_of_check(so_far, CHECK_SECONDS)
    if rest is not None:
        nudges.nudge_recall_check(rest)
