"""The id that ties together all log lines about one request: in the web process, in the message to the workers, and in
the worker, where it ends with the line that says that the picture's vector is stored.

It is random, or what a proxy or client sent as `X-Request-ID`, and says nothing of anybody.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: No spaces, quotes or line breaks, so that an id can neither forge a log line nor break a query.
ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{7,63}", re.ASCII)

_current: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """Empty outside a request, as in commands and sweeps. Threads begin without."""
    return _current.get()


def accepted(given: str | None) -> str:
    """`given` if it may stand in a log, else a new id."""
    return given if given and ALLOWED.fullmatch(given) else uuid.uuid4().hex


@contextmanager
def request_id(value: str) -> Iterator[None]:
    """Within this block it is the current one."""
    token = _current.set(value)
    try:
        yield
    finally:
        _current.reset(token)
