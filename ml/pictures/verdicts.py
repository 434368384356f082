"""The verdict on an uploaded file: rejected with a reason, or accepted with a description."""

from dataclasses import dataclass


class ImageRejected(Exception):
    """A file that is not accepted. `code` is for programs, `message` for people, `details` for the log: what a library
    or the system said, in its own words.

    Codes: empty, too_many_bytes, too_many_pixels, unsupported_format, corrupt, out_of_memory; from
    `ml.pictures.decoding` also timeout and crashed.
    """

    def __init__(self, code: str, message: str, details: str = "") -> None:
        super().__init__(code, message, details)
        self.code = code
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return self.message

    @property
    def logged(self) -> str:
        return f"{self.message} ({self.details})" if self.details else self.message


@dataclass(frozen=True)
class ImageInfo:
    """The description of a picture after a full decode. `width` and `height` are those of the upright picture; `note`
    is why its colour profile is ignored, and empty if it is not."""

    width: int
    height: int
    format: str
    extension: str
    mime: str
    digest: str
    note: str = ""


@dataclass(frozen=True)
class Examined:
    """A file that was decoded completely.

    Attributes:
        orientation: EXIF orientation, 1 to 8, if the pixels are stored rotated; 1 for AVIF, which has the rotation in
            its container.
        pixels: CRC-32 of the decoded pixels, RGB, before rotation, and of the colour profile: files with the same
            value show the same picture.
        stripped: the file without metadata, or the same object if it has none; None if its container has an unknown
            structure. An orientation stays, as the only entry of its EXIF.
        is_lossless: decoding and encoding it again changes no pixel.
    """

    info: ImageInfo
    orientation: int
    pixels: int
    stripped: bytes | None
    is_lossless: bool


@dataclass(frozen=True)
class Baked:
    """An upright picture, encoded again. `pixels`: as in `Examined`, of the encoder's input."""

    data: bytes
    pixels: int
