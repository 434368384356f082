from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as Invalid
from django.db import models
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.api.fields import Amount, Attributes, CategoryAddress, QueryAmount, Slug, Text, TrueOrFalse, WholeNumber
from catalog.api.strict import Strict
from catalog.models import Product, ProductImage
from catalog.models.product import FORMER_PRICE, default_currency, validate_amounts, validate_currency
from common.money import amount_text
from ml.files.catalog.records import DESCRIPTION_LENGTH

MOST_PRODUCTS = 100  # per page
AMOUNTS = ("price", "compare_at_price")


class ProductListParameters(Strict):
    q = Text(
        required=False, max_length=200, help_text='Words to search for, in web search syntax: `"red dress" -long`.'
    )
    category = CategoryAddress(required=False, help_text="Address of a category; includes its subcategories.")
    brand = Text(required=False, max_length=100, help_text="Exact brand name.")
    price_min = QueryAmount(required=False)
    price_max = QueryAmount(required=False)
    limit = WholeNumber(required=False, min_value=1, max_value=MOST_PRODUCTS, help_text="Products per page.")
    cursor = Text(required=False, max_length=200, help_text="Start of a page, taken from `next` or `previous`.")


class ImageSerializer(serializers.ModelSerializer):
    url = serializers.FileField(source="file", read_only=True)
    thumbnail = serializers.SerializerMethodField(
        help_text="A small copy of the picture, or the picture itself while there is none."
    )

    class Meta:
        model = ProductImage
        fields = ["id", "url", "thumbnail", "alt", "position", "width", "height", "digest"]
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.URI)
    def get_thumbnail(self, image: ProductImage) -> str:
        request = self.context.get("request")
        return request.build_absolute_uri(image.thumbnail_url) if request else image.thumbnail_url


class ProductSerializer(Strict, serializers.ModelSerializer):
    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {
        models.CharField: Text,
        models.SlugField: Slug,
        models.TextField: Text,
        models.PositiveIntegerField: WholeNumber,
        models.BooleanField: TrueOrFalse,
        models.DecimalField: Amount,
    }
    category = CategoryAddress()
    images = ImageSerializer(many=True, read_only=True)
    attributes = Attributes(required=False)

    class Meta:
        model = Product
        fields = [
            "sku", "slug", "title", "description", "brand", "category", "price", "compare_at_price", "currency",
            "stock", "published", "condition", "size", "gtin", "url", "attributes", "images",
        ]  # fmt: skip
        extra_kwargs = {"slug": {"required": False}, "description": {"max_length": DESCRIPTION_LENGTH}}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        price, former = attrs.get("price"), attrs.get("compare_at_price")
        if former is not None and (price is None or former <= price):
            raise serializers.ValidationError({"compare_at_price": FORMER_PRICE}, code="not_above_price")
        try:
            validate_amounts(attrs.get("currency") or default_currency(), **{name: attrs.get(name) for name in AMOUNTS})
        except Invalid as error:
            raise serializers.ValidationError(error.message_dict, "decimals") from error
        return attrs

    def validate_currency(self, currency: str) -> str:
        try:
            validate_currency(currency)
        except Invalid as error:
            raise serializers.ValidationError(error.messages, error.error_dict["currency"][0].code) from error
        return currency

    def to_representation(self, product: Product) -> dict[str, Any]:
        shown = super().to_representation(product)
        for name in AMOUNTS:
            if (amount := getattr(product, name)) is not None:
                shown[name] = amount_text(amount, product.currency)
        return shown


class ImageUploadSerializer(Strict):
    file = serializers.FileField(help_text="JPEG, PNG, WebP, GIF or AVIF.", allow_empty_file=True)
    alt = Text(max_length=255, required=False, allow_blank=True, default="")
