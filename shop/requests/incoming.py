"""Makes requests readable that Django could not read.

- A chunked body has no `Content-Length`, so Django would treat it as empty. It is read here, up to the limit of its
  address, and gets a length.
- A `Content-Type` with an encoding like "zlib" makes Django's request raise before any error handler runs. The header
  is removed here.

Requests to refuse are marked; `shop.requests.middleware.RequestSizeMiddleware` answers them.
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
    """WSGI middleware for servers that decode chunked bodies themselves (`wsgi.input_terminated`), like gunicorn."""

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
            except OSError:  # cut off, or not chunked after all
                environ[BROKEN_BODY] = True
                length = 0
            body.seek(0)
            environ |= {"wsgi.input": body, "CONTENT_LENGTH": str(length)}
            # Django has read the body by the time this returns, before the response is sent.
            return self.application(environ, start_response)


def _is_readable(content_type: str) -> bool:
    try:
        _, parameters = parse_header_parameters(content_type)
    except (ValueError, LookupError):  # RFC 2231 with an unknown encoding
        return False
    return parameters.get("charset", "utf-8").lower() in CHARSETS


def _copy(stream: IO[bytes], target: IO[bytes], most: int) -> int:
    length = 0
    while length < most and (data := stream.read(min(PIECE, most - length))):
        target.write(data)
        length += len(data)
    return length
