"""Who may write through the API: users with the model permissions that the admin requires, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request


class HoldsPermissions(BasePermission):
    """Anyone may read. Writing requires a staff account with the permissions that the view lists for the action in
    `permissions_needed`. Actions that a view does not list are denied to everyone, even superusers."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return True
        if not (request.user and request.user.is_staff):
            return False
        action = getattr(view, "action", "")
        if action is None:  # the viewset has no such method: 405 follows
            return True
        needed: Mapping[str, tuple[str, ...]] = getattr(view, "permissions_needed", {})
        return action in needed and request.user.has_perms(needed[action])


def may_see_unpublished(request: Request) -> bool:
    user = request.user
    return user.is_staff and (user.has_perm("catalog.view_product") or user.has_perm("catalog.change_product"))
