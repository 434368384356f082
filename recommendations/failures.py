"""Why a picture has no vector, and what staff can do about it."""

from __future__ import annotations

from ml.decoding import PERHAPS_PASSING

#: What helps, by error code. A code that is not here is the decoder's opinion of the file itself.
REMEDIES = {
    "missing_file": "Put it back from a backup and try again, or delete the picture.",
    "unreadable_file": "See to the media storage and try again.",
    "checksum": "Put it back from a backup and try again, or delete the picture and upload it anew.",
    "crashed": "Try again; if that does not help, save the picture in another format and upload that.",
    "timeout": "Try again when the machine has less to do; a smaller picture, or a larger IMAGE_DECODE_SECONDS, helps.",
    "out_of_memory": "Upload a smaller picture, or raise IMAGE_DECODE_BYTES, and try again.",
    "bad_vector": "Try again; if other pictures fail like this too, the model's weights are damaged.",
}
#: What may be the machine's doing as well as the picture's.
WORTH_ANOTHER_TRY = PERHAPS_PASSING | {"unreadable_file"}
_REPLACE = "Delete the picture and upload another file."


def with_remedy(code: str, message: str) -> str:
    """`message`, and what helps."""
    return f"{message} {REMEDIES.get(code, _REPLACE)}"
