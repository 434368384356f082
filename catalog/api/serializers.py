from __future__ import annotations

from rest_framework import serializers

from catalog.models import Category, Product, ProductImage


class ImageSerializer(serializers.ModelSerializer):
    url = serializers.FileField(source="file", read_only=True)

    class Meta:
        model = ProductImage
        fields = ["id", "url", "alt", "position", "width", "height", "digest"]
        read_only_fields = fields


class ProductSerializer(serializers.ModelSerializer):
    category = serializers.SlugRelatedField(
        slug_field="address",
        queryset=Category.objects.all(),
        help_text='The category\'s address, for instance "apparel/topwear/shirts".',
    )
    images = ImageSerializer(many=True, read_only=True)
    attributes = serializers.DictField(child=serializers.CharField(max_length=200), required=False)

    class Meta:
        model = Product
        fields = [
            "sku", "slug", "title", "description", "brand", "category", "price", "compare_at_price", "currency",
            "stock", "published", "attributes", "images",
        ]  # fmt: skip
        extra_kwargs = {"slug": {"required": False}, "price": {"min_value": 0}}

    def validate(self, attrs: dict) -> dict:
        price, former = attrs.get("price"), attrs.get("compare_at_price")
        if former is not None and (price is None or former <= price):
            raise serializers.ValidationError(
                {"compare_at_price": "The former price must be above the price."}, code="not_above_price"
            )
        return attrs


class ImageUploadSerializer(serializers.Serializer):
    file = serializers.FileField(help_text="JPEG, PNG, WebP, GIF or AVIF.", allow_empty_file=True)
    alt = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
