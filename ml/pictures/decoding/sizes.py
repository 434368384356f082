"""How large a picture says that it is: no decoder, no trust, good enough for a queue."""

from ml.pictures.headers import size_of


def stated_pixels(data: bytes) -> int | None:
    """Width × height by the header of a JPEG, PNG, GIF, WebP or AVIF; None where that is not plain."""
    size = size_of(data)
    return None if size is None else size[0] * size[1]
