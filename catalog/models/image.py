"""A product's picture. The row is made only for a file that decoded completely."""

from __future__ import annotations

from uuid import uuid4

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.models.product import Product

FOLDER = "products"
MIME = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
}


def generated_name(extension: str) -> str:
    """A random name, independent of the uploader's: no path traversal, no clash, no executable extension."""
    if extension not in MIME:
        raise ValueError(f"not an image extension: {extension!r}")
    token = uuid4().hex
    return f"{FOLDER}/{token[:2]}/{token}.{extension}"


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

    class Meta:
        verbose_name = _("product image")
        verbose_name_plural = _("product images")
        ordering = ["position", "id"]
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
