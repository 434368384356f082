"""The ready-made groups, and the page that names them."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client

from shop.admin.groups import GROUPS
from tests.people.staff import member, signed_in, staff
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.django_db


def permissions_of(group: Group) -> set[str]:
    return {f"{app}.{code}" for app, code in group.permissions.values_list("content_type__app_label", "codename")}


def test_migrate_creates_them_with_their_permissions() -> None:
    assert {group.name: permissions_of(group) for group in Group.objects.all()} == GROUPS


def test_each_larger_group_may_do_all_that_a_smaller_one_may() -> None:
    assert GROUPS["Viewer"] < GROUPS["Editor"] < GROUPS["Manager"] < GROUPS["Owner"]
    assert GROUPS["Viewer"] < GROUPS["Merchandiser"] < GROUPS["Manager"]


def test_a_group_that_exists_stays_as_the_shop_made_it_and_a_missing_one_returns() -> None:
    Group.objects.get(name="Editor").permissions.set(Permission.objects.filter(codename="view_product"))
    Group.objects.get(name="Viewer").delete()
    call_command("migrate", stdout=StringIO(), verbosity=0)
    assert permissions_of(Group.objects.get(name="Editor")) == {"catalog.view_product"}
    assert permissions_of(Group.objects.get(name="Viewer")) == GROUPS["Viewer"]


def sentence(client: Client, address: str, method: str = "GET") -> str:
    answer = client.generic(method, address)
    assert answer.status_code == 403
    return str(answer.content.decode())


def test_a_refused_account_learns_which_groups_may(shop: Shopkeeper) -> None:
    product = shop.product()
    editor, viewer = signed_in(member("Editor")), signed_in(member("Viewer"))
    page = sentence(viewer, f"/admin/catalog/product/{product.pk}/change/", "POST")
    assert "The groups Editor, Manager and Owner have it." in page
    page = sentence(viewer, "/admin/catalog/product/add/")
    assert "The groups Editor, Manager and Owner have it." in page
    assert "The group Owner has it." in sentence(editor, "/admin/auth/user/")
    page = sentence(editor, "/admin/recommendations/pipeline/switch/", "POST")
    assert "The groups Manager and Owner have it." in page
    assert "Ask your shop's owner to add you to one of them." in page
    nobody = signed_in(staff("nobody"))
    page = sentence(nobody, f"/admin/catalog/product/{product.pk}/change/")
    assert "The groups Editor, Manager, Merchandiser, Owner and Viewer have it." in page


def test_a_page_that_nobody_may_change_says_why_instead() -> None:
    page = sentence(signed_in(member("Owner")), "/admin/recommendations/searchhealth/add/")
    assert "These records are created automatically and are read-only." in page


def test_without_such_a_group_the_page_names_none(shop: Shopkeeper) -> None:
    Group.objects.all().delete()
    page = sentence(signed_in(staff("nobody")), "/admin/auth/user/")
    assert "Your account does not have permission to do this." in page
