"""From a photo to its vector. After that the photo is not needed again, and nothing of it is stored."""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass, replace

import numpy as np
from django.core import signing
from django.utils.translation import gettext as _

from catalog import refusals
from catalog.decoding import to_input
from catalog.models import Product
from ml.datasets.families import FAMILIES
from recommendations.lifecycle import artifacts
from recommendations.lifecycle.artifacts import ModelUnavailable
from recommendations.models import EmbeddingModel
from recommendations.search.photo_types import PhotoColour, PhotoType, Shown, named, shown_by
from recommendations.search.query_vectors import recoloured, swatch_of, vectors_of

#: How long a page or a link can continue a search with a photo that the shop no longer has.
TOKEN_SECONDS = 30 * 24 * 3600
#: Longer text is no token of ours: 2,048 dimensions make 5,500 characters, and proxies pass
#: addresses of up to 8 kB.
MAX_TOKEN = 7_000
_SALT = "recommendations.photos"
_FAMILIES = tuple(FAMILIES)
_HEAD = struct.Struct("<IB")  # the model's id, and the number of photo types that follow
_TYPE = struct.Struct("<If")  # a category's id, and its share of the votes
_COLOUR = struct.Struct("<Bf")  # a family's place in `FAMILIES`, and its share of the votes; links of old have none


class PhotoForgotten(Exception):
    """The token has expired, is of another model, or was changed; the message is for shoppers."""


@dataclass(frozen=True)
class SeenPhoto:
    """Everything that is kept of a photo, in the shopper's page and in the address of its results.

    Attributes:
        vector: float32 [D], unit length apart from the rounding to half floats, in which vectors are stored too.
        types: what the photo seems to show, likeliest first.
        colour: that it seems to have; None if unknown, or if another one is searched for.
    """

    model: EmbeddingModel
    vector: np.ndarray
    types: tuple[PhotoType, ...] = ()
    colour: PhotoColour | None = None

    def to_token(self) -> str:
        """For a hidden field of a form, and for links. It is signed, so that the shop searches only with vectors that
        it computed; 750 characters at 256 dimensions, 5,500 at 2,048."""
        types = [_TYPE.pack(each.category.pk, each.share) for each in self.types]
        packed = _HEAD.pack(self.model.pk, len(types)) + b"".join(types) + self.vector.astype("<f2").tobytes()
        if self.colour:
            packed += _COLOUR.pack(_FAMILIES.index(self.colour.family), self.colour.share)
        return signing.TimestampSigner(salt=_SALT).sign(base64.urlsafe_b64encode(packed).decode())


def from_token(token: str) -> SeenPhoto:
    """The inverse of `to_token`, for the active model.

    Raises:
        PhotoForgotten
    """
    model = EmbeddingModel.objects.active()
    if len(token) > MAX_TOKEN:
        raise PhotoForgotten(_("This search cannot be continued. Choose your photo again."))
    try:
        packed = base64.urlsafe_b64decode(signing.TimestampSigner(salt=_SALT).unsign(token, max_age=TOKEN_SECONDS))
        model_id, count = _HEAD.unpack_from(packed)
        if model is None or model.pk != model_id:
            raise PhotoForgotten(_("Photo search was just updated. Choose your photo again."))
        vector_begin = _HEAD.size + count * _TYPE.size
        shares = dict(_TYPE.iter_unpack(packed[_HEAD.size : vector_begin]))
        vector = np.frombuffer(packed, "<f2", model.dimension, offset=vector_begin).astype(np.float32)
        colour = _colour_in(packed[vector_begin + 2 * model.dimension :])
    except signing.SignatureExpired as error:
        raise PhotoForgotten(_("Your photo search has expired. Choose your photo again.")) from error
    except (signing.BadSignature, binascii.Error, struct.error, ValueError) as error:
        raise PhotoForgotten(_("This search cannot be continued. Choose your photo again.")) from error
    return SeenPhoto(model, vector, tuple(named(shares)), colour)


def _colour_in(packed: bytes) -> PhotoColour | None:
    """
    Raises:
        struct.error, ValueError: it is something else.
    """
    if not packed:
        return None
    place, share = _COLOUR.unpack(packed)
    if place >= len(_FAMILIES):
        raise ValueError("no family of colours")
    return PhotoColour(_FAMILIES[place], share)


def in_colour(photo: SeenPhoto, colour: str) -> SeenPhoto:
    """The photo as if it showed the same in this colour; as it is if no embedded product is labelled with it.

    Raises:
        NoColourPart: the model has no part for the colour.
    """
    swatch = swatch_of(colour, photo.model)
    if swatch is None:
        return photo
    return replace(photo, vector=recoloured(photo.vector, photo.model.spec, swatch), colour=None)


def of_product(product: Product) -> SeenPhoto | None:
    """The product's first embedded picture, in place of a photo; None before the active model has embedded one."""
    model = EmbeddingModel.objects.active()
    vector = vectors_of([product.pk], model).get(product.pk) if model else None
    return SeenPhoto(model, vector, **vars(shown_by(vector, model))) if model and vector is not None else None


def embed_photo(data: bytes, *, door: str = refusals.SEARCH, with_types: bool = True) -> SeenPhoto:
    """Decode a photo and embed it with the active model. The photo is not stored; if it is rejected, the log has the
    reason and its SHA-256.

    Args:
        door: where it was sent, for the log.
        with_types: also find out what it seems to show.

    Raises:
        ImageRejected: it is not a picture that the shop accepts.
        ModelUnavailable: there is no artifact to embed it with.
        DecoderUnavailable: no decoder can take it now; usually all are busy.
    """
    model = EmbeddingModel.objects.active()
    if model is None:
        raise ModelUnavailable("Photo search is being prepared: there is no embedding model yet.")
    with refusals.logged(door, data):
        picture = to_input(data, model.spec)
    vector = artifacts.embedder(model).embed([picture])[0].astype(np.float16).astype(np.float32)
    return SeenPhoto(model, vector, **vars(shown_by(vector, model) if with_types else Shown()))
