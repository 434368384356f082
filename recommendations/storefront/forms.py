from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings

from catalog import refusals
from catalog.models import Category
from catalog.services import read_upload
from ml.pictures.codec import ImageRejected
from recommendations.search.cursor import BadCursor, from_cursor
from recommendations.search.filters import Filters
from recommendations.search.photo import SeenPhoto
from recommendations.search.query_vectors import EVEN, has_colour_part
from recommendations.search.service import SearchRequest, Sort

CHOOSE = "Choose a photo first."


class PhotoSearchForm(forms.Form):
    """A photo, or what is left of one that was searched with before (`seen`), and how to search."""

    photo = forms.FileField(required=False, allow_empty_file=True, error_messages={"invalid": CHOOSE})
    seen = forms.CharField(required=False)
    price_max = forms.DecimalField(
        required=False,
        min_value=0,
        max_digits=10,
        decimal_places=2,
        label="Budget",
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_digits", "max_decimal_places", "max_whole_digits"),
            "The budget is an amount of money, for instance 49.90.",
        ),
    )
    kind = forms.ModelChoiceField(Category.objects.all(), required=False)
    colour = forms.FloatField(required=False, min_value=0, max_value=1)
    sort = forms.ChoiceField(
        required=False, choices=[(Sort.LIKENESS.value, "Most alike"), (Sort.VALUE.value, "Cheaper look-alikes")]
    )
    cursor = forms.CharField(required=False)

    def clean_photo(self) -> bytes | None:
        photo = self.cleaned_data["photo"]
        if photo is None:
            return None
        if len(self.files.getlist("photo")) > 1:
            raise forms.ValidationError("Choose one photo.", code="several_photos")
        try:
            return read_upload(photo, door=refusals.PAGE)
        except ImageRejected as error:
            raise forms.ValidationError(error.message, code=error.code) from error

    def clean_cursor(self) -> frozenset[int]:
        try:
            return from_cursor(self.cleaned_data["cursor"])
        except BadCursor:  # then from the beginning
            return frozenset()

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if not found.get("seen") and found.get("photo", b"") is None:
            self.add_error("photo", forms.ValidationError(CHOOSE, code="required"))
        return found

    def reject_photo(self, error: ImageRejected) -> None:
        self.add_error("photo", forms.ValidationError(error.message, code=error.code))

    def search_request(self, photo: SeenPhoto) -> SearchRequest:
        """What is asked of this photo. The kind and the page of a photo before it are not."""
        asked = self.cleaned_data
        is_new = asked["photo"] is not None
        colour = asked["colour"] if has_colour_part(photo.model.spec) else None
        return SearchRequest(
            2 * settings.SIMILAR_PRODUCTS,
            Filters(price_max=asked["price_max"], category=None if is_new else asked["kind"]),
            frozenset() if is_new else asked["cursor"],
            colour=None if colour == EVEN else colour,
            sort=Sort(asked["sort"] or Sort.LIKENESS),
        )

    def error_codes(self) -> dict[str, Any]:
        return {name: [entry.code for entry in errors.as_data()] for name, errors in self.errors.items()}
