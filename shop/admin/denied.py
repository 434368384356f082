"""The page for accounts that may not do something: it names the groups that may."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import ResolverMatch
from django.utils.text import get_text_list
from django.utils.translation import gettext

from catalog.admin.permissions import MissingPermission

#: The pages of every registered model, as Django names them, and the permission that each asks for.
ACTIONS = {"changelist": "view", "history": "view", "add": "add", "change": "change", "delete": "delete"}


def denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, MissingPermission):
        permission: str | None = exception.permission
    else:
        permission = _permission_of(request.resolver_match, request.method)
    groups = _groups_with(permission) if permission and request.user.is_authenticated else []
    context = {"exception": str(exception), "groups": get_text_list(groups, gettext("and")), "number": len(groups)}
    return render(request, "403.html", context, status=403)


def _permission_of(match: ResolverMatch | None, method: str | None) -> str | None:
    """What a page of the admin asks for; None if its name does not tell."""
    if match is None or match.app_name != "admin" or match.url_name is None:
        return None
    app, _, rest = match.url_name.partition("_")
    model, _, page = rest.rpartition("_")
    if page not in ACTIONS:
        return None
    action = "view" if page == "change" and method in {"GET", "HEAD"} else ACTIONS[page]
    return f"{app}.{action}_{model}"


def _groups_with(permission: str) -> list[str]:
    app, _, codename = permission.partition(".")
    found = Group.objects.filter(permissions__codename=codename, permissions__content_type__app_label=app)
    return list(found.order_by("name").values_list("name", flat=True))
