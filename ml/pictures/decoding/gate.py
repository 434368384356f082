"""Which request uses a decoder next: clients take turns, and large pictures never get all decoders."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

#: How long a request may wait, and how many may wait at once: a web process needs threads for pages too. Fewer large
#: pictures may wait, because they take seconds, and even fewer of one client.
PATIENCE_S = 10.0
WAITING, WAITING_LARGE, WAITING_OF_ONE = 8, 2, 2
#: Seconds for one picture, for a first estimate of when to try again.
_GUESS_S, _GUESS_LARGE_S = 0.1, 1.5


class Busy(Exception):
    """All decoders are in use, and enough requests are waiting.

    Attributes:
        seconds: after which another try may succeed.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(f"busy for about {seconds} s")
        self.seconds = seconds


@dataclass(eq=False)
class _Asking:
    client: str | None
    large: bool
    may_go: threading.Event = field(default_factory=threading.Event)


class Gate:
    """`slots` pictures at once, from several threads.

    Whoever waits without a client (imports, workers) waits as long as it takes. Clients take turns, each in its own
    order. A client has one slot less than there are, and so have all large pictures together: a picture of the usual
    size always finds one that nobody blocks for seconds.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._lock = threading.Lock()
        self._inside: list[_Asking] = []
        self._waiting: dict[str | None, deque[_Asking]] = {}  # the client that is next comes first
        self._takes = {False: _GUESS_S, True: _GUESS_LARGE_S}

    @contextlib.contextmanager
    def turn(self, client: str | None, *, large: bool) -> Iterator[None]:
        """
        Args:
            client: who sent the picture; None if no person waits for the answer, "" for a client without an address,
                which has no limit of its own.

        Raises:
            Busy
        """
        asking = _Asking(client, large)
        with self._lock:
            if self._fits(asking) and not self._is_behind():
                self._inside.append(asking)
                asking.may_go.set()
            elif client is not None and self._is_full(asking):
                raise Busy(self._seconds(large))
            else:
                self._waiting.setdefault(client, deque()).append(asking)
        self._wait(asking)
        began = time.monotonic()
        try:
            yield
        finally:
            self._leave(asking, time.monotonic() - began)

    def _fits(self, asking: _Asking) -> bool:
        """Whether a slot is free for this request."""
        if len(self._inside) >= self.slots:
            return False
        share = max(1, self.slots - 1)
        if asking.client is None:
            return True
        if asking.large and sum(other.large for other in self._inside) >= share:
            return False
        own = sum(other.client == asking.client and other.large == asking.large for other in self._inside)
        return not asking.client or own < share

    def _is_behind(self) -> bool:
        """Whether a request is already waiting that could go now."""
        return any(self._fits(queue[0]) for queue in self._waiting.values() if queue)

    def _is_full(self, asking: _Asking) -> bool:
        alike = Counter(
            other.client
            for client, queue in self._waiting.items()
            if client is not None
            for other in queue
            if other.large == asking.large
        )
        most = WAITING_LARGE if asking.large else WAITING
        return alike.total() >= most or alike[asking.client] >= WAITING_OF_ONE

    def _admit(self) -> None:
        """Start the requests that can go now, one client after the other."""
        progress = True
        while progress:
            progress = False
            for client in list(self._waiting):
                queue = self._waiting[client]
                ready = next((asking for asking in queue if self._fits(asking)), None)
                if ready is None:
                    continue
                queue.remove(ready)
                del self._waiting[client]
                if queue:
                    self._waiting[client] = queue  # after all others
                self._inside.append(ready)
                ready.may_go.set()
                progress = True

    def _wait(self, asking: _Asking) -> None:
        try:
            if asking.may_go.wait(None if asking.client is None else PATIENCE_S):
                return
        except BaseException:  # a worker that must stop
            with self._lock:
                if asking in self._inside:
                    self._inside.remove(asking)
                    self._admit()
                else:
                    self._forget(asking)
            raise
        with self._lock:
            if asking in self._inside:
                return  # it got its turn at the last moment
            self._forget(asking)
            raise Busy(self._seconds(asking.large))

    def _forget(self, asking: _Asking) -> None:
        queue = self._waiting[asking.client]
        queue.remove(asking)
        if not queue:
            del self._waiting[asking.client]

    def _leave(self, asking: _Asking, seconds: float) -> None:
        with self._lock:
            self._inside.remove(asking)
            self._takes[asking.large] += (seconds - self._takes[asking.large]) / 8
            self._admit()

    def _seconds(self, large: bool) -> int:
        """Seconds until the requests that wait for the same slots have had their turns."""
        ahead = sum(asking.large == large for queue in self._waiting.values() for asking in queue)
        slots = max(1, self.slots - 1)
        return min(30, max(1, math.ceil((ahead + 1) * self._takes[large] / slots)))
