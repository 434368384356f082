"""The admin of text search: synonyms, and searches without results."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from catalog.models import SearchMiss, Synonyms


@admin.register(Synonyms)
class SynonymsAdmin(ModelAdmin):
    search_fields = ["words"]


@admin.register(SearchMiss)
class SearchMissAdmin(ModelAdmin):
    """Read-only."""

    list_display = ["words", "day", "searches"]
    list_filter = ["day"]
    search_fields = ["words"]
    ordering = ["-day", "-searches", "words"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
