"""The form of the photo search page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog import refusals
from catalog.models import Category, Product
from catalog.services import read_upload
from catalog.storefront.prices import in_field
from ml.files.catalog.cells import plain_amount
from ml.pictures.codec import ImageRejected
from recommendations.search.cursor import BadCursor, from_cursor
from recommendations.search.photo import SeenPhoto
from recommendations.search.query_vectors import EVEN, has_colour_part
from recommendations.search.request import SearchRequest, Sort, build_request
from recommendations.storefront.phrases import Kind, Reading, Vocabulary, read
from recommendations.storefront.samples import Sample, samples
from recommendations.storefront.words import asked, vocabulary

CHOOSE = gettext_lazy("Choose a photo first.")


#: What shoppers are told, by code; the log has the details. Others say what their rejection says.
REFUSALS = {
    "empty": gettext_lazy("The file is empty. Choose another photo."),
    "too_many_bytes": gettext_lazy("The file is too large. Choose a smaller photo, or a screenshot of it."),
    "too_many_pixels": gettext_lazy("The photo has too many pixels. Choose a smaller one, or a screenshot of it."),
    "unsupported_format": gettext_lazy(
        "This file cannot be opened. Choose a JPEG, PNG, GIF, WebP or AVIF photo, or save yours as JPEG first."
    ),
    "corrupt": gettext_lazy("The photo is damaged or incomplete. Save it again, or choose another one."),
}
LONGEST = 120  # characters of the words


def _refused(error: ImageRejected) -> forms.ValidationError:
    return forms.ValidationError(REFUSALS.get(error.code, error.message), code=error.code)


class BudgetField(forms.DecimalField):
    """An amount as people write it: 49.90, 49,90 or 1.299,00 €."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> Any:
        return super().to_python(plain_amount(value, settings.SHOP_CURRENCY) if isinstance(value, str) else value)


def _replaced(data: QueryDict) -> QueryDict:
    """The data with the fields as a button that was clicked or the words change them: the page shows the new values."""
    data = data.copy()
    if "remaining" in data:
        data["words"] = data.pop("remaining")[-1]
    if data.pop("any_price", None):
        data["price_min"] = data["price_max"] = ""
    if raised := data.pop("raised", [""])[-1]:
        data["price_max"] = raised
    elif "words" in data:
        _move_prices(data)
    return data


def _move_prices(data: QueryDict) -> None:
    """Prices leave the words for the fields, so that a page shows one budget: the one that was entered last."""
    words = str(data["words"])
    reading = read(words, vocabulary()) if 0 < len(words) <= LONGEST else Reading(words)
    prices = reading.of(Kind.PRICE)
    if not prices:
        return
    data["words"] = reading.without(*prices)
    data["price_min"] = data["price_max"] = ""
    for price in prices:
        for name, amount in (("price_min", price.minimum), ("price_max", price.maximum)):
            if amount is not None:
                data[name] = in_field(f"{amount:f}" if amount % 1 else f"{amount:.0f}")


