"""Why a picture failed, in words for whoever looks after the shop; docs/reference/failures.md shows the same table."""

from __future__ import annotations

from typing import NamedTuple


class Reason(NamedTuple):
    """Attributes:
    means: what is wrong, one sentence.
    remedy: what to do about it.
    """

    means: str
    remedy: str


REASONS = {
    "empty": Reason("The file has no bytes.", "Upload the picture again."),
    "too_many_bytes": Reason("The file is larger than IMAGE_MAX_BYTES.", "Save it smaller, or raise the limit."),
    "too_many_pixels": Reason(
        "The picture has more pixels than IMAGE_MAX_PIXELS.", "Scale it down, or raise the limit."
    ),
    "unsupported_format": Reason("Not a picture, or not JPEG, PNG, GIF, WebP or AVIF.", "Convert it."),
    "corrupt": Reason("Of an accepted kind, but damaged or cut short.", "Upload it again from the original."),
    "duplicate": Reason("The product has this very picture already. Only at upload.", "Nothing to do."),
    "missing_file": Reason(
        "The file is not in the media storage.", "Restore it from the backup, then try again."
    ),
    "unreadable_file": Reason(
        "The storage does not give the file.", "Look at permissions and the disk, then try again."
    ),
    "checksum": Reason(
        "The file is not the one that was uploaded.", "Restore it from the backup, or upload it again."
    ),
    "out_of_memory": Reason(
        "Decoding needs more memory than there is.",
        "Scale the picture down, or raise IMAGE_DECODE_BYTES, or give the machine more memory; then try again.",
    ),
    "timeout": Reason(
        "The decoder did not finish within IMAGE_DECODE_SECONDS.",
        "Save the picture again without unusual features, or raise the limit.",
    ),
    "crashed": Reason(
        "The decoder, or the worker itself, died on this picture; or the storage hung on its file.",
        "If workers die of lack of memory, give them more and try again; else save the picture again.",
    ),
    "bad_vector": Reason(
        "The network gave no usable vector.",
        "Try again. If many pictures fail like this, the network is damaged: docs/how-to/troubleshoot.md.",
    ),
}  # fmt: skip

UNKNOWN = Reason("This version of the shop does not know this code.", "Read the message, then try again.")


def reason(code: str) -> Reason:
    return REASONS.get(code, UNKNOWN)
