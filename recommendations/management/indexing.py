"""Shows how far Postgres is with a vector index: at 40,000 pictures that takes a minute or several."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, connection

from common.progress import Meter, meter
from recommendations.embeddings.indexes import build_progress

LOOK_SECONDS = 2.0


@contextmanager
def meter_with_index(stream: Any, title: str, total: int, *, done: int = 0) -> Iterator[Meter]:
    """`common.progress.meter`, replaced by a second bar as soon as an index is being built."""
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
            share = build_progress()
            if share is None:
                continue
            if second is None:
                first.close()
                second = Meter(getattr(stream, "_out", stream), "Indexing (%)", 100)
            second.set(int(100 * share), 100)
    except DatabaseError:
        pass  # a progress bar must not fail the command
    finally:
        connection.close()  # this thread's own
        if second is not None:
            second.close()