class PhotoSearchForm(forms.Form):
    """A photo, the name of a sample, or the token of a photo that was searched with before (`seen`), and how to search.

    `product` is the one whose look-alikes are wanted: its picture takes the place of the photo.

    `cropped` says that the photo is another part of the one before it.

    `remaining` replaces `words`: what is left of them when one is removed. `raised` is a budget that replaces the one
    before it, and `any_price` removes every limit of the price. Prices in the words replace both limits. `kind` is the
    former name of `type`; both are accepted until 1.0.
    """

    photo = forms.FileField(required=False, allow_empty_file=True, error_messages={"invalid": CHOOSE})
    seen = forms.CharField(required=False)
    sample = forms.CharField(required=False)
    product = forms.CharField(required=False)
    cropped = forms.BooleanField(required=False)
    price_min = BudgetField(required=False, min_value=0, max_digits=10, decimal_places=2)
    price_max = BudgetField(
        required=False,
        min_value=0,
        max_digits=10,
        decimal_places=2,
        label=gettext_lazy("Budget"),
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_digits", "max_decimal_places", "max_whole_digits"),
            gettext_lazy("Enter the budget as an amount of money, for example 49.90."),
        ),
    )
    words = forms.CharField(
        required=False,
        max_length=LONGEST,
        label=gettext_lazy("Words about what you want"),
        error_messages=dict.fromkeys(
            ("max_length", "null_characters_not_allowed"),
            gettext_lazy("Use a few words, such as “in green, under 40”."),
        ),
    )
    type = forms.ModelChoiceField(Category.objects.all(), required=False)
    kind = forms.ModelChoiceField(Category.objects.all(), required=False)
    colour = forms.FloatField(required=False, min_value=0, max_value=1)
    sort = forms.ChoiceField(
        required=False,
        choices=[
            (Sort.LIKENESS.value, gettext_lazy("Most similar")),
            (Sort.VALUE.value, gettext_lazy("Cheaper look-alikes")),
        ],
    )
    cursor = forms.CharField(required=False)

    def __init__(self, data: QueryDict | None = None, files: Any = None) -> None:
        super().__init__(None if data is None else _replaced(data), files)

    def clean_photo(self) -> bytes | None:
        photo = self.cleaned_data["photo"]
        if photo is None:
            return None
        if len(self.files.getlist("photo")) > 1:
            raise forms.ValidationError(_("Choose one photo."), code="several_photos")
        try:
            return read_upload(photo, door=refusals.PAGE)
        except ImageRejected as error:
            raise _refused(error) from error

    def clean_sample(self) -> Sample | None:
        name = self.cleaned_data["sample"]
        if not name:
            return None
        for each in samples():
            if each.name == name:
                return each
        raise forms.ValidationError(CHOOSE, code="invalid")

    def clean_product(self) -> Product | None:
        """None if the shop no longer shows it."""
        slug = self.cleaned_data["product"]
        return Product.objects.published().for_page().filter(slug=slug).first() if slug else None

    def clean_cursor(self) -> frozenset[int]:
        try:
            return from_cursor(self.cleaned_data["cursor"])
        except BadCursor:  # start from the first page
            return frozenset()

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if found.get("sample") and found.get("photo", b"") is None:
            found["photo"] = found["sample"].path.read_bytes()
        lowest, highest = found.get("price_min"), found.get("price_max")
        if lowest is not None and highest is not None and lowest > highest:  # the budget was lowered afterwards
            found["price_min"] = None
            cast(QueryDict, self.data)["price_min"] = ""
        if not (found.get("seen") or found.get("product")) and found.get("photo", b"") is None:
            self.add_error("photo", forms.ValidationError(CHOOSE, code="required"))
        return found

    def reject_photo(self, error: ImageRejected) -> None:
        self.add_error("photo", _refused(error))

    @property
    def has_new_photo(self) -> bool:
        return self.cleaned_data.get("photo") is not None

    @property
    def like(self) -> Product | None:
        """The product whose look-alikes are shown; None for a photo."""
        return None if self.has_new_photo else self.cleaned_data.get("product")

    @property
    def chosen_type(self) -> Category | None:
        """None for a new photo: a choice was made for the one before it."""
        found = self.cleaned_data
        return None if self.has_new_photo else found.get("type") or found.get("kind")

    def asked(self, photo: SeenPhoto) -> tuple[SeenPhoto, SearchRequest, Reading]:
        """The photo and the request as the options and the words ask for them, and what was understood of the words."""
        words = self.cleaned_data["words"]
        known = vocabulary() if words else Vocabulary(settings.SHOP_CURRENCY)
        return asked(read(words, known), known, photo, self.search_request(photo))

    def search_request(self, photo: SeenPhoto) -> SearchRequest:
        """The request of the options. A new photo begins on the first page, with all types."""
        found = self.cleaned_data
        colour = found["colour"] if has_colour_part(photo.model.spec) else None
        values = {
            **found,
            "category": self.chosen_type,
            "cursor": None if self.has_new_photo else found["cursor"],
            "colour_weight": None if colour == EVEN else colour,
        }
        wanted = build_request(values, default_limit=2 * settings.SIMILAR_PRODUCTS)
        return replace(wanted, filters=wanted.filters.without({self.like.pk})) if self.like else wanted

    def link(self, token: str) -> str:
        """The address of these results: the token, which contains no photo, and every option but defaults."""
        options = {} if self.has_new_photo else {"type": self.data.get("type") or self.data.get("kind")}
        options |= {name: self.data.get(name) for name in ("words", "price_min", "price_max", "colour", "sort")}
        if options["sort"] == Sort.LIKENESS:
            del options["sort"]
        if self.cleaned_data.get("colour") == EVEN:
            del options["colour"]
        query = {"product": self.like.slug} if self.like else {"seen": token}
        query |= {name: value for name, value in options.items() if value}
        return f"{reverse('recommendations:photo-search')}?{urlencode(query)}"

    def error_codes(self) -> dict[str, Any]:
        return {name: [entry.code for entry in errors.as_data()] for name, errors in self.errors.items()}
