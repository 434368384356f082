from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from rest_framework import serializers

from recommendations.search import MAX_RESULTS, Source


class SearchParameters(serializers.Serializer):
    limit = serializers.IntegerField(min_value=1, max_value=MAX_RESULTS, required=False, help_text="How many products.")
    price_max = serializers.DecimalField(
        max_digits=10, decimal_places=2, min_value=Decimal(0), required=False, help_text="The budget."
    )

    @property
    def search(self) -> dict[str, Any]:
        """Keyword arguments for `similar_products` and `search_photo`."""
        return {
            "limit": self.validated_data.get("limit", settings.SIMILAR_PRODUCTS),
            "price_max": self.validated_data.get("price_max"),
        }


class PhotoParameters(SearchParameters):
    photo = serializers.FileField(help_text="JPEG, PNG, WebP, GIF or AVIF. Not stored.", allow_empty_file=True)


class MatchSerializer(serializers.Serializer):
    """Documents the answer; `search.Match.to_json` makes it."""

    sku = serializers.CharField()
    slug = serializers.CharField()
    title = serializers.CharField()
    price = serializers.DecimalField(max_digits=10, decimal_places=2, allow_null=True)
    currency = serializers.CharField()
    score = serializers.FloatField(allow_null=True, help_text="Cosine similarity, at most 1.")
    image = serializers.CharField(allow_null=True, help_text="The picture that matched.")
    source = serializers.ChoiceField(choices=[source.value for source in Source])  # type: ignore[assignment]


class ResultsSerializer(serializers.Serializer):
    model = serializers.CharField(allow_null=True)
    results = MatchSerializer(many=True)
