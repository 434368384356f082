"""Everything under /api/ answers errors in JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView
from rest_framework import serializers
from rest_framework.request import Request

from catalog.api.strict import Strict, StrictView

#: Errors that Django itself answers with, before or instead of an API view.
PLAIN = {
    400: ("bad_request", "The request cannot be read. See /api/v1/docs/."),
    403: ("permission_denied", "You do not have permission to do this."),
    404: ("not_found", "There is no endpoint at this address. See /api/v1/docs/."),
    405: ("method_not_allowed", "This method is not allowed here. The Allow header lists the allowed ones."),
    415: ("unsupported_media_type", "This endpoint does not accept this media type."),
    429: ("throttled", "Too many requests. The Retry-After header says how long to wait."),
    413: ("too_many_bytes", "The request is too large."),
    500: (
        "error",
        "Something went wrong. The shop’s staff can find it in the log by the X-Request-ID header.",
    ),
    503: ("unavailable", "The shop is not available right now. Try again in a moment."),
}


def is_api(request: HttpRequest) -> bool:
    return request.path == "/api" or request.path.startswith("/api/")


class ApiErrorsMiddleware:
    """Turns every error under /api/ into JSON, including a refused Host and a crash."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        if response.status_code < 400 or kind == "application/json" or not is_api(request):
            return response
        status = response.status_code
        code, detail = PLAIN.get(status, PLAIN[500 if status >= 500 else 400])
        answer = JsonResponse({"code": code, "detail": detail}, status=status)
        for name in ("Allow", "Retry-After", "Vary"):
            if response.has_header(name):
                answer[name] = response[name]
        response.close()
        # Or Django would log the new answer too, without a request id.
        answer._has_been_logged = getattr(response, "_has_been_logged", False)  # type: ignore[attr-defined]
        return answer


@csrf_exempt
def api_not_found(request: HttpRequest, unknown: str = "") -> JsonResponse:
    code, detail = PLAIN[404]
    if unknown and not unknown.endswith("/") and _is_address(f"{request.path}/"):
        detail = "There is no endpoint at this address: API addresses end with a slash."
    return JsonResponse({"code": code, "detail": detail}, status=404)


def _is_address(path: str) -> bool:
    try:
        return resolve(path).func is not api_not_found
    except Resolver404:
        return False


class SchemaParameters(Strict):
    format = serializers.ChoiceField(choices=["yaml", "json"], required=False)


class SchemaView(StrictView, SpectacularAPIView):
    """The OpenAPI schema: YAML, or JSON with `?format=json` or an Accept header."""

    parameters_class = SchemaParameters

    def get_format_suffix(self, **kwargs: Any) -> str | None:
        asked = SchemaParameters(data=self.request.query_params)
        return asked.validated_data.get("format") if asked.is_valid() else None

    def _get_version_parameter(self, request: Request) -> None:
        return None  # the API has one version
