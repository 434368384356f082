"""Strict parsing of query strings, forms and JSON.

Unknown, repeated and empty parameters are refused by name, never ignored: with an ignored `price_maks` the answer would
contain products above the budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, NotAcceptable, ValidationError
from rest_framework.request import Request
from rest_framework.utils.html import is_html_input


class Strict(serializers.Serializer):
    """A serializer that refuses unknown names and, in forms, repeated or empty values."""

    def to_internal_value(self, data: Any) -> Any:
        problems = self._problems(data) if isinstance(data, Mapping) else {}
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            if not isinstance(error.detail, dict):
                raise
            raise ValidationError({**error.detail, **problems}) from error
        if problems:
            raise ValidationError(problems)
        return value

    def _problems(self, data: Any) -> dict[str, list[ErrorDetail]]:
        fields = {name: field for name, field in self.fields.items() if not field.read_only}
        problems = {}
        for name in data:
            field = fields.get(name)
            if field is None:
                known = f"Known parameters: {', '.join(fields)}." if fields else "No parameters are accepted here."
                problems[name] = [ErrorDetail(f"Unknown parameter. {known}", "unknown")]
            elif is_html_input(data):
                values = data.getlist(name)
                if len(values) > 1 and not isinstance(field, serializers.ListField):
                    problems[name] = [ErrorDetail("Send this parameter once.", "repeated")]
                elif "" in values and not getattr(field, "allow_blank", False):
                    problems[name] = [ErrorDetail("Send a value, or omit this parameter.", "empty")]
        return problems


class NoParameters(Strict):
    """For addresses without parameters."""


class StrictView:
    """A mixin for API views: refuses a wrong method before authentication, and wrong query parameters before any
    query. The parsed parameters are in `parameters`."""

    parameters_class: type[Strict] = NoParameters
    parameters: Any

    def get_parameters_class(self) -> type[Strict]:
        return self.parameters_class

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        try:
            return super().perform_content_negotiation(request, force)  # type: ignore[misc]
        except (ValueError, LookupError) as error:  # an unreadable Accept header
            raise NotAcceptable from error

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not hasattr(self, (request.method or "").lower()):
            self.http_method_not_allowed(request)  # type: ignore[attr-defined]
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        self.parameters = self.get_parameters_class()(data=request.query_params)
        self.parameters.is_valid(raise_exception=True)
