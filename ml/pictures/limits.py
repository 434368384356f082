"""How large a picture may be, and what to do with a larger one."""

from PIL import Image

from ml.pictures.verdicts import ImageRejected

MAX_BYTES = 20 * 2**20
MAX_PIXELS = 40_000_000  # a 40 MP picture takes 160 MB in Pillow
#: A JPEG above the limit is only decoded at 1/8 of its size, so this many times more pixels take no more memory: phones
#: write 48, 50, 108 and 200 MP. A progressive one is buffered whole, with up to 6 bytes a pixel.
JPEG_TIMES, PROGRESSIVE_TIMES = 5, 2
#: Pillow warns above this, and raises above twice this: a second safeguard for all uses of Pillow.
PILLOW_PIXELS = JPEG_TIMES * MAX_PIXELS


def check_bytes(data: bytes, most: int) -> None:
    """Raises ImageRejected."""
    if len(data) > most:
        has, limit = f"{len(data) / 2**20:.1f} MB", f"{most / 2**20:.0f} MB"
        advice = "Resize it, or send a screenshot of it."
        raise ImageRejected("too_many_bytes", f"The file has {has}; at most {limit} are accepted. {advice}")


def check_pixels(image: Image.Image, most: int, *, scaled: bool = False) -> None:
    """Args:
        image: an opened picture, not decoded.
        scaled: whether it is decoded at 1/8 of its size if it is a JPEG with more than `most` pixels.

    Raises:
        ImageRejected
    """
    width, height = image.size
    times = 1
    if scaled and image.format in ("JPEG", "MPO"):
        times = PROGRESSIVE_TIMES if image.info.get("progressive") else JPEG_TIMES
    if width * height > most * times:
        limit = most * times / 1e6
        raise ImageRejected(
            "too_many_pixels",
            f"The picture has {width} × {height} pixels; at most {limit:g} million are accepted. "
            f"Resize it to below {limit:g} megapixels, or send a screenshot of it.",
        )


def scale_down(image: Image.Image, most: int) -> None:
    """Let an opened JPEG with more than `most` pixels be decoded at 1/8 of its size.

    Raises:
        ImageRejected: it cannot be scaled.
    """
    if image.width * image.height > most:
        image.draft(None, (1, 1))
        check_pixels(image, most)
