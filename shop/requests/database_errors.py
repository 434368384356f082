"""What a refusal of Postgres means to whoever asked: by its SQLSTATE (PostgreSQL's manual, appendix A).

A database that is away, one that is busy and a value that no column can hold are all `django.db.Error`s, and psycopg's
classes cut across them: "string is too long for tsvector" is an OperationalError, like a server that is gone.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import DataError, Error, InterfaceError, OperationalError

logger = logging.getLogger(__name__)

RETRY_S = 5


@dataclass(frozen=True)
class Fault:
    """Attributes:
    wait: seconds after which another try may help; None where it will not.
    too_long: a text is longer than Postgres can store or index; `named` says which.
    """

    status: int
    code: str
    sentence: str
    wait: int | None = None
    too_long: bool = False


AWAY = Fault(503, "unavailable", "The shop's database does not answer. Please try again in a moment.", RETRY_S)
FULL = Fault(503, "unavailable", "The shop's database has no room for this just now. Please try again later.", 30)
CROWDED = Fault(503, "busy", f"The shop is very busy. Try again in {RETRY_S} seconds.", RETRY_S)
SLOW = Fault(503, "timeout", f"This took too long, and was stopped. Try again in {RETRY_S} seconds.", RETRY_S)
CROSSED = Fault(503, "busy", "Somebody was changing the same at this moment. Try again in 1 second.", 1)
BAD_VALUE = Fault(400, "bad_value", "The request holds a value that cannot be stored or searched for.")
TOO_LONG = Fault(400, "too_long", "A text in the request is longer than the shop can store.", too_long=True)
TOO_COMPLEX = Fault(400, "too_complex", "The request is too complex for the shop's database.")

#: The longest beginning of a SQLSTATE that stands here decides.
BY_SQLSTATE: Mapping[str, Fault] = {
    "08": AWAY,  # connection exceptions
    "22": BAD_VALUE,  # data exceptions
    "22001": TOO_LONG,
    "25006": AWAY,  # read-only: a standby that has not taken over yet
    "25P03": SLOW,  # a transaction that idled
    "40": CROSSED,  # serialisation failures, deadlocks
    "53": CROWDED,  # out of memory, too many connections
    "53100": FULL,
    "54": TOO_COMPLEX,  # program limits
    "54000": TOO_LONG,
    "55P03": CROSSED,  # a lock that was not to be had
    "57": AWAY,  # operator intervention: shutting down, starting up
    "57014": SLOW,  # statement_timeout
    "58": AWAY,  # system errors: input and output
}


def sqlstate_of(error: BaseException) -> str:
    """Of psycopg's error behind Django's; empty where the server said nothing."""
    for each in (error, error.__cause__):
        if state := getattr(each, "sqlstate", None):
            return str(state)
    return ""


def fault_of(error: BaseException) -> Fault | None:
    """None for what is nobody's fault but the program's, or a conflict that a view must answer for itself."""
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
    """One line. That somebody sent what cannot be stored is no trouble of the shop's."""
    state = sqlstate_of(error) or type(error).__name__
    if fault.status < 500:
        logger.info("Refused (%s): %s", state, _first_line(error))
    else:
        logger.error("The database gives no answer (%s): %s", state, _first_line(error))


def longest_text(sent: Mapping[str, object]) -> str | None:
    """The field that is too long, where one must be: Postgres says how long, but not which."""
    texts = {name: len(value.encode()) for name, value in sent.items() if isinstance(value, str)}
    longest = max(texts, key=texts.__getitem__, default=None)
    return longest if longest is not None and texts[longest] > 255 else None


def sentence_for(field: str, error: BaseException) -> str:
    """Of a text that is too long."""
    limit = re.search(r"max (\d+) bytes|character varying\((\d+)\)|maximum (\d+)", str(error))
    most = next((group for group in limit.groups() if group), None) if limit else None
    name = field.replace("_", " ").capitalize()
    return f"{name} is too long." + ("" if most is None else f" The shop takes about {int(most):,} characters.")


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "")
