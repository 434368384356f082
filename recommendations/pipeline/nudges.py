"""Messages to the workers. Each only means "there may be work", so losing or repeating one is harmless."""

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

INTERACTIVE_QUEUE, BULK_QUEUE, RENDITIONS_QUEUE = "interactive", "bulk", "renditions"
UNHEARD = "The message broker does not answer; the next sweep will find the work: %s"

#: Message header with the id of the request that caused the message; see `common.request_ids`.
REQUEST_ID_HEADER = "request_id"

#: Exceptions of an unreachable broker.
BROKER_ERRORS = (OperationalError, OSError, RedisError)


@contextmanager
def broker() -> Iterator[Connection]:
    """A working connection within a bounded time.

    Raises:
        One of `BROKER_ERRORS`.
    """
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
    """Someone waits for these pictures, so they go ahead of any backlog."""
    _send("embed_images", image_ids, headers={REQUEST_ID_HEADER: current_request_id()})


def nudge_bulk() -> None:
    """Announce a backlog. One waiting message is enough, so they never pile up."""
    try:
        with broker() as connection:
            waiting = _messages(connection, BULK_QUEUE)
    except BROKER_ERRORS as error:
        logger.warning(UNHEARD, error)
        return
    if not waiting:
        _send("embed_pending")


def somebody_waits() -> bool:
    """Whether messages ahead of the backlog are waiting. Uses a pooled connection, so it may be called often.

    Raises:
        One of `BROKER_ERRORS`.
    """
    return _waits(INTERACTIVE_QUEUE)


def embedding_waits() -> bool:
    """Whether any work on embeddings is waiting, of uploads or of the backlog.

    Raises:
        One of `BROKER_ERRORS`.
    """
    return _waits(INTERACTIVE_QUEUE) or _waits(BULK_QUEUE)


def _waits(queue: str) -> bool:
    with current_app.pool.acquire(block=True) as connection:
        return _messages(connection, queue) > 0


def _messages(connection: Any, queue: str) -> int:
    channel = connection.default_channel
    count: int = channel.queue_declare(queue).message_count
    return count


def nudge_renditions() -> None:
    """Continue making renditions, behind all other work. One waiting message is enough."""
    try:
        if not _waits(RENDITIONS_QUEUE):
            current_app.send_task("shop.tasks.make_renditions", retry=False)
    except BROKER_ERRORS as error:
        logger.warning(UNHEARD, error)


def nudge_recall_check(so_far: dict[str, Any]) -> None:
    """Continue a recall check, behind all waiting pictures."""
    _send("check_recall", so_far)


def _send(task: str, *args: Any, **options: Any) -> None:
    """Sends tasks by name, because the tasks import the pipeline."""
    try:
        current_app.send_task(f"recommendations.tasks.{task}", args, retry=False, **options)
    except BROKER_ERRORS as error:
        logger.warning(UNHEARD, error)
