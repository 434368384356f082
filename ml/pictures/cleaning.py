"""From a file that somebody sent to the bytes that may be published: without metadata, upright, never larger.

Two things happen to the file, each in a process of its own where a stranger sent it: it is *examined*, which is the
full decode that every door of the shop agrees on, and, only where its pixels are stored turned or its container is
unknown, *baked*, which encodes it again. Baking may fail, take too long or come out larger without any harm: then the
pixels stay as they are, and one EXIF entry goes on saying how they are turned.
"""

import contextlib
from collections.abc import Callable

from ml.pictures.verdicts import Baked, Examined, ImageInfo, ImageRejected

Examine = Callable[[bytes], Examined]
#: The file, and the most bytes that the result may have, None for any number. Raises ImageRejected.
Bake = Callable[[bytes, int | None], Baked]


def clean(data: bytes, *, examine: Examine, bake: Bake) -> tuple[bytes, ImageInfo]:
    """The bytes to publish and what they are. The same object when there is nothing to change.

    Raises:
        ImageRejected: what `examine` says of the file.
    """
    sent = examine(data)
    kept = _stripped(data, sent, examine)
    if kept is not None and kept[1].orientation == 1:
        return kept[0], kept[1].info
    with contextlib.suppress(ImageRejected):
        return _baked(data, sent, len(data), examine, bake)
    if kept is not None:
        return kept[0], kept[1].info
    # A container that cannot be cut and does not get smaller is rare, and must not be published as it is.
    return _baked(data, sent, None, examine, bake)


def _stripped(data: bytes, sent: Examined, examine: Examine) -> tuple[bytes, Examined] | None:
    """What is left of the file without its metadata, if that shows the very same picture."""
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
