"""What each stage of the pipeline takes, and how many pictures come out of it how.

Workers answer no requests, come and go, and run on any number of hosts, so nobody could ask each of them. Every process
adds up what it does in memory, and adds that to the totals in the database every few seconds; `/metrics` of any web
process shows them. A worker that is killed takes the figures of its last seconds with it, and no picture.
"""

from __future__ import annotations

import logging
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, transaction

from recommendations.models import Stage, StagePictures, StageTime

logger = logging.getLogger(__name__)

#: Upper bounds in seconds. A decode takes milliseconds, a batch in the network tenths, a decode that hangs ten.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, float("inf"))
OK = "ok"
FLUSH_SECONDS = 5.0

_lock = threading.Lock()
_counts: Counter[tuple[str, float]] = Counter()
_seconds: dict[tuple[str, float], float] = {}
_pictures: Counter[tuple[str, str]] = Counter()
_flushed = time.monotonic()


@contextmanager
def timed(stage: Stage) -> Iterator[None]:
    """Also when it ends in an exception: that took its time, too."""
    began = time.perf_counter()
    try:
        yield
    finally:
        took(stage, time.perf_counter() - began)


def took(stage: Stage, seconds: float) -> None:
    key = (stage.value, BUCKETS[bisect_left(BUCKETS, seconds)])
    with _lock:
        _counts[key] += 1
        _seconds[key] = _seconds.get(key, 0.0) + seconds


def passed(stage: Stage, pictures: int = 1, outcome: str = OK) -> None:
    """`pictures` came out of this stage, fine or with a failure's code."""
    if pictures:
        with _lock:
            _pictures[stage.value, outcome] += pictures


def flush_if_due() -> None:
    if time.monotonic() - _flushed >= FLUSH_SECONDS:
        flush()


def flush() -> None:
    """Add what this process counted to the totals. A database that is away gets it the next time."""
    global _flushed
    with _lock:
        _flushed = time.monotonic()
        times = {key: (count, _seconds[key]) for key, count in _counts.items()}
        pictures = dict(_pictures)
        _counts.clear()
        _seconds.clear()
        _pictures.clear()
    try:
        with transaction.atomic():
            if times:
                StageTime.objects.add(times)
            if pictures:
                StagePictures.objects.add(pictures)
    except (DatabaseError, InterfaceError) as error:
        logger.debug("Figures of the pipeline are kept for later: %s", error)
        with _lock:
            _pictures.update(pictures)
            for key, (count, seconds) in times.items():
                _counts[key] += count
                _seconds[key] = _seconds.get(key, 0.0) + seconds
