"""Who may write through the API: the model permissions that the admin asks for, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request


class HoldsPermissions(BasePermission):
    """Reading is free. Writing is for staff who hold the permissions that the view names for its action in
    `permissions_needed`; what a view does not name nobody may do, be it the shop's superuser."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return True
        if not (request.user and request.user.is_staff):
            return False
        action = getattr(view, "action", "")
        if action is None:  # of a viewset that has no such method: the answer is 405
            return True
        needed: Mapping[str, tuple[str, ...]] = getattr(view, "permissions_needed", {})
        return action in needed and request.user.has_perms(needed[action])


def may_see_unpublished(request: Request) -> bool:
    user = request.user
    return user.is_staff and (user.has_perm("catalog.view_product") or user.has_perm("catalog.change_product"))
