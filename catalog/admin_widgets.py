"""Checks that Django's admin lacks: keys that are not keys, and too many rows in one form."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib.admin.widgets import (
    AutocompleteMixin,
    AutocompleteSelect,
    AutocompleteSelectMultiple,
    RelatedFieldWidgetWrapper,
)
from django.db.models import Model
from django.forms.models import _get_foreign_key
from django.http import HttpRequest

MOST_ADDED = 100  # new rows in one form, besides stored ones


class SoundKeys:
    """Renders only values that can be keys. The field reports the others."""

    def optgroups(self, name: str, value: list[Any], attrs: dict[str, Any] | None = None) -> list[Any]:
        keys = [key for key in value if re.fullmatch("[0-9]{1,18}", str(key))]
        return super().optgroups(name, keys, attrs)  # type: ignore[misc]


class SoundSelect(SoundKeys, AutocompleteSelect):  # type: ignore[misc]
    pass


class SoundSelectMultiple(SoundKeys, AutocompleteSelectMultiple):  # type: ignore[misc]
    pass


class SoundFields:
    """For a ModelAdmin or an inline: its autocomplete fields accept any value without failing."""

    def formfield_for_dbfield(self, *args: Any, **options: Any) -> forms.Field | None:
        field = super().formfield_for_dbfield(*args, **options)  # type: ignore[misc]
        widget = getattr(field, "widget", None)
        widget = widget.widget if isinstance(widget, RelatedFieldWidgetWrapper) else widget
        if isinstance(widget, AutocompleteMixin):
            made = type(widget)
            widget.__class__ = type(made.__name__, (SoundKeys, made), {"__module__": made.__module__})
        return field


class BoundedInline:
    """For an inline: names its fields, and limits the rows that a form may send, since each costs queries. Django
    allows 2,000."""

    def get_formset(self, request: HttpRequest, obj: Model | None = None, **options: Any) -> Any:
        stated = self.get_max_num(request, obj)  # type: ignore[attr-defined]
        most = MOST_ADDED + self._stored(obj)
        limits = {"max_num": most if stated is None else stated, "absolute_max": max(most, stated or 0)}
        formset = super().get_formset(request, obj, **limits | options)  # type: ignore[misc]
        for name, field in formset.form.base_fields.items():
            # A table's fields have no label of their own, only the head of their column.
            field.widget.attrs.setdefault("aria-label", field.label or name)
        return formset

    def _stored(self, obj: Model | None) -> int:
        if obj is None:
            return 0
        key = _get_foreign_key(self.parent_model, self.model, fk_name=self.fk_name)  # type: ignore[attr-defined]
        return int(self.model._default_manager.filter(**{key.name: obj}).count())  # type: ignore[attr-defined]
