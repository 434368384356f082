"""Maps database errors to answers for the client, by SQLSTATE (PostgreSQL manual, appendix A).

An unreachable database, a busy one and a value that no column can store are all `django.db.Error`s, and psycopg's
classes do not separate them: "string is too long for tsvector" is an OperationalError, like a lost connection.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import DataError, Error, InterfaceError, OperationalError
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

logger = logging.getLogger(__name__)

RETRY_S = 5


@dataclass(frozen=True)
class Fault:
    """Attributes:
    wait: seconds after which a retry may help; None if it cannot.
    too_long: a text is longer than Postgres can store or index; `longest_text` finds which.
    """

    status: int
    code: str
    sentence: str | Promise
    wait: int | None = None
    too_long: bool = False


AWAY = Fault(503, "unavailable", _("The shop’s database is not answering. Try again in a moment."), RETRY_S)
FULL = Fault(503, "unavailable", _("The shop’s database is full. Try again later."), 30)
CROWDED = Fault(503, "busy", _("The shop is very busy. Try again in 5 seconds."), RETRY_S)
SLOW = Fault(503, "timeout", _("This took too long and was stopped. Try again in 5 seconds."), RETRY_S)
CROSSED = Fault(503, "busy", _("Someone else was changing the same data. Try again in 1 second."), 1)
BAD_VALUE = Fault(400, "bad_value", _("The request contains a value that cannot be stored or searched for."))
TOO_LONG = Fault(400, "too_long", _("A text in the request is longer than the shop can store."), too_long=True)
TOO_COMPLEX = Fault(400, "too_complex", _("The request is too complex for the shop’s database."))

#: The longest prefix of the SQLSTATE in this table decides.
BY_SQLSTATE: Mapping[str, Fault] = {
    "08": AWAY,  # connection exceptions
    "22": BAD_VALUE,  # data exceptions
    "22001": TOO_LONG,
    "25006": AWAY,  # read-only: a standby that has not been promoted yet
    "25P03": SLOW,  # idle in transaction
    "40": CROSSED,  # serialisation failures, deadlocks
    "53": CROWDED,  # out of memory, too many connections
    "53100": FULL,
    "54": TOO_COMPLEX,  # program limits
    "54000": TOO_LONG,
    "55P03": CROSSED,  # lock not available
    "57": AWAY,  # operator intervention: shutting down, starting up
    "57014": SLOW,  # statement_timeout
    "58": AWAY,  # system errors, such as input and output
}


def sqlstate_of(error: BaseException) -> str:
    """The SQLSTATE of psycopg's error behind Django's; empty if the server sent none."""
    for each in (error, error.__cause__):
        if state := getattr(each, "sqlstate", None):
            return str(state)
    return ""


def fault_of(error: BaseException) -> Fault | None:
    """None for a bug of the program, or a conflict that the view must answer itself."""
    state = sqlstate_of(error)
    for length in (5, 2):
        if state and state[:length] in BY_SQLSTATE:
            return BY_SQLSTATE[state[:length]]
    if state or not isinstance(error, Error):
        return None
    if isinstance(error, DataError):  # psycopg's own: a NUL byte in a text
        return BAD_VALUE
    return AWAY if isinstance(error, OperationalError | InterfaceError) else None


def log(fault: Fault, error: BaseException) -> None:
    """Log one line: at info level if the client sent a value that cannot be stored."""
    state = sqlstate_of(error) or type(error).__name__
    if fault.status < 500:
        logger.info("Refused (%s): %s", state, _first_line(error))
    else:
        logger.error("Database error (%s): %s", state, _first_line(error))


def longest_text(sent: Mapping[str, object]) -> str | None:
    """The name of the longest field, if any is long: Postgres reports the length, but not the field."""
    texts = {name: len(value.encode()) for name, value in sent.items() if isinstance(value, str)}
    longest = max(texts, key=texts.__getitem__, default=None)
    return longest if longest is not None and texts[longest] > 255 else None


def sentence_for(field: str, error: BaseException) -> str:
    """The message for a text that is too long."""
    limit = re.search(r"max (\d+) bytes|character varying\((\d+)\)|maximum (\d+)", str(error))
    most = next((group for group in limit.groups() if group), None) if limit else None
    name = field.replace("_", " ").capitalize()
    if most is None:
        return gettext("{field} is too long.").format(field=name)
    return gettext("{field} is too long. The limit is about {limit} characters.").format(
        field=name, limit=f"{int(most):,}"
    )


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "")
