"""Accounts with the roles of a real shop."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission, User
from django.test import Client

CATALOG = [f"catalog.{action}_{model}" for model in ("product", "productimage", "category")
           for action in ("view", "add", "change", "delete")]  # fmt: skip
MERCHANDISING = ["catalog.view_searchmiss"] + [
    f"{app}.{action}_{model}"
    for app, model in [*(("recommendations", each) for each in ("pin", "veto", "rule")), ("catalog", "synonyms")]
    for action in ("view", "add", "change", "delete")
]


def staff(name: str, *permissions: str, **fields: object) -> User:
    """An account with exactly these permissions, each as `app.codename`."""
    user = User.objects.create_user(name, **{"is_staff": True, **fields})  # type: ignore[arg-type]
    for permission in permissions:
        app, codename = permission.split(".")
        found = Permission.objects.filter(content_type__app_label=app, codename=codename)
        assert len(found) == 1, permission
        user.user_permissions.add(*found)
    return user


def member(group: str) -> User:
    """An account in one ready-made group, and nothing else."""
    user = User.objects.create_user(group.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def signed_in(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client
