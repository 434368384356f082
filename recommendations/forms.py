from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings

from catalog.services import read_upload
from ml.images import ImageRejected
from recommendations.filters import Filters
from recommendations.search import Wish


class PhotoSearchForm(forms.Form):
    photo = forms.FileField(
        allow_empty_file=True,
        error_messages={
            "required": "Choose a photo first.",
            "missing": "Choose a photo first.",
            "invalid": "Choose a photo first.",
        },
        widget=forms.ClearableFileInput(attrs={"accept": "image/*"}),
    )
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

    def clean_photo(self) -> bytes:
        try:
            return read_upload(self.cleaned_data["photo"])
        except ImageRejected as error:
            raise forms.ValidationError(error.message, code=error.code) from error

    def reject_photo(self, error: ImageRejected) -> None:
        self.add_error("photo", forms.ValidationError(error.message, code=error.code))

    @property
    def wish(self) -> Wish:
        return Wish(2 * settings.SIMILAR_PRODUCTS, Filters(price_max=self.cleaned_data["price_max"]))

    def error_codes(self) -> dict[str, Any]:
        return {name: [entry.code for entry in errors.as_data()] for name, errors in self.errors.items()}
