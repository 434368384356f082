"""What an account of the staff may do."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


class MissingPermission(PermissionDenied):
    """The account lacks `permission`, given as `app.codename`: the page that says so names the groups that have it."""

    def __init__(self, permission: str) -> None:
        super().__init__()
        self.permission = permission


def require(request: HttpRequest, permission: str) -> None:
    """
    Raises:
        MissingPermission: the account does not have it.
    """
    if not request.user.has_perm(permission):
        raise MissingPermission(permission)
