"""Where a page of results ends: the products that were shown.

A search by likeness has no order that a position or a last score could be kept in: an approximate scan may find on
the second page what belonged on the first, and the catalog changes between the two. Products that were shown are left
out instead, so that none repeats, and one that was missed comes next.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

#: Products that a cursor may name: some 4,000 characters of an address.
DEPTH = 1200


class BadCursor(ValueError):
    """Not a cursor that `to_cursor` made."""

    def __init__(self) -> None:
        super().__init__("This is not a cursor of an answer of this search.")


def to_cursor(shown: Iterable[int]) -> str:
    """Ids → text for an address: the differences of the sorted ids, seven bits a byte. Empty for no ids."""
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
    """The inverse.

    Raises:
        BadCursor: it is not one, or names more than `DEPTH` products.
    """
    if len(text) > 12 * DEPTH:  # nine bytes an id, which are twelve characters
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
