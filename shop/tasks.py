import logging
import time

from celery import shared_task

from catalog.media import renditions
from recommendations.pipeline import control, nudges, shutdown
from shop.admin import logins

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def forget_login_failures() -> None:
    """Runs daily, so that addresses are not kept longer than needed."""
    forgotten = logins.forget_old_failures()
    if forgotten:
        logger.info("Deleted %d expired login failures.", forgotten)


SLICE_SECONDS = 20.0  # hourly and daily work waits no longer


@shared_task(ignore_result=True)
def make_renditions() -> None:
    """Every half minute, after all other work: make the renditions of new pictures, until a picture waits to be
    embedded. Finds its work in the database, so losing or repeating a message is harmless."""
    if control.current() is not None:
        return
    try:
        made = renditions.make(enough=_Slice().is_over)
    except renditions.RenditionsUnavailable as error:
        logger.error("%s", error)
        return
    if made.done or made.failed:
        logger.info("Made the renditions of %d pictures, %d failed.", made.done, made.failed)
    if made.more and not shutdown.asked():
        nudges.nudge_renditions()


class _Slice:
    def __init__(self) -> None:
        self._ends = time.monotonic() + SLICE_SECONDS

    def is_over(self) -> bool:
        if shutdown.asked() or time.monotonic() >= self._ends:
            return True
        try:
            return nudges.embedding_waits()
        except nudges.BROKER_ERRORS:
            return False  # unknown, and the slice is short
