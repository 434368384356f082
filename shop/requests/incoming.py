"""Requests that Django cannot read, made readable before it sees them.

- A body in chunks has no `Content-Length`, and Django takes it for an empty one. It is read here, up to what its
  address takes, and gets a length.
- A `Content-Type` with an encoding such as "zlib" makes Django's request raise before any handler of errors is there.
  It is taken away here.

What is to be refused is marked, and `shop.requests.middleware.RequestSizeMiddleware` answers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from typing import IO, Any

from django.conf import settings
from django.utils.http import parse_header_parameters

from shop.requests.body_limits import body_limit
from shop.requests.middleware import BROKEN_BODY, ODD_CONTENT_TYPE

PIECE = 64 * 1024
CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii"}

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class ReadableRequests:
    """WSGI middleware, for servers that decode chunks themselves (`wsgi.input_terminated`), as gunicorn does."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not _is_readable(environ.get("CONTENT_TYPE", "")):
            environ |= {"CONTENT_TYPE": "", ODD_CONTENT_TYPE: True}
        if "HTTP_TRANSFER_ENCODING" not in environ or not environ.get("wsgi.input_terminated"):
            return self.application(environ, start_response)
        with tempfile.SpooledTemporaryFile(settings.FILE_UPLOAD_MAX_MEMORY_SIZE) as body:
            try:
                length = _copy(environ["wsgi.input"], body, body_limit(environ.get("PATH_INFO", "/")) + 1)
            except OSError:  # cut off, or not in chunks after all
                environ[BROKEN_BODY] = True
                length = 0
            body.seek(0)
            environ |= {"wsgi.input": body, "CONTENT_LENGTH": str(length)}
            # Django has read what it wants of the body when this returns, before the answer is sent.
            return self.application(environ, start_response)


def _is_readable(content_type: str) -> bool:
    try:
        _, parameters = parse_header_parameters(content_type)
    except (ValueError, LookupError):  # of RFC 2231, in an encoding that nobody knows
        return False
    return parameters.get("charset", "utf-8").lower() in CHARSETS


def _copy(stream: IO[bytes], target: IO[bytes], most: int) -> int:
    length = 0
    while length < most and (data := stream.read(min(PIECE, most - length))):
        target.write(data)
        length += len(data)
    return length
