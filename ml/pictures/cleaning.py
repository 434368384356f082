"""An uploaded file → the bytes that may be published: without metadata, upright, never larger.

The file goes through two steps, each in a separate process if a stranger sent it. It is *examined*: one full decode,
which every entry to the shop relies on. Only if its pixels are stored rotated or its container is unknown, it is
*baked*, that is, encoded again. Baking may fail, take too long or give a larger file without harm: the pixels then stay
as they are, and one EXIF entry keeps the orientation.
"""

import contextlib
from collections.abc import Callable

from ml.pictures.verdicts import Baked, Examined, ImageInfo, ImageRejected

Examine = Callable[[bytes], Examined]
#: The file, and the maximum size of the result in bytes, None for no limit. Raises ImageRejected.
Bake = Callable[[bytes, int | None], Baked]


def clean(data: bytes, *, examine: Examine, bake: Bake) -> tuple[bytes, ImageInfo]:
    """The bytes to publish and their description. Returns the same object if there is nothing to change.

    Raises:
        ImageRejected: from `examine`, or the picture must be encoded again and cannot be.
    """
    sent = examine(data)
    kept = _stripped(data, sent, examine)
    if kept is not None and kept[1].orientation == 1:
        return kept[0], kept[1].info
    with contextlib.suppress(ImageRejected):
        return _baked(data, sent, len(data), examine, bake)
    if kept is not None:
        return kept[0], kept[1].info
    # A file with a container that cannot be stripped and that does not get smaller is rare, and must not be published.
    return _baked(data, sent, None, examine, bake)


def _stripped(data: bytes, sent: Examined, examine: Examine) -> tuple[bytes, Examined] | None:
    """The file without its metadata, if that shows exactly the same picture."""
    cut = sent.stripped
    if cut is None:
        return None
    if cut == data:
        return data, sent
    with contextlib.suppress(ImageRejected):
        found = examine(cut)
        if _shown(found) == _shown(sent) and found.pixels == sent.pixels and found.stripped == cut:
            return cut, found
    return None


def _baked(data: bytes, sent: Examined, at_most: int | None, examine: Examine, bake: Bake) -> tuple[bytes, ImageInfo]:
    baked = bake(data, at_most)
    found = examine(baked.data)
    is_same = found.pixels == baked.pixels or not found.is_lossless
    if not is_same or _size(found) != _size(sent) or found.stripped != baked.data:
        raise ImageRejected("corrupt", "The picture cannot be encoded again.")
    return baked.data, found.info


def _size(found: Examined) -> tuple[int, int]:
    return found.info.width, found.info.height


def _shown(found: Examined) -> tuple[int, int, str, int]:
    return *_size(found), found.info.extension, found.orientation
