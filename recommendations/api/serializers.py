"""What the API accepts and answers. Serializers of answers only document them: `to_json` methods make them."""

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
from recommendations.search.request import MAX_RESULTS, SearchRequest, Sort, build_request
from recommendations.search.results import Source

#: Brands or attributes in one search: the database plans with each of them.
MAX_VALUES = 100
#: SPECTACULAR_SETTINGS names this list in the schema.
MATCH_BASES = [(basis.value, basis.value) for basis in MatchBasis]
#: Products of the same style are shown as such on pages only.
SOURCES = [source.value for source in Source if source != Source.STYLE]
ATTRIBUTE_PAIR = r"^[^:]+:[\s\S]+$"


class StripParameters(Strict):
    limit = WholeNumber(min_value=1, max_value=MAX_RESULTS, required=False, help_text="Number of cards.")

    @property
    def cards(self) -> int:
        return int(self.validated_data.get("limit", settings.SIMILAR_PRODUCTS))


class AttributePair(Text):
    """NAME:VALUE → (NAME, VALUE)."""

    default_error_messages = {"invalid": "This must be NAME:VALUE."}

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=NAME_LENGTH + TEXT_LENGTH + 1, **options)
        self.validators.append(RegexValidator(ATTRIBUTE_PAIR, self.error_messages["invalid"]))

    def run_validation(self, data: Any = serializers.empty) -> Any:
        name, _, value = super().run_validation(data).partition(":")
        return name, value


class SearchParameters(Strict):
    limit = WholeNumber(min_value=1, max_value=MAX_RESULTS, required=False, help_text="Number of products.")
    price_max = QueryAmount(required=False, help_text="Highest price.")
    price_min = QueryAmount(required=False, help_text="Lowest price.")
    category = CategoryAddress(required=False, help_text="Address of a category; includes the categories below it.")
    in_stock = TrueOrFalse(required=False, default=False, help_text="Only products in stock.")
    brand = serializers.ListField(
        child=Text(max_length=100),
        max_length=MAX_VALUES,
        required=False,
        help_text="May be repeated; any of them matches.",
    )
    attribute = serializers.ListField(
        child=AttributePair(),
        max_length=MAX_VALUES,
        required=False,
        help_text="NAME:VALUE, e.g. colour:Red. May be repeated; of several values for one name, any matches.",
    )
    colour_weight = Share(required=False, help_text="Weight of the colour against the shape; 0.5 by default.")
    sort = serializers.ChoiceField(
        choices=[sort.value for sort in Sort],
        required=False,
        default=Sort.LIKENESS.value,
        help_text="`value` puts cheaper look-alikes first.",
    )
    cursor = Text(required=False, help_text="`next` of the previous page.")

    def validate_cursor(self, text: str) -> frozenset[int]:
        try:
            return from_cursor(text)
        except BadCursor as error:
            raise serializers.ValidationError(str(error)) from error

    @property
    def search_request(self) -> SearchRequest:
        return build_request(self.validated_data, default_limit=settings.SIMILAR_PRODUCTS)


class SimilarParameters(SearchParameters):
    in_colour = Text(
        required=False,
        max_length=TEXT_LENGTH,
        help_text="Finds the product in this colour, e.g. Red; a value of the attribute `colour`.",
    )


class PhotoParameters(SearchParameters):
    photo = serializers.FileField(help_text="JPEG, PNG, WebP, GIF or AVIF. Not stored.", allow_empty_file=True)


class MatchSerializer(serializers.Serializer):
    """`recommendations.search.results.Match`."""

    sku = serializers.CharField()
    slug = serializers.CharField()
    title = serializers.CharField()
    price = serializers.DecimalField(max_digits=10, decimal_places=2, allow_null=True)
    currency = serializers.CharField()
    score = serializers.FloatField(
        allow_null=True,
        min_value=-1,
        max_value=1,
        help_text="Cosine similarity; null if no visual search found it.",
    )
    match = serializers.IntegerField(
        allow_null=True, help_text="0 to 100, see `match_basis`; null before the model is calibrated."
    )
    image = serializers.CharField(allow_null=True, help_text="The picture that matched.")
    source = serializers.ChoiceField(choices=SOURCES)  # type: ignore[assignment]


class CardSerializer(MatchSerializer):
    """`recommendations.strips.cards.Card`: products that shoppers take for one thing share a card."""

    colours = serializers.IntegerField(help_text="Number of colours of this product that were found; 0 if unknown.")


class AboveBudgetSerializer(serializers.Serializer):
    """`recommendations.search.results.AboveBudget`."""

    count = serializers.IntegerField(help_text="Products that meet every other filter and cost more; at most 1,000.")
    count_is_exact = serializers.BooleanField(help_text="False if there are more than `count`.")
    lowest_price = serializers.DecimalField(max_digits=10, decimal_places=2)
    nearest = MatchSerializer(help_text="The cheapest of the 100 most similar, not the most similar one.")


class PhotoTypeSerializer(serializers.Serializer):
    """`recommendations.search.photo_types.PhotoType`."""

    category = serializers.CharField(help_text="Address of the category.")
    name = serializers.CharField()
    share = serializers.FloatField(help_text="Share of the neighbours' votes, 0 to 1.")


class AnswerSerializer(serializers.Serializer):
    model = serializers.CharField(allow_null=True)
    match_basis = serializers.ChoiceField(
        choices=MATCH_BASES,
        allow_null=True,
        help_text="What `match` rests on: the chance of the same type and colour, in percent, or a rank.",
    )
    match_kind = serializers.ChoiceField(
        choices=MATCH_BASES,
        allow_null=True,
        help_text="Former name of `match_basis`, until 1.0.",
    )


class StripSerializer(AnswerSerializer):
    results = CardSerializer(many=True)


class ResultsSerializer(AnswerSerializer):
    results = MatchSerializer(many=True)
    above_budget = AboveBudgetSerializer(required=False, help_text="If no product is within the budget.")
    next = serializers.CharField(required=False, help_text="Cursor of the next page, if there is one.")
    photo_types = PhotoTypeSerializer(
        many=True, required=False, help_text="What the photo seems to show; on the first page only."
    )
    kinds = PhotoTypeSerializer(many=True, required=False, help_text="Former name of `photo_types`, until 1.0.")
