"""A product for sale."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from catalog.attributes import AreAttributes, validate_attributes
from catalog.models.category import Category
from catalog.models.slugs import slug_of
from catalog.models.validators import validate_gtin, validate_web_address
from catalog.querysets import ProductQuerySet
from common.money import CURRENCIES, is_payable
from ml.files.catalog.records import DESCRIPTION_LENGTH

FORMER_PRICE = _("The former price must be above the price.")


def default_currency() -> str:
    return settings.SHOP_CURRENCY


class Product(models.Model):
    sku = models.CharField(_("SKU"), max_length=64, unique=True)
    slug = models.SlugField(
        _("slug"), max_length=255, unique=True, blank=True, help_text=_("Leave empty to use the title and SKU.")
    )
    title = models.CharField(_("title"), max_length=255)
    description = models.TextField(_("description"), blank=True, validators=[MaxLengthValidator(DESCRIPTION_LENGTH)])
    brand = models.CharField(_("brand"), max_length=100, blank=True)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+", verbose_name=_("category"))
    price = models.DecimalField(
        _("price"),
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Leave empty for “Price on request”."),
    )
    compare_at_price = models.DecimalField(
        _("former price"),
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        help_text=_("Shown struck through next to the price."),
    )
    currency = models.CharField(
        _("currency"),
        max_length=3,
        default=default_currency,
        validators=[RegexValidator(r"^[A-Z]{3}$", _("Enter a three-letter code such as EUR."))],
    )
    stock = models.PositiveIntegerField(_("stock"), default=0)
    published = models.BooleanField(_("published"), default=True)
    condition = models.CharField(
        _("condition"),
        max_length=50,
        blank=True,
        default="",
        db_default="",
        help_text=_("For example New, or Very good for a second-hand item."),
    )
    size = models.CharField(_("size"), max_length=50, blank=True, default="", db_default="")
    gtin = models.CharField(
        _("GTIN"),
        max_length=14,
        blank=True,
        default="",
        db_default="",
        validators=[validate_gtin],
        help_text=_("The number below the barcode (EAN, UPC or ISBN-13)."),
    )
    url = models.CharField(
        _("buy link"),
        max_length=2000,
        blank=True,
        default="",
        db_default="",
        validators=[validate_web_address],
        help_text=_("Where to buy the product, if not here. The product page links to it."),
    )
    attributes = models.JSONField(
        _("attributes"),
        default=dict,
        blank=True,
        validators=[validate_attributes],
        help_text=_(
            'For example {"colour": "Navy Blue", "sizes": ["38", "40"]}. Values are text, numbers, true, false or '
            "lists of texts."
        ),
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["-id"]
        indexes = [
            models.Index(  # category pages, newest first
                fields=["category", "-id"], name="product_by_category", condition=Q(published=True)
            ),
            # Lists by price, as `catalog.facets.choice` orders them. The first one also serves budgets.
            models.Index(fields=["price", "-id"], name="product_cheapest", condition=Q(published=True)),
            models.Index(
                F("price").desc(nulls_last=True), F("id").desc(), name="product_dearest", condition=Q(published=True)
            ),
            # Search filters: brands, and attributes such as colour and gender (`attributes__contains`).
            models.Index(fields=["brand"], name="product_by_brand", condition=Q(published=True)),
            GinIndex(fields=["attributes"], name="product_attributes", opclasses=["jsonb_path_ops"]),
            models.Index(fields=["condition"], name="product_by_condition"),
            models.Index(fields=["size"], name="product_by_size"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(price__gte=0), name="product_price_not_negative"),
            models.CheckConstraint(
                condition=Q(compare_at_price__isnull=True) | Q(price__isnull=False, compare_at_price__gt=F("price")),
                name="product_compare_at_above_price",
                violation_error_message=FORMER_PRICE,
            ),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="product_currency_is_iso_4217"),
            models.CheckConstraint(condition=~Q(sku=""), name="product_has_sku"),
            models.CheckConstraint(
                condition=Q(gtin="") | Q(gtin__regex=r"^([0-9]{8}|[0-9]{12,14})$"),
                name="product_gtin_is_digits",
                violation_error_message=_("Enter a GTIN of 8, 12, 13 or 14 digits."),
            ),
            models.CheckConstraint(
                condition=Q(url="") | Q(url__iregex=r"^https?://[^[:space:]]+$"),
                name="product_url_is_a_web_address",
                violation_error_message=_("Enter a link that starts with https:// or http://."),
            ),
            models.CheckConstraint(condition=AreAttributes("attributes"), name="product_attributes_are_plain"),
        ]

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.slug = self.slug or product_slug(self.title, self.sku)
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("catalog:product", args=[self.slug])

    def clean(self) -> None:
        if not self.attributes:  # `clean_fields` skips empty values such as [] and null
            try:
                validate_attributes(self.attributes)
            except ValidationError as error:
                raise ValidationError({"attributes": error}) from error
        validate_currency(self.currency)
        validate_amounts(self.currency, price=self.price, compare_at_price=self.compare_at_price)
        former = self.compare_at_price
        if former is not None and (self.price is None or former <= self.price):
            raise ValidationError({"compare_at_price": ValidationError(FORMER_PRICE, "not_above_price")})

    @property
    def main_image(self) -> Any:
        """The first picture, or None. Uses prefetched `images`."""
        return next(iter(self.images.all()), None)

    @property
    def in_stock(self) -> bool:
        return self.stock > 0

    @property
    def sold_at(self) -> str:
        """The host name of the buy link: `shop.example`."""
        return (urlsplit(self.url).hostname or "").removeprefix("www.")


def validate_currency(currency: str) -> None:
    """Raises:
    ValidationError: for `currency`: these three letters are no currency. The field checks that they are three.
    """
    if len(currency) == 3 and currency not in CURRENCIES:
        message = _("%(currency)s is not a currency. Enter a code of ISO 4217, such as EUR.")
        raise ValidationError({"currency": ValidationError(message, "currency", {"currency": currency})})


def validate_amounts(currency: str, **amounts: Decimal | None) -> None:
    """Raises:
    ValidationError: for the first field whose amount has digits that the currency has no coin for.
    """
    for field, amount in amounts.items():
        if amount and not is_payable(amount, currency):
            message = _("Amounts in %(currency)s have no decimals.")
            raise ValidationError({field: ValidationError(message, "decimals", {"currency": currency})})


def product_slug(title: str, sku: str) -> str:
    """A readable slug as unique as the SKU: `red-dress--A17`.

    The title's part never contains a double hyphen. Part of the SKU's hash is added if the SKU has characters that a
    URL cannot show, or if the SKU alone would look like a title with another SKU. Such a SKU is shortened: ℡ in it
    becomes "tel".
    """
    head, tail = slug_of(title)[:150].strip("-"), sku
    if not re.fullmatch(r"[A-Za-z0-9_-]+", sku) or (not head and "--" in sku):
        tail = f"{slug_of(sku)[:80]}-{hashlib.sha256(sku.encode()).hexdigest()[:8]}".strip("-")
    return "--".join(filter(None, (head, tail)))
