"""Django's autocomplete widgets look up what they show again, and raise for what is no key."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteMixin, AutocompleteSelectMultiple, RelatedFieldWidgetWrapper


class SoundKeys:
    """Shows only what can be a key; the field says what is wrong with the rest."""

    def optgroups(self, name: str, value: list[Any], attrs: dict[str, Any] | None = None) -> list[Any]:
        keys = [key for key in value if re.fullmatch("[0-9]{1,18}", str(key))]
        return super().optgroups(name, keys, attrs)  # type: ignore[misc]


class SoundSelectMultiple(SoundKeys, AutocompleteSelectMultiple):  # type: ignore[misc]
    pass


class SoundFields:
    """For a ModelAdmin or an inline: its autocomplete fields take odd values."""

    def formfield_for_dbfield(self, *args: Any, **options: Any) -> forms.Field | None:
        field = super().formfield_for_dbfield(*args, **options)  # type: ignore[misc]
        widget = getattr(field, "widget", None)
        widget = widget.widget if isinstance(widget, RelatedFieldWidgetWrapper) else widget
        if isinstance(widget, AutocompleteMixin):
            made = type(widget)
            widget.__class__ = type(made.__name__, (SoundKeys, made), {"__module__": made.__module__})
        return field
