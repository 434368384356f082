"""Why pictures fail and what to do about it, for staff; docs/reference/failures.md has the same table."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Reason(NamedTuple):
    """Attributes:
    means: what is wrong, in one sentence.
    remedy: what to do about it.
    """

    means: str | Promise
    remedy: str | Promise


REASONS = {
    "empty": Reason(_("The file is empty."), _("Upload the picture again.")),
    "too_many_bytes": Reason(
        _("The file is larger than IMAGE_MAX_BYTES."), _("Upload a smaller file, or raise the limit.")
    ),
    "too_many_pixels": Reason(
        _("The picture has more pixels than IMAGE_MAX_PIXELS."), _("Scale it down, or raise the limit.")
    ),
    "unsupported_format": Reason(
        _("The file is not a JPEG, PNG, GIF, WebP or AVIF picture."), _("Convert it and upload it again.")
    ),
    "corrupt": Reason(_("The picture is damaged or incomplete."), _("Upload it again from the original.")),
    "duplicate": Reason(_("The product already has this picture. Occurs only on upload."), _("Nothing to do.")),
    "missing_file": Reason(
        _("The file is not in the media storage."), _("Restore it from the backup, then try again.")
    ),
    "unreadable_file": Reason(
        _("The media storage cannot read the file."), _("Check permissions and the disk, then try again.")
    ),
    "checksum": Reason(
        _("The file is not the one that was uploaded."), _("Restore it from the backup, or upload it again.")
    ),
    "out_of_memory": Reason(
        _("Decoding needs more memory than is available."),
        _("Scale the picture down, raise IMAGE_DECODE_BYTES or add memory; then try again."),
    ),
    "timeout": Reason(
        _("The decoder did not finish within IMAGE_DECODE_SECONDS."),
        _("Save the picture again without unusual features, or raise the limit."),
    ),
    "crashed": Reason(
        _("The decoder or the worker crashed on this picture, or reading its file hung."),
        _("If workers run out of memory, add memory and try again. Otherwise save the picture again."),
    ),
    "bad_vector": Reason(
        _("The network returned no usable vector."),
        _("Try again. If many pictures fail this way, the artifact is damaged: see docs/how-to/troubleshoot.md."),
    ),
}  # fmt: skip

UNKNOWN = Reason(_("This version of the shop does not know this code."), _("Read the message, then try again."))


def reason(code: str) -> Reason:
    return REASONS.get(code, UNKNOWN)
