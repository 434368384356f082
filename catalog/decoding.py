"""Opens every uploaded picture in a separate process, within the limits of the settings.

A waiting client takes turns with others and may learn that the shop is busy. Imports and workers wait as long as it
takes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from django.conf import settings

from catalog.clients.address import served_client
from ml.pictures.codec import ImageInfo, InputSpec
from ml.pictures.decoding import Decoders

RENDERING_NICENESS = 10


@cache
def decoders() -> Decoders:
    """This process's decoders."""
    return Decoders(
        settings.IMAGE_DECODERS, memory_bytes=settings.IMAGE_DECODE_BYTES, encode_bytes=settings.IMAGE_ENCODE_BYTES
    )


@cache
def rendering_decoders() -> Decoders:
    """Those that make renditions. Pages and embedding get the cores first, because nobody waits for renditions."""
    return Decoders(
        settings.IMAGE_DECODERS,
        memory_bytes=settings.IMAGE_DECODE_BYTES,
        encode_bytes=settings.IMAGE_ENCODE_BYTES,
        niceness=RENDERING_NICENESS,
    )


def clean(data: bytes) -> tuple[bytes, ImageInfo]:
    """The bytes to publish and their description; see `ml.pictures.codec.clean`.

    Raises:
        ImageRejected, DecoderUnavailable
    """
    return decoders().clean(
        data,
        timeout_s=settings.IMAGE_DECODE_SECONDS,
        encode_timeout_s=settings.IMAGE_ENCODE_SECONDS,
        max_bytes=settings.IMAGE_MAX_BYTES,
        max_pixels=settings.IMAGE_MAX_PIXELS,
        client=served_client(),
    )


def changed_since(data: bytes, version: int) -> bool:
    """Whether the file has other pixels than the decoder of `version` gave it; see `ml.pictures.codec.changed_since`.

    Raises:
        ImageRejected, DecoderUnavailable
    """
    return decoders().changed_since(
        data,
        version,
        timeout_s=settings.IMAGE_DECODE_SECONDS,
        max_bytes=settings.IMAGE_MAX_BYTES,
        max_pixels=settings.IMAGE_MAX_PIXELS,
    )


def to_input(data: bytes, spec: InputSpec, *, fitted: Callable[[float], None] = lambda _: None) -> np.ndarray:
    """A model's input, uint8 [S, S, 3]; see `ml.pictures.codec.to_input`.

    Args:
        fitted: called with the seconds spent on fitting.

    Raises:
        ImageRejected, DecoderUnavailable
    """
    return decoders().to_input(
        data,
        spec,
        fitted=fitted,
        timeout_s=settings.IMAGE_DECODE_SECONDS,
        max_bytes=settings.IMAGE_MAX_BYTES,
        max_pixels=settings.IMAGE_MAX_PIXELS,
        client=served_client(),
    )
