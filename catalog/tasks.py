import logging

from celery import shared_task

from catalog.media import files, rendition_files, renditions
from catalog.media.high_water import RowsWentBackwards
from catalog.search import indexing, misses

logger = logging.getLogger(__name__)

INDEX_SECONDS = 20.0  # other tasks of its queue wait no longer


@shared_task(ignore_result=True)
def check_media_if_due() -> None:
    """Runs hourly; checks once a day."""
    if files.is_due():
        check_media()


@shared_task(ignore_result=True)
def check_media() -> None:
    """Reports problems in the log, on `/readyz` and in the admin."""
    try:
        swept = files.sweep()
        rendition_files.sweep()
    except (RowsWentBackwards, files.SuspiciousSweep) as error:
        logger.error("%s", error)
        return
    except OSError as error:
        logger.error("The media storage could not be compared with the pictures: %s", error)
        return
    renditions.try_again()
    for problem in files.problems():
        logger.warning("%s", problem)
    logger.info(
        "Media: %d pictures, %d without their file; %d files set aside, %d back, %d deleted after quarantine.",
        swept.found.pictures, swept.found.lost, swept.set_aside, swept.returned, swept.deleted,
    )  # fmt: skip


@shared_task(ignore_result=True)
def index_products() -> None:
    """Every minute: index products for text search that changed in a way that the shop did not notice."""
    if done := indexing.index_stale(seconds=INDEX_SECONDS):
        logger.info("Indexed %d products for text search.", done)


@shared_task(ignore_result=True)
def tidy_search() -> None:
    """Hourly: count the words of the shop, and delete old counts of searches."""
    indexing.count_words()
    misses.prune()
