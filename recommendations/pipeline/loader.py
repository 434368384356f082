"""Claims and decodes batches ahead of the network, so that it never waits."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from django.conf import settings
from django.db import connections

from recommendations.models import EmbeddingModel
from recommendations.pipeline import control, in_hand, shutdown
from recommendations.pipeline.control import Halt
from recommendations.pipeline.decoding import Batch, prepare

BATCHES_AHEAD = 2  # decoded while one is in the network; more would only keep leases longer


class Loader:
    """An iterator of decoded batches, filled by a thread with its own database connection."""

    def __init__(self, model: EmbeddingModel, enough: Callable[[], bool]) -> None:
        self.had_enough = False
        self.halt: Halt | None = None
        self._model, self._enough = model, enough
        self._queue: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=BATCHES_AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Loader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Claims that will not be used stay in hand; `in_hand.nothing_kept` releases them."""
        self._stop.set()
        while self._thread.is_alive():
            with suppress(queue.Empty):
                self._queue.get(timeout=0.05)
        self._thread.join()

    def __iter__(self) -> Iterator[Batch]:
        while not self._halted() and (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            if self._halted():
                return
            yield item
        self._halted()  # also if the loader ended first

    def _halted(self) -> bool:
        """If so, batches that were claimed ahead are not started."""
        if shutdown.asked():
            self.halt = Halt.STOPPED
        return self.halt is not None

    def _run(self) -> None:
        try:
            with ThreadPoolExecutor(settings.EMBEDDING_DECODE_THREADS, "decode") as pool:
                while not self._stop.is_set() and not shutdown.asked():
                    if self._enough():
                        self.had_enough = True
                        break
                    claimed = in_hand.claim(self._model)
                    if not claimed:
                        if control.current() is not None:
                            self.halt = Halt.PAUSED
                        break
                    self._queue.put(prepare(claimed, self._model, pool))
            self._queue.put(None)
        except BaseException as error:  # noqa: BLE001  (the thread that reads the queue raises it)
            self._queue.put(error)
        finally:
            connections.close_all()
