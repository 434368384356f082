from __future__ import annotations

import logging

from rest_framework.exceptions import APIException

from ml.pictures.codec import ImageRejected
from ml.pictures.decoding import DecoderBusy, DecoderUnavailable

logger = logging.getLogger(__name__)

TOO_LARGE = {"too_many_bytes", "too_many_pixels"}


class BodyTooLarge(APIException):
    status_code = 413
    default_code = "too_many_bytes"
    default_detail = "The request body is too large."


class StorageProblem(APIException):
    status_code = 507
    default_code = "storage_unavailable"


class DecoderProblem(APIException):
    """The server's problem, not the picture's: `busy`, with the seconds to wait before a retry, or `unavailable`."""

    status_code = 503

    def __init__(self, error: DecoderUnavailable) -> None:
        is_busy = isinstance(error, DecoderBusy)
        self.wait = error.seconds if isinstance(error, DecoderBusy) else None
        (logger.info if is_busy else logger.error)("No picture was decoded: %s", error.details)
        super().__init__(str(error), "busy" if is_busy else "unavailable")


class ImageProblem(APIException):
    """A refused picture: 413 if it is too large, 409 if the product already has it, otherwise 400."""

    def __init__(self, rejected: ImageRejected) -> None:
        self.status_code = 413 if rejected.code in TOO_LARGE else 409 if rejected.code == "duplicate" else 400
        super().__init__(rejected.message, rejected.code)
