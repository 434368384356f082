"""A product's picture. The row is made only for a file that decoded completely."""

from __future__ import annotations

from functools import cached_property
from uuid import uuid4

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.models.product import Product
from ml.pictures.renditions import FORMATS, WIDTHS

FOLDER = "products"
RENDITIONS = "renditions"  # smaller copies for pages, in folders like those below products/
MIME = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
}


CARD_WIDTHS = (200, 800)  # no narrower and no wider rendition is offered for a card


def generated_name(extension: str) -> str:
    """A random name, independent of the uploader's: no path traversal, no clash, no executable extension."""
    if extension not in MIME:
        raise ValueError(f"not an image extension: {extension!r}")
    token = uuid4().hex
    return f"{FOLDER}/{token[:2]}/{token}.{extension}"


def rendition_name(name: str, width: int, extension: str) -> str:
    """The name of a copy of the picture file `name`, `width` pixels wide."""
    return f"{RENDITIONS}{name.removeprefix(FOLDER).rpartition('.')[0]}-{width}.{extension}"


class ProductImage(models.Model):
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="images")
    file = models.FileField(max_length=120, unique=True, editable=False)
    alt = models.CharField(
        _("alternative text"),
        max_length=255,
        blank=True,
        help_text=_("Describe the picture for people who cannot see it."),
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    digest = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the stored file.")
    source_digest = models.CharField(
        max_length=64,
        default="",
        db_default="",
        editable=False,
        blank=True,
        help_text="SHA-256 of the file as sent, before its metadata was removed. Empty if unknown.",
    )
    request_id = models.CharField(
        max_length=64,
        default="",
        db_default="",
        editable=False,
        blank=True,
        help_text="The id of the upload request in the log. Empty if a command added the picture, or unknown.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    # What pages need to know about the renditions, and a worker's claim to make them (catalog.media.renditions).
    rendition_widths = ArrayField(
        models.PositiveSmallIntegerField(), default=list, db_default=[], editable=False, blank=True
    )
    rendition_source = models.CharField(
        max_length=64,
        default="",
        db_default="",
        editable=False,
        blank=True,
        help_text="Digest of the file that the renditions show. Empty if they are to be made, or made again.",
    )
    tone = models.CharField(
        max_length=3,
        default="",
        db_default="",
        editable=False,
        blank=True,
        help_text="The commonest colour of the picture, from 000 to 777 in red, green and blue. Empty if unknown.",
    )
    rendition_attempts = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    rendition_claimed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("product image")
        verbose_name_plural = _("product images")
        ordering = ["position", "id"]
        indexes = [
            models.Index(
                "id", name="image_without_renditions", condition=~models.Q(rendition_source=models.F("digest"))
            ),
        ]
        constraints = [
            # Uploading the same file twice is a mistake, and repeating an import must change nothing.
            models.UniqueConstraint(fields=["product", "digest"], name="image_once_per_product"),
            models.CheckConstraint(condition=models.Q(width__gt=0, height__gt=0), name="image_has_size"),
            models.CheckConstraint(condition=models.Q(digest__regex=r"^[0-9a-f]{64}$"), name="image_has_digest"),
        ]

    def __str__(self) -> str:
        return self.alt or gettext("Picture %(number)d") % {"number": self.position + 1}

    @property
    def alt_text(self) -> str:
        return self.alt or self.product.title

    @cached_property
    def widths(self) -> list[int]:
        """The widths of the renditions that can be shown, smallest first; empty while there are none."""
        return self.rendition_widths if self.rendition_source in ("", self.digest) else []

    @property
    def thumbnail_url(self) -> str:
        """The address of the smallest copy that every browser shows, or of the file itself."""
        if not self.widths:
            return self.file.url
        return f"{settings.MEDIA_URL}{rendition_name(str(self.file), self.widths[0], 'webp')}"

    @cached_property
    def small_renditions(self) -> list[tuple[str, str]]:
        """MIME type and `srcset` for a picture on a card, best format first. Empty if it would be blurred."""
        return self._renditions(*CARD_WIDTHS, sharp=480)

    @cached_property
    def renditions(self) -> list[tuple[str, str]]:
        """MIME type and `srcset` for a large picture, best format first. Empty if the file itself shows more detail."""
        return self._renditions(0, WIDTHS[-1], sharp=WIDTHS[-1])

    @property
    def tone_levels(self) -> str:
        """The tone as the stylesheet reads it: "r7 g0 b0". Empty if it is unknown."""
        return " ".join(map("".join, zip("rgb", self.tone, strict=False)))

    def _renditions(self, least: int, most: int, *, sharp: int) -> list[tuple[str, str]]:
        """Args:
        sharp: the widest must have this width, or the picture's own.
        """
        widths = [width for width in self.widths if least <= width <= most]
        if not widths or widths[-1] < min(self.width, sharp):
            return []
        stem = settings.MEDIA_URL + rendition_name(str(self.file), 0, "").removesuffix("0.")
        return [
            (MIME[format_name], ", ".join(f"{stem}{width}.{format_name} {width}w" for width in widths))
            for format_name in FORMATS
        ]
