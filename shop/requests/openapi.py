"""The OpenAPI schema describes errors as well as success, and that unknown fields are refused."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS

from catalog.api.strict import Strict


class Problem(serializers.Serializer):
    """Every error of the API has this shape."""

    code = serializers.CharField(help_text="Error code for programs; docs/api.md lists all codes.")
    detail = serializers.CharField(help_text="Error message for people.")
    errors = serializers.DictField(  # type: ignore[assignment]
        required=False, help_text="For each wrong field or parameter, a list of `message` and `code`."
    )


ERRORS = {
    400: "The body, a field or a parameter is missing or wrong.",
    401: "The token is missing or wrong.",
    403: "The user lacks the permission, or the session has no CSRF token.",
    404: "No such product.",
    406: "The Accept header excludes JSON, the only format of responses.",
    409: "Conflicts with existing data.",
    413: "The request or the picture is too large.",
    415: "The endpoint does not accept this media type.",
    429: "Too many requests. The Retry-After header says how long to wait.",
    503: "The shop is busy, or a service it needs is unavailable. See the Retry-After header.",
    507: "The media storage is full or unavailable.",
}


class ApiSchema(AutoSchema):
    """Describes errors, public access, and that unknown fields are refused."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        problem = self.resolve_serializer(Problem, "response").ref
        for status in self._errors(operation):
            described = {"description": ERRORS[status], "content": {"application/json": {"schema": problem}}}
            operation["responses"].setdefault(str(status), described)
        # Answered by the server in HTML, before the shop sees the request.
        operation["responses"]["414"] = {"description": "The URL is too long."}
        operation["responses"] = dict(sorted(operation["responses"].items()))
        return operation

    def _errors(self, operation: dict[str, Any]) -> list[int]:
        found = [400, 401, 406, 429, 503]
        if "{" in self.path:
            found.append(404)
        if "requestBody" in operation:
            found += [409, 413, 415]
            if {} not in operation.get("security", []):
                found.append(403)
            if "multipart/form-data" in operation["requestBody"]["content"]:
                found.append(507)
        return found

    def get_auth(self) -> list[Any]:
        auths = super().get_auth()
        return [*auths, {}] if self.method in SAFE_METHODS and {} not in auths else auths

    def _map_basic_serializer(self, serializer: Any, direction: str) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)
        if direction == "request" and isinstance(serializer, Strict):
            schema["additionalProperties"] = False
        return schema
