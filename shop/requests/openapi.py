"""The schema of the API: errors as well as success, and what is refused."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS

from catalog.api.strict import Strict


class Problem(serializers.Serializer):
    """Every error of the API."""

    code = serializers.CharField(help_text="For programs; docs/api.md lists them.")
    detail = serializers.CharField(help_text="For people.")
    errors = serializers.DictField(  # type: ignore[assignment]
        required=False, help_text="By field or parameter, where some are wrong: lists of `message` and `code`."
    )


ERRORS = {
    400: "The body, a field or a parameter is missing or wrong.",
    401: "No token where one is needed, or a wrong one.",
    403: "Not allowed to this user, or a session without its CSRF token.",
    404: "No such product.",
    406: "The answer is JSON, and the header Accept takes none.",
    409: "In conflict with what is there already.",
    413: "The request, or the picture, is too large.",
    415: "Not the media type that this address takes.",
    429: "Too many requests; the header Retry-After says how long to wait.",
    503: "Busy, or something that is needed does not answer; see Retry-After.",
    507: "The media storage is full or away.",
}


class ApiSchema(AutoSchema):
    """Describes errors, what is public, and that unknown fields are refused."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        problem = self.resolve_serializer(Problem, "response").ref
        for status in self._errors(operation):
            described = {"description": ERRORS[status], "content": {"application/json": {"schema": problem}}}
            operation["responses"].setdefault(str(status), described)
        # From the server, before the shop sees the request: in HTML.
        operation["responses"]["414"] = {"description": "The address is too long."}
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
