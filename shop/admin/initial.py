"""Initial values that the URL of an "add" page gives its form."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest


class SoundInitial:
    """For a ModelAdmin: ignores initial values that their field rejects. Django fills the form with any text, and
    widgets that look up a row by it raise."""

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial = super().get_changeform_initial_data(request)  # type: ignore[misc]
        fields = self.get_form(request, change=False).base_fields  # type: ignore[attr-defined]
        return {name: value for name, value in initial.items() if name in fields and _fits(fields[name], value)}


def _fits(field: forms.Field, value: Any) -> bool:
    try:
        field.clean(value)
    except (forms.ValidationError, TypeError, ValueError, AttributeError):
        return False
    return True
