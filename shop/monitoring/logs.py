"""Log lines for people, or one JSON object per line for programs (LOG_FORMAT=json).

Code logs with the standard library; structlog renders. What a caller passes as `extra` becomes fields of the event.
`request_id` is one of them for everything that happens within a request or because of it (`common.request_ids`).

django-structlog's middleware and Celery signals are not used. The middleware accepts any X-Request-ID, and logs
tracebacks that Django logs too. The signals keep a task's context until the next task starts, log failures that Celery
logs too, and pass the context on to tasks that belong to no request.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from structlog.contextvars import merge_contextvars
from structlog.processors import JSONRenderer, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter
from structlog.typing import EventDict, WrappedLogger

#: Set by Django and Celery for their own handlers (whole requests, arguments and results), or by structlog.
_LEFT_OUT = {"request", "server_time", "data", "context", "params", "sql", "alias", "_record", "_from_structlog"}
_clock = logging.Formatter()


def formatter(form: str) -> ProcessorFormatter:
    """The formatter of every handler.

    Args:
        form: "line" or "json".
    """
    json = [_documented, JSONRenderer(default=str, ensure_ascii=False)]
    return ProcessorFormatter(
        foreign_pre_chain=[merge_contextvars, ExtraAdder()],
        processors=[_refused_in_one_line, format_exc_info, *(json if form == "json" else [_as_line])],
    )


def _refused_in_one_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Drop the traceback of a request that Django itself refuses: it adds nothing to the message, and anybody could
    fill the log with such requests."""
    if 400 <= event.get("status_code", 500) < 500:
        event.pop("exc_info", None)
    return event


def _documented(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The fields that docs/reference/monitoring.md names, then those of the event."""
    record: logging.LogRecord = event["_record"]
    first = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": event.pop("event"),
        "process": record.process,
        "request_id": event.pop("request_id", ""),
    }
    if not first["request_id"]:
        del first["request_id"]
    if "exception" in event:
        event["traceback"] = event.pop("exception")
    return first | {name: value for name, value in event.items() if name not in _LEFT_OUT}


def _as_line(_: WrappedLogger, __: str, event: EventDict) -> str:
    """`time LEVEL name: message [request id]`, then the traceback."""
    record: logging.LogRecord = event["_record"]
    line = f"{_clock.formatTime(record)} {record.levelname:<7} {record.name}: {event['event']}"
    if event.get("request_id"):
        line += f" [{event['request_id']}]"
    return f"{line}\n{event['exception']}" if "exception" in event else line


def logging_config(form: str, level: str) -> dict[str, Any]:
    """The setting LOGGING: everything goes to standard error.

    Args:
        form: "line" or "json".
        level: of the root logger.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"chosen": {"()": formatter, "form": form}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "chosen"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
            "gunicorn.error": {"handlers": ["console"], "level": "WARNING", "propagate": False},
            "axes": {"level": "ERROR"},  # shop.admin.logins logs lockouts
            "celery.beat": {"level": "WARNING"},  # it logs every sweep it sends
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
        },
    }
