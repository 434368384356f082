"""A worker that is told to end finishes the batch that is in the network and gives back all others, so that another
worker has them at once and not when their leases end. What is not done in time is given back too.

Celery tells only its main process, which waits for its child for as long as the task takes. A byte of shared memory
tells the child.
"""

from __future__ import annotations

import logging
import mmap
import os
import threading
import time
from collections.abc import Iterable
from typing import Any

from celery.signals import worker_process_init, worker_shutting_down
from django.db import DatabaseError

from recommendations import claims
from recommendations.claims import Claim

logger = logging.getLogger(__name__)

# Seconds that a batch may still take. With what giving back takes, a worker ends within 10: the patience of Docker.
GRACE = 7.0
LOOK = 0.2

_told = mmap.mmap(-1, 1)  # shared with the children, which are forked later
_in_hand: dict[int, Claim] = {}  # what this process works on, by row


def connect() -> None:
    worker_shutting_down.connect(_tell, dispatch_uid="recommendations.stopping")
    worker_process_init.connect(_watch, dispatch_uid="recommendations.stopping")


def stopping() -> bool:
    """Whether nothing new is to be begun."""
    return _told[0] != 0


def took(taken: Iterable[Claim]) -> None:
    _in_hand.update((claim.id, claim) for claim in taken)


def finished(claims: Iterable[Claim]) -> None:
    for claim in claims:
        _in_hand.pop(claim.id, None)


def _tell(**_: Any) -> None:
    _told[0] = 1


def _watch(**_: Any) -> None:
    threading.Thread(target=_end_in_time, name="stopping", daemon=True).start()


def _end_in_time() -> None:
    while not stopping():
        time.sleep(LOOK)
    time.sleep(GRACE)
    # Had the task ended, Celery would have ended this process.
    left = list(_in_hand.values())
    try:
        claims.release(left)
    except DatabaseError as error:  # the leases see to it
        logger.warning("Claims could not be given back: %s", error)
    logger.warning("This process was told to end %g s ago and ends in the middle of %d pictures.", GRACE, len(left))
    os._exit(1)
