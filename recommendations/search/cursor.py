"""Cursors of result pages: the ids of the products that were shown.

A position or a last score would not do. An approximate scan may find on the second page what belonged on the first, and
the catalog changes between the two. Excluding the products that were shown means that none repeats, and that one that
was missed comes next.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

#: Most products that a cursor may contain: about 4,000 characters of a URL.
DEPTH = 1200


class BadCursor(ValueError):
    """Not a cursor that `to_cursor` made."""

    def __init__(self) -> None:
        super().__init__("This is not a cursor that a search returned.")


def to_cursor(shown: Iterable[int]) -> str:
    """Ids → text for a URL: the differences of the sorted ids, seven bits per byte. Empty for no ids."""
    encoded = bytearray()
    last = 0
    for pk in sorted(set(shown)):
        gap, last = pk - last, pk
        while gap > 0x7F:
            encoded.append(gap & 0x7F | 0x80)
            gap >>= 7
        encoded.append(gap)
    return base64.urlsafe_b64encode(bytes(encoded)).decode().rstrip("=")


def from_cursor(text: str) -> frozenset[int]:
    """The inverse of `to_cursor`.

    Raises:
        BadCursor: it is not a cursor, or contains more than `DEPTH` products.
    """
    if len(text) > 12 * DEPTH:  # nine bytes per id, which are twelve characters
        raise BadCursor
    try:
        encoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadCursor from error
    shown, last, gap, shift = [], 0, 0, 0
    for byte in encoded:
        gap |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            last += gap
            shown.append(last)
            gap = shift = 0
        elif shift > 62:
            raise BadCursor
    if shift or len(shown) > DEPTH:
        raise BadCursor
    return frozenset(shown)
