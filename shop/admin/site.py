"""The admin site: every registered model, of the shop or of a library, gets the shop's handling of conflicting writes
and malformed URLs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.contrib.contenttypes.views import shortcut
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite

from catalog.admin_widgets import BoundedInline, SoundFields
from shop.admin.initial import SoundInitial
from shop.admin.writes import AdminWrites

SEARCH_PAGE = 100
#: The menu begins with what staff do every day.
APPS = ("catalog", "recommendations", "auth", "authtoken")


class ShopAdminSite(UnfoldAdminSite):
    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[admin.ModelAdmin] | None = None,
        **options: Any,
    ) -> None:
        base: type[admin.ModelAdmin] = admin_class or ModelAdmin
        inlines = [
            type(inline.__name__, (BoundedInline, SoundFields, inline), {"__module__": inline.__module__})
            for inline in base.inlines
        ]
        described = {"__module__": base.__module__, "__doc__": base.__doc__, "inlines": inlines}
        made = type(base.__name__, (AdminWrites, SoundInitial, SoundFields, base), described)
        super().register(model_or_iterable, made, **options)

    def get_urls(self) -> list[URLPattern]:
        """Ahead of Django's own view at the same address, which checks no permission."""
        address = "r/<path:content_type_id>/<path:object_id>/"
        return [path(address, self.admin_view(self.view_on_site), name="view_on_site"), *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        places = {label: place for place, label in enumerate(APPS)}
        apps = super().get_app_list(request, app_label)
        return sorted(apps, key=lambda app: places.get(app["app_label"], len(places)))

    def view_on_site(self, request: HttpRequest, content_type_id: str, object_id: str) -> HttpResponse:
        """Redirect to an object's page in the shop, for users who may view the object: the address alone could reveal
        something unpublished."""
        found = ContentType.objects.filter(pk=content_type_id).first() if content_type_id.isdecimal() else None
        model = found.model_class() if found else None
        if model is None or not self.is_registered(model):
            raise Http404
        if not self.get_model_admin(model).has_view_or_change_permission(request):
            raise PermissionDenied
        return shortcut(request, content_type_id, object_id)

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Unfold's search without its cache, which stores objects, and results from before a user's permissions
        changed."""
        term = request.GET.get("s", "").strip().lower()
        if not term:
            return HttpResponse()
        results = self._search_apps(admin.AdminSite.get_app_list(self, request), term)
        page = Paginator(results, SEARCH_PAGE).get_page(request.GET.get("page"))
        context = {
            "page_obj": page.paginator,
            "results": page,
            "page_counter": (page.number - 1) * SEARCH_PAGE,
            "execution_time": 0.0,
            "command_show_history": False,
        }
        name = "command_results" if "extended" in request.GET else "search_results"
        return TemplateResponse(request, f"unfold/helpers/{name}.html", context, headers={"HX-Trigger": "search"})
