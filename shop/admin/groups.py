"""Ready-made groups of permissions for a shop's staff. `migrate` creates those that are missing, and never changes one
that exists: the shop may have used the name before, or adapted the permissions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps as installed
from django.db.models.signals import post_migrate

WRITE = ("add", "change", "delete")


def _permissions(app: str, models: Iterable[str], actions: Iterable[str]) -> frozenset[str]:
    return frozenset(f"{app}.{action}_{model}" for model in models for action in actions)


_CATALOG = ("product", "productimage", "category")
_CURATION = ("pin", "veto", "rule")

_SEE = (
    _permissions("catalog", (*_CATALOG, "synonyms", "searchmiss"), ["view"])
    | _permissions("recommendations", _CURATION, ["view"])
    | _permissions("recommendations", ("embeddingmodel", "imageembedding", "searchhealth", "pipeline"), ["view"])
)
_EDIT = _permissions("catalog", _CATALOG, WRITE)
_CURATE = _permissions("recommendations", _CURATION, WRITE) | _permissions("catalog", ["synonyms"], WRITE)
_RUN = _permissions("recommendations", ["embeddingmodel"], ("add", "change")) | {"recommendations.change_pipeline"}
_PEOPLE = _permissions("auth", ("user", "group"), ("view", *WRITE)) | _permissions(
    "authtoken", ["tokenproxy"], ("view", *WRITE)
)

#: Name → permissions, each as `app.codename`.
GROUPS: dict[str, frozenset[str]] = {
    "Viewer": _SEE,
    "Editor": _SEE | _EDIT,
    "Merchandiser": _SEE | _CURATE,
    "Manager": _SEE | _EDIT | _CURATE | _RUN,
    "Owner": _SEE | _EDIT | _CURATE | _RUN | _PEOPLE,
}


def create(using: str, apps: Any = installed, **_: Any) -> None:
    """Create the missing groups in the database `using`, once all their permissions exist there."""
    try:
        groups = apps.get_model("auth", "Group").objects.using(using)
        permissions = apps.get_model("auth", "Permission").objects.using(using)
    except LookupError:  # a migration to a state before accounts
        return
    missing = GROUPS.keys() - set(groups.values_list("name", flat=True))
    if not missing:
        return
    numbers = {
        f"{app}.{codename}": number
        for number, app, codename in permissions.values_list("pk", "content_type__app_label", "codename")
    }
    if not GROUPS["Owner"] <= numbers.keys():  # a migration to a state in which some of the tables do not exist
        return
    for name in GROUPS:
        if name in missing:
            groups.create(name=name).permissions.set([numbers[each] for each in GROUPS[name]])


def connect() -> None:
    """After the last app with permissions: the signal comes once for each app, in their order."""
    last = installed.get_app_config("recommendations")
    post_migrate.connect(create, sender=last, dispatch_uid="shop.admin.groups")
