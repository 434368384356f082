"""The request id connects all log lines about one request: in the web process, in the message to the workers, and in
the worker, up to the line that reports that the picture's embedding is stored.

The id is random, or the `X-Request-ID` that a proxy or client sent. It identifies nobody.
"""

from __future__ import annotations

import re
import uuid
from contextlib import AbstractContextManager

from structlog.contextvars import bound_contextvars, get_contextvars

#: No spaces, quotes or line breaks, so that an id can neither forge a log line nor break a query.
ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{7,63}", re.ASCII)


def current_request_id() -> str:
    """Empty outside a request, for example in commands and sweeps. New threads start without an id."""
    return str(get_contextvars().get("request_id", ""))


def accepted(given: str | None) -> str:
    """Return `given` if it is safe to log, otherwise a new id."""
    return given if given and ALLOWED.fullmatch(given) else uuid.uuid4().hex


def request_id(value: str) -> AbstractContextManager[None]:
    """Make `value` the current request id within a `with` block; log lines get it from there."""
    return bound_contextvars(request_id=value)
