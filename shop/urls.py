from typing import Any

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from shop.monitoring import health, metrics
from shop.requests.api import SchemaView, api_not_found


class Favicon(RedirectView):
    def get_redirect_url(self, *args: Any, **kwargs: Any) -> str:
        return static("favicon.svg")


class ApiDocs(SpectacularSwaggerSplitView):
    http_method_names = ["get", "head"]  # a page needs no OPTIONS


handler403 = "shop.admin.denied.denied"
urlpatterns = [
    path("favicon.ico", Favicon.as_view(), name="favicon"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path("api/v1/schema/", SchemaView.as_view(), name="schema"),
    path("api/v1/docs/", ApiDocs.as_view(url_name="schema"), name="api-docs"),
    path("api/v1/", include("catalog.api.urls")),
    path("api/v1/", include("recommendations.api.urls")),
    re_path(r"^api(?:/(?P<unknown>(?s:.*)))?$", api_not_found),
    path("", include("recommendations.urls")),
    path("", include("catalog.urls")),
]
