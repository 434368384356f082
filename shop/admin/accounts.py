"""The admin of users, groups and API tokens, with the theme's fields: Django's own have no visible border in it."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from rest_framework.authtoken.admin import TokenAdmin
from rest_framework.authtoken.models import TokenProxy
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm


class ThemedUserAdmin(UserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


class ThemedGroupAdmin(GroupAdmin, ModelAdmin):
    pass


class ThemedTokenAdmin(TokenAdmin, ModelAdmin):
    pass


def register() -> None:
    for model, made in ((User, ThemedUserAdmin), (Group, ThemedGroupAdmin), (TokenProxy, ThemedTokenAdmin)):
        admin.site.unregister(model)
        admin.site.register(model, made)
