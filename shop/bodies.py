"""Bodies without a stated length.

Django reads as much as `Content-Length` says, and so takes a body that comes in chunks for an empty one. Here such a
body is read before Django sees the request, up to the size of the largest request, and gets a length.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from typing import IO, Any

from django.conf import settings

from shop.middleware import BROKEN_BODY, largest_request

PIECE = 64 * 1024


class ChunkedBodies:
    """WSGI middleware, for servers that decode chunks themselves (`wsgi.input_terminated`), as gunicorn does."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if "HTTP_TRANSFER_ENCODING" not in environ or not environ.get("wsgi.input_terminated"):
            return self.application(environ, start_response)
        with tempfile.SpooledTemporaryFile(settings.FILE_UPLOAD_MAX_MEMORY_SIZE) as body:
            try:
                length = _copy(environ["wsgi.input"], body, largest_request() + 1)
            except OSError:  # cut off, or not in chunks after all
                environ[BROKEN_BODY] = True
                length = 0
            body.seek(0)
            environ |= {"wsgi.input": body, "CONTENT_LENGTH": str(length)}
            # Django has read what it wants of the body when this returns, before the answer is sent.
            return self.application(environ, start_response)


def _copy(stream: IO[bytes], target: IO[bytes], most: int) -> int:
    length = 0
    while length < most and (data := stream.read(min(PIECE, most - length))):
        target.write(data)
        length += len(data)
    return length
