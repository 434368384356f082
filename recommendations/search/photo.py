"""From a photo to what is searched with; afterwards the photo is not needed again, and nothing of it is stored."""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass

import numpy as np
from django.core import signing

from catalog import refusals
from catalog.decoding import to_input
from recommendations.lifecycle import artifacts
from recommendations.lifecycle.artifacts import ModelUnavailable
from recommendations.models import EmbeddingModel

#: How long a page may go on searching with a photo that it no longer has.
TOKEN_SECONDS = 3600
_SALT = "recommendations.photos"
_HEAD = struct.Struct("<IB")  # the model's id, and how many kinds follow


class PhotoForgotten(Exception):
    """The token is too old, of another model, or was changed; a sentence for shoppers."""


@dataclass(frozen=True)
class SeenPhoto:
    """All that is left of a photo.

    Attributes:
        vector: float32 [D], unit length but for the rounding of half floats, which is also how vectors are stored.
        kinds: ids of the categories that it was found to show, likeliest first.
    """

    model: EmbeddingModel
    vector: np.ndarray
    kinds: tuple[int, ...] = ()

    def to_token(self) -> str:
        """For a hidden field of a form: signed, so that only what this shop computed is searched with; 750
        characters at 256 dimensions, 5,500 at 2,048."""
        head = _HEAD.pack(self.model.pk, len(self.kinds)) + struct.pack(f"<{len(self.kinds)}I", *self.kinds)
        return signing.TimestampSigner(salt=_SALT).sign(
            base64.urlsafe_b64encode(head + self.vector.astype("<f2").tobytes()).decode()
        )


def from_token(token: str) -> SeenPhoto:
    """The inverse of `to_token`, for the active model.

    Raises:
        PhotoForgotten
    """
    model = EmbeddingModel.objects.active()
    try:
        packed = base64.urlsafe_b64decode(signing.TimestampSigner(salt=_SALT).unsign(token, max_age=TOKEN_SECONDS))
        model_id, count = _HEAD.unpack_from(packed)
        kinds = struct.unpack_from(f"<{count}I", packed, _HEAD.size)
        vector = np.frombuffer(packed, "<f2", offset=_HEAD.size + 4 * count).astype(np.float32)
    except signing.SignatureExpired as error:
        raise PhotoForgotten("It has been a while: please choose the photo again.") from error
    except (signing.BadSignature, binascii.Error, struct.error, ValueError) as error:
        raise PhotoForgotten("This search cannot be continued. Please choose the photo again.") from error
    if model is None or (model.pk, model.dimension) != (model_id, len(vector)):
        raise PhotoForgotten("The shop has learned to see anew meanwhile. Please choose the photo again.")
    return SeenPhoto(model, vector, kinds)


def look_at(data: bytes, *, door: str = refusals.SEARCH) -> SeenPhoto:
    """Decode a photo and embed it with the active model. The photo is not stored; of one that is refused, the log says
    why, and its SHA-256.

    Args:
        door: where it came in, for the log.

    Raises:
        ImageRejected: not a picture we take.
        ModelUnavailable: there is no network to embed it with.
        DecoderUnavailable: there is nothing to decode it with; busy, mostly.
    """
    model = EmbeddingModel.objects.active()
    if model is None:
        raise ModelUnavailable("Photo search is being prepared: there is no embedding model yet.")
    with refusals.logged(door, data):
        picture = to_input(data, model.spec)
    return SeenPhoto(model, artifacts.embedder(model).embed([picture])[0].astype(np.float16).astype(np.float32))
