"""Parts of pages that were drawn before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

from django.utils.safestring import SafeString


class Drawn:
    """By what they depend on. Threads may share it; two that need the same part at once both draw it."""

    def __init__(self) -> None:
        self._parts: OrderedDict[Hashable, SafeString] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._parts)

    def get(self, key: Hashable, draw: Callable[[], SafeString], *, most: int) -> SafeString:
        """The part of `key`, drawn if it is not kept. Of more than `most` parts, the longest unused are dropped."""
        with self._lock:
            if key in self._parts:
                self._parts.move_to_end(key)
                return self._parts[key]
        drawn = draw()
        with self._lock:
            self._parts[key] = drawn
            while len(self._parts) > most:
                self._parts.popitem(last=False)
        return drawn
