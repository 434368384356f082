"""What is said of a file that somebody sent: refused, with a reason, or what it is."""

from dataclasses import dataclass


class ImageRejected(Exception):
    """A file that is not accepted. `code` is for programs, `message` is a sentence for a person.

    Codes: empty, too_many_bytes, too_many_pixels, unsupported_format, corrupt, out_of_memory; from
    `ml.pictures.decoding` also timeout and crashed.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class ImageInfo:
    """What a full decode found. `width` and `height` are as shown, that is, upright."""

    width: int
    height: int
    format: str
    extension: str
    mime: str
    digest: str


@dataclass(frozen=True)
class Examined:
    """A file that was decoded completely.

    Attributes:
        orientation: EXIF orientation, 1 to 8, of a file whose pixels are stored turned; 1 for AVIF, whose container
            turns the picture by itself.
        pixels: CRC-32 of the decoded pixels, RGB, before turning: two files with the same one show the same picture.
        stripped: the file without metadata, the same object when there is none; None when its container holds
            something unknown. An orientation stays, as the only entry of its EXIF.
        is_lossless: decoding and encoding it again changes no pixel.
    """

    info: ImageInfo
    orientation: int
    pixels: int
    stripped: bytes | None
    is_lossless: bool


@dataclass(frozen=True)
class Baked:
    """An upright picture encoded again. `pixels`: as in `Examined`, of what went into the encoder."""

    data: bytes
    pixels: int
