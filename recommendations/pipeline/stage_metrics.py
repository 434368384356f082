"""Counts the duration of each stage of the pipeline, and the pictures that leave it by outcome.

Workers serve no requests, come and go, and run on any number of hosts, so nothing can scrape them. Every process counts
in memory and adds its figures to totals in the database every few seconds; `/metrics` of any web process reports them.
A worker that is killed loses the figures of its last seconds, but no picture.
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

#: Upper bounds in seconds. Decoding takes milliseconds, a batch in the network tenths of a second, a hanging decode
#: ten.
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
    """Time a block, also if it raises an exception."""
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
    """Count `pictures` that left this stage, successfully or with a failure code."""
    if pictures:
        with _lock:
            _pictures[stage.value, outcome] += pictures


def flush_if_due() -> None:
    if time.monotonic() - _flushed >= FLUSH_SECONDS:
        flush()


def flush() -> None:
    """Add this process's figures to the totals. If the database does not answer, they are added next time."""
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
        logger.debug("Pipeline figures are kept for the next flush: %s", error)
        with _lock:
            _pictures.update(pictures)
            for key, (count, seconds) in times.items():
                _counts[key] += count
                _seconds[key] = _seconds.get(key, 0.0) + seconds
