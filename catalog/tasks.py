import logging

from celery import shared_task

from catalog import media

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def remove_rowless_files() -> None:
    """Daily, so that pictures whose upload was cut off do not stay for ever."""
    try:
        media.remove_rowless_files()
    except media.SuspiciousSweep as error:
        logger.error("%s", error)
