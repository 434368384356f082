"""Log lines for people, or one JSON object each for programs (LOG_FORMAT=json).

What a caller gives as `extra` are the fields of an event. `request_id` is among them for whatever happens within a
request or on account of it.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from common.request_ids import current_request_id

_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "request_id"}
#: Set by Django and Celery for handlers of theirs: whole requests, arguments and results.
_LEFT_OUT = _ORDINARY | {"request", "server_time", "data", "context", "params", "sql", "alias"}


class RequestIdFilter(logging.Filter):
    """Gives every record its `request_id`, unless the caller named one."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = current_request_id()
        return True


class RefusalFilter(logging.Filter):
    """A request that Django itself refuses is one line: a traceback of it tells nothing that the message does not, and
    anybody could fill the log with them."""

    def filter(self, record: logging.LogRecord) -> bool:
        if 400 <= getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return True


class LineFormatter(logging.Formatter):
    """`time LEVEL name: message [request id]`."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's own name)
        line = super().formatMessage(record)
        found = getattr(record, "request_id", "")
        return f"{line} [{found}]" if found else line


class JsonFormatter(logging.Formatter):
    """One line, whatever the message holds."""

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        if found := getattr(record, "request_id", ""):
            event["request_id"] = found
        event |= {name: value for name, value in vars(record).items() if name not in _LEFT_OUT}
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        return json.dumps(event, default=str, ensure_ascii=False)


def logging_config(form: str, level: str) -> dict[str, Any]:
    """The setting LOGGING: everything goes to standard error.

    Args:
        form: "line" or "json".
        level: of the root logger.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "request_id": {"()": "shop.monitoring.logs.RequestIdFilter"},
            "refusals": {"()": "shop.monitoring.logs.RefusalFilter"},
        },
        "formatters": {
            "line": {
                "()": "shop.monitoring.logs.LineFormatter",
                "format": "{asctime} {levelname:<7} {name}: {message}",
                "style": "{",
            },
            "json": {"()": "shop.monitoring.logs.JsonFormatter"},
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "filters": ["request_id", "refusals"],
            },
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
            "gunicorn.error": {"handlers": ["console"], "level": "WARNING", "propagate": False},
            "axes": {"level": "ERROR"},  # shop.admin.logins says who was locked out
            "celery.beat": {"level": "WARNING"},  # each sweep that is sent
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
        },
    }
