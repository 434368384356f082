"""Shows how far Postgres is with a vector index: at 40,000 pictures that takes a minute or several."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, connection

from common.progress import Meter, meter

LOOK_SECONDS = 2.0


@contextmanager
def meter_with_index(stream: Any, title: str, total: int, *, done: int = 0) -> Iterator[Meter]:
    """`common.progress.meter`, whose place a second one takes as soon as an index is being built."""
    with meter(stream, title, total, done=done) as first:
        stop = threading.Event()
        watcher = threading.Thread(target=_watch, args=(stream, first, stop), name="index progress", daemon=True)
        watcher.start()
        try:
            yield first
        finally:
            stop.set()
            watcher.join()


def _watch(stream: Any, first: Meter, stop: threading.Event) -> None:
    second: Meter | None = None
    try:
        while not stop.wait(LOOK_SECONDS):
            share = _share()
            if share is None:
                continue
            if second is None:
                first.close()
                second = Meter(getattr(stream, "_out", stream), "Indexing (%)", 100)
            second.set(int(100 * share), 100)
    except DatabaseError:
        pass  # a display is not worth a failure
    finally:
        connection.close()  # this thread's own
        if second is not None:
            second.close()


def _share() -> float | None:
    """Of the table's pages, how many the build in progress has read; None while there is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT blocks_done::float / greatest(blocks_total, 1) FROM pg_stat_progress_create_index "
            "WHERE relid = 'recommendations_imageembedding'::regclass AND phase LIKE 'building index%%'"
        )
        row = cursor.fetchone()
    return None if row is None else float(row[0])
