from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from rest_framework import serializers

from catalog.api.fields import CategoryAddress, QueryAmount, Share, Text, TrueOrFalse, WholeNumber
from catalog.api.strict import Strict
from catalog.attributes import NAME_LENGTH, TEXT_LENGTH
from recommendations.search.calibration import MatchBasis
from recommendations.search.cursor import BadCursor, from_cursor
from recommendations.search.filters import Filters
from recommendations.search.service import MAX_RESULTS, SearchRequest, Sort, Source

#: Brands, and attributes, of one search: each is another condition for the database to plan with.
MAX_VALUES = 100
ATTRIBUTE_PAIR = r"^[^:]+:[\s\S]+$"


class StripParameters(Strict):
    limit = WholeNumber(min_value=1, max_value=MAX_RESULTS, required=False, help_text="How many cards.")

    @property
    def cards(self) -> int:
        return int(self.validated_data.get("limit", settings.SIMILAR_PRODUCTS))


class AttributePair(Text):
    default_error_messages = {"invalid": "This must be NAME:VALUE."}

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=NAME_LENGTH + TEXT_LENGTH + 1, **options)
        self.validators.append(RegexValidator(ATTRIBUTE_PAIR, self.error_messages["invalid"]))


class SearchParameters(Strict):
    limit = WholeNumber(min_value=1, max_value=MAX_RESULTS, required=False, help_text="How many products.")
    price_max = QueryAmount(required=False, help_text="The budget.")
    price_min = QueryAmount(required=False)
    category = CategoryAddress(required=False, help_text="Address of a category; with all below it.")
    in_stock = TrueOrFalse(required=False, default=False)
    brand = serializers.ListField(
        child=Text(max_length=100), max_length=MAX_VALUES, required=False, help_text="May be repeated."
    )
    attribute = serializers.ListField(
        child=AttributePair(),
        max_length=MAX_VALUES,
        required=False,
        help_text="NAME:VALUE, e.g. colour:Red. May be repeated: of one name, any value will do.",
    )
    colour_weight = Share(required=False, help_text="Of the colour against the kind; 0.5 unless told.")
    sort = serializers.ChoiceField(
        choices=[sort.value for sort in Sort],
        required=False,
        default=Sort.LIKENESS.value,
        help_text="`value`: cheaper look-alikes first.",
    )
    cursor = Text(required=False, help_text="`next` of the page before.")

    def validate_cursor(self, text: str) -> frozenset[int]:
        try:
            return from_cursor(text)
        except BadCursor as error:
            raise serializers.ValidationError(str(error)) from error

    @property
    def search_request(self) -> SearchRequest:
        asked = self.validated_data
        attributes: dict[str, frozenset[str]] = {}
        for pair in asked.get("attribute", ()):
            name, _, value = pair.partition(":")
            attributes[name] = attributes.get(name, frozenset()) | {value}
        filters = Filters(
            category=asked.get("category"),
            price_min=asked.get("price_min"),
            price_max=asked.get("price_max"),
            in_stock=asked["in_stock"],
            brands=frozenset(asked.get("brand", ())),
            attributes=attributes,
        )
        limit = asked.get("limit", settings.SIMILAR_PRODUCTS)
        shown, colour = asked.get("cursor", frozenset()), asked.get("colour_weight")
        return SearchRequest(limit, filters, shown, colour, sort=Sort(asked["sort"]))


class SimilarParameters(SearchParameters):
    in_colour = Text(
        required=False,
        max_length=TEXT_LENGTH,
        help_text="The same kind of thing in this colour, e.g. Red; as products have it.",
    )


class PhotoParameters(SearchParameters):
    photo = serializers.FileField(help_text="JPEG, PNG, WebP, GIF or AVIF. Not stored.", allow_empty_file=True)


class MatchSerializer(serializers.Serializer):
    """Documents the answer; `search.Match.to_json` makes it."""

    sku = serializers.CharField()
    slug = serializers.CharField()
    title = serializers.CharField()
    price = serializers.DecimalField(max_digits=10, decimal_places=2, allow_null=True)
    currency = serializers.CharField()
    score = serializers.FloatField(
        allow_null=True, min_value=-1, max_value=1, help_text="Cosine similarity; null where it is not visual."
    )
    match = serializers.IntegerField(
        allow_null=True, help_text="0 to 100, see `match_kind`; null while that is not known."
    )
    image = serializers.CharField(allow_null=True, help_text="The picture that matched.")
    source = serializers.ChoiceField(choices=[source.value for source in Source])  # type: ignore[assignment]


class CardSerializer(MatchSerializer):
    """Documents `search.Match` where products that are one to a shopper are one entry."""

    colours = serializers.IntegerField(help_text="In how many there is this product, as far as known; 0 for unknown.")


class AboveBudgetSerializer(serializers.Serializer):
    """Documents `search.AboveBudget.to_json`."""

    count = serializers.IntegerField(help_text="Products that meet all else and cost more; at most 1,000.")
    count_is_exact = serializers.BooleanField(help_text="False where there are more than `count`.")
    lowest_price = serializers.DecimalField(max_digits=10, decimal_places=2)
    nearest = MatchSerializer(help_text="The cheapest of the most alike.")


class KindSerializer(serializers.Serializer):
    """Documents `photo_types.PhotoType.to_json`."""

    category = serializers.CharField(help_text="Its address.")
    name = serializers.CharField()
    share = serializers.FloatField(help_text="Of the neighbours' votes, 0 to 1.")


class AnswerSerializer(serializers.Serializer):
    model = serializers.CharField(allow_null=True)
    match_kind = serializers.ChoiceField(
        choices=[kind.value for kind in MatchBasis],
        allow_null=True,
        help_text="What `match` is: the chance of the same kind and colour, in percent, or a rank.",
    )


class StripSerializer(AnswerSerializer):
    results = CardSerializer(many=True)


class ResultsSerializer(AnswerSerializer):
    results = MatchSerializer(many=True)
    above_budget = AboveBudgetSerializer(required=False, help_text="When nothing is within the budget.")
    next = serializers.CharField(required=False, help_text="Cursor of the next page, where there is one.")
    kinds = KindSerializer(many=True, required=False, help_text="What a photo seems to show; on its first page.")
