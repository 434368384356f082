"""The admin's site: whatever is registered, by the shop or by a library, writes in the shop's way, and takes odd
addresses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Model
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite

from shop.admin_initial import SoundInitial
from shop.admin_writes import AdminWrites


class ShopAdminSite(UnfoldAdminSite):
    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[admin.ModelAdmin] | None = None,
        **options: Any,
    ) -> None:
        base: type[admin.ModelAdmin] = admin_class or ModelAdmin
        made = type(
            base.__name__, (AdminWrites, SoundInitial, base), {"__module__": base.__module__, "__doc__": base.__doc__}
        )
        super().register(model_or_iterable, made, **options)
