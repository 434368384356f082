"""Messages to the workers. Each says only "there may be something to do", so losing or repeating one is harmless."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import current_app
from kombu import Connection
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from catalog.signals import images_added
from common.request_ids import current_request_id

logger = logging.getLogger(__name__)

INTERACTIVE_QUEUE, BULK_QUEUE = "interactive", "bulk"
UNHEARD = "The message broker does not answer; the next sweep will find the work: %s"

#: Of the message: the id of the request that it was sent for, see `common.request_ids`.
REQUEST_ID_HEADER = "request_id"

#: What a broker that is away may raise.
BROKER_ERRORS = (OperationalError, OSError, RedisError)


@contextmanager
def broker() -> Iterator[Connection]:
    """A connection that answers, in bounded time; or one of `BROKER_ERRORS`."""
    with current_app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, reraise_as_library_errors=True)
        yield connection


def connect() -> None:
    images_added.connect(on_images_added, dispatch_uid="recommendations.nudges")


def on_images_added(*, image_ids: list[int], interactive: bool, **_: Any) -> None:
    if interactive:
        logger.info("Accepted: image %s.", ", ".join(map(str, image_ids)), extra={"images": image_ids})
        nudge_interactive(image_ids)
    else:
        nudge_bulk()


def nudge_interactive(image_ids: list[int]) -> None:
    """Somebody waits for these pictures: they go ahead of any backlog."""
    _send("embed_images", image_ids, headers={REQUEST_ID_HEADER: current_request_id()})


def nudge_bulk() -> None:
    """There is a backlog. One message that nobody has taken yet is enough, so they never pile up."""
    try:
        with broker() as connection:
            waiting = _messages(connection, BULK_QUEUE)
    except BROKER_ERRORS as error:
        logger.warning(UNHEARD, error)
        return
    if not waiting:
        _send("embed_pending")


def somebody_waits() -> bool:
    """Whether there are messages ahead of the backlog that nobody has taken yet. For those who ask often: by a
    connection that is kept.

    Raises:
        One of `BROKER_ERRORS`.
    """
    with current_app.pool.acquire(block=True) as connection:
        return _messages(connection, INTERACTIVE_QUEUE) > 0


def _messages(connection: Any, queue: str) -> int:
    channel = connection.default_channel
    count: int = channel.queue_declare(queue).message_count
    return count


def nudge_recall_check(so_far: dict[str, Any]) -> None:
    """Go on with a check of the search, behind all pictures that wait."""
    _send("check_recall", so_far)


def _send(task: str, *args: Any, **options: Any) -> None:
    """By name: tasks use the pipeline, which sends them."""
    try:
        current_app.send_task(f"recommendations.tasks.{task}", args, retry=False, **options)
    except BROKER_ERRORS as error:
        logger.warning(UNHEARD, error)
