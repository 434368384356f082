"""The size that a picture's header states: read without a decoder, not trusted, used to choose a queue."""

from ml.pictures.headers import size_of


def stated_pixels(data: bytes) -> int | None:
    """Width × height from the header of a JPEG, PNG, GIF, WebP or AVIF; None if it cannot be read easily."""
    size = size_of(data)
    return None if size is None else size[0] * size[1]
