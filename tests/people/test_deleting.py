"""A user who may delete a row deletes it with all dependent rows, or reads what protects it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token

from catalog.models import Category, Product, ProductImage
from recommendations.models import (
    EmbeddingModel,
    EmbeddingState,
    ImageEmbedding,
    Pin,
    Rule,
    SearchHealth,
    StripCount,
    Veto,
)
from recommendations.strips.curation import set_vetoes
from shop.admin import writes
from tests.people.staff import CATALOG, signed_in, staff
from tests.shopkeeper import Shopkeeper

PRODUCTS, CATEGORIES = "/admin/catalog/product/", "/admin/catalog/category/"
ROLES = {
    "superuser": lambda: staff("boss", is_superuser=True),
    "catalog editor": lambda: staff("editor", *CATALOG),
    "may delete products, and nothing else": lambda: staff("remover", "catalog.view_product", "catalog.delete_product"),
}
role = pytest.mark.parametrize("role", ROLES.values(), ids=ROLES)


@pytest.fixture
def full(shop: Shopkeeper, plane: EmbeddingModel) -> Product:
    """A product with every type of dependent row."""
    other_model = EmbeddingModel.objects.create(
        name="other", source="file", backbone="resnet50", weights_sha256="1" * 64, graph_sha256="1" * 64,
        input_size=80, fit="letterbox", pooling="avg", dimension=3, state="ready",
    )  # fmt: skip
    product = shop.embedded(plane, "red", [1, 0, 0], [0, 1, 0], category="clothes/dresses", brand="Kestrel")
    for state, fields in {
        "pending": {},
        "processing": {"lease_expires_at": timezone.now(), "attempts": 1},
        "failed": {"error_code": "corrupt", "error": "Damaged."},
    }.items():
        image = shop.image(product)
        ImageEmbedding.objects.create(image=image, model=plane, digest=image.digest, state=state, **fields)
        ImageEmbedding.objects.create(image=image, model=other_model, digest="0" * 64, state=EmbeddingState.PENDING)
    shop.image(product)
    shown = shop.product("shown", category="clothes/dresses")
    Pin.objects.create(product=product, shown=shown)
    Pin.objects.create(product=shown, shown=product)
    set_vetoes(product, [shop.product("never", category="shoes")])
    Rule.objects.create(effect="exclude", brand="Kestrel")
    StripCount.objects.create(
        day="2026-01-01", model="plane", strip="similar", source="look", position=1, seen=1, clicked=0
    )
    return product


def post(client: Client, address: str, **fields: Any) -> Any:
    return client.post(address, {"post": "yes", **fields})


def selected(client: Client, address: str, *rows: Any, **fields: Any) -> Any:
    chosen = {"action": "delete_selected", "_selected_action": [row.pk for row in rows]}
    return client.post(address, {**chosen, **fields}, follow=True)


@pytest.mark.slow
@pytest.mark.case
@role
def test_a_product_goes_with_everything_attached(
    full: Product, role: Callable[[], User], django_capture_on_commit_callbacks: Any
) -> None:
    files = [image.file.name for image in full.images.all()]
    client, address = signed_in(role()), f"{PRODUCTS}{full.pk}/delete/"
    page = client.get(address)
    assert page.status_code == 200
    assert "Are you sure" in page.content.decode()
    assert all(default_storage.exists(name) for name in files)
    with django_capture_on_commit_callbacks(execute=True):
        assert post(client, address).status_code == 302
    connection.check_constraints()
    assert not Product.objects.filter(pk=full.pk).exists()
    left = (ProductImage, ImageEmbedding, Pin, Veto, Rule, StripCount)
    assert [model.objects.count() for model in left] == [0, 0, 0, 0, 1, 1]
    assert not any(default_storage.exists(name) for name in files)


@pytest.mark.slow
@pytest.mark.case
@role
def test_several_products_go_at_once(full: Product, role: Callable[[], User], shop: Shopkeeper) -> None:
    kept = shop.product("kept")
    others = list(Product.objects.exclude(pk=kept.pk))
    client = signed_in(role())
    page = selected(client, PRODUCTS, *others)
    assert "Are you sure" in page.content.decode()
    done = selected(client, PRODUCTS, *others, post="yes")
    assert f"Successfully deleted {len(others)} products" in done.content.decode()
    connection.check_constraints()
    assert list(Product.objects.all()) == [kept]
    assert not ImageEmbedding.objects.exists()


@pytest.mark.slow
def test_a_picture_goes_from_the_products_page(full: Product, shop: Shopkeeper) -> None:
    client, image = signed_in(staff("editor", *CATALOG)), full.images.first()
    fields = {
        "title": full.title, "sku": full.sku, "slug": full.slug, "category": full.category_id, "price": "20",
        "currency": "USD", "stock": "1", "attributes": "{}",
        "images-TOTAL_FORMS": "1", "images-INITIAL_FORMS": "1", "images-0-id": image.pk,
        "images-0-product": full.pk, "images-0-position": "0", "images-0-alt": "", "images-0-DELETE": "on",
    }  # fmt: skip
    answer = client.post(f"{PRODUCTS}{full.pk}/change/", fields)
    assert answer.status_code == 302, answer.content.decode()
    assert not ProductImage.objects.filter(pk=image.pk).exists()
    assert not ImageEmbedding.objects.filter(image=image.pk).exists()
    assert Pin.objects.count() == 2
    assert Veto.objects.count() == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "permissions", [[], ["catalog.view_product"], ["catalog.view_product", "catalog.change_product"]]
)
def test_without_the_permission_nothing_is_deleted_or_offered(full: Product, permissions: list[str]) -> None:
    client = signed_in(staff("clerk", *permissions))
    assert post(client, f"{PRODUCTS}{full.pk}/delete/").status_code == 403
    answer = selected(client, PRODUCTS, full, post="yes")
    assert answer.status_code == (200 if permissions else 403)
    assert "delete_selected" not in answer.content.decode()
    assert Product.objects.filter(pk=full.pk).exists()


@pytest.mark.slow
def test_more_than_a_request_can_delete_is_refused_with_a_remedy(
    full: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writes, "MOST_DELETED", 2)
    client = signed_in(staff("editor", *CATALOG))
    answer = selected(client, PRODUCTS, full, select_across="1", index="0")
    assert "Delete at most 2 at once. Narrow the list with a filter first." in answer.content.decode()
    assert Product.objects.count() == 3


# Categories


@pytest.fixture(params=["superuser", "catalog editor"])
def editor(request: pytest.FixtureRequest, db: None) -> Client:
    return signed_in(ROLES[request.param]())


@pytest.mark.slow
def test_a_category_goes_with_all_below_it_and_the_rules_about_them(shop: Shopkeeper, editor: Client) -> None:
    shop.category("clothes/dresses/summer")
    shop.category("clothes/shirts")
    shoes = shop.category("shoes")
    top = Category.objects.get(address="clothes")
    Rule.objects.create(effect="exclude", category=shop.category("clothes/dresses"))
    Rule.objects.create(effect="exclude", category=shoes, beside=shop.category("clothes/dresses/summer"))
    kept = Rule.objects.create(effect="exclude", category=shoes)
    page = editor.get(f"{CATEGORIES}{top.pk}/delete/").content.decode()
    assert "Summer" in page
    assert post(editor, f"{CATEGORIES}{top.pk}/delete/").status_code == 302
    connection.check_constraints()
    assert list(Category.objects.values_list("address", flat=True)) == ["shoes"]
    assert list(Rule.objects.all()) == [kept]


def test_a_category_below_another_leaves_the_tree_in_order(shop: Shopkeeper, editor: Client) -> None:
    leaf = shop.category("clothes/dresses/summer")
    assert post(editor, f"{CATEGORIES}{leaf.pk}/delete/").status_code == 302
    assert Category.objects.get(address="clothes/dresses").numchild == 0
    assert Category.objects.find_problems() == ([], [], [], [], [])


@pytest.mark.slow
def test_several_categories_go_at_once(shop: Shopkeeper, editor: Client) -> None:
    shop.category("clothes/dresses/summer")
    shop.category("shoes")
    shop.category("kept")
    rows = Category.objects.exclude(address="kept")
    assert "Are you sure" in selected(editor, CATEGORIES, *rows).content.decode()
    assert "Successfully deleted 4 categories" in selected(editor, CATEGORIES, *rows, post="yes").content.decode()
    assert list(Category.objects.values_list("address", flat=True)) == ["kept"]


@pytest.mark.slow
def test_products_keep_their_category_and_the_page_names_them(shop: Shopkeeper, editor: Client) -> None:
    for number in range(12):
        shop.product(f"Dress {number}", category="clothes/dresses", sku=f"D{number}", published=number % 2 == 0)
    top, empty = Category.objects.get(address="clothes"), shop.category("empty")
    single, address = f"{CATEGORIES}{top.pk}/delete/", CATEGORIES
    for answer, status in (
        (editor.get(single), 200), (post(editor, single), 403),
        (selected(editor, address, top, empty), 200), (selected(editor, address, top, empty, post="yes"), 200),
    ):  # fmt: skip
        page = answer.content.decode()
        assert answer.status_code == status
        assert "First move these products to another category" in page
        assert "Dress 11 (D11)" in page
        assert "… and 2 more" in page
    assert Category.objects.count() == 3
    assert Product.objects.count() == 12


def test_a_product_that_arrives_meanwhile_is_a_message_not_a_fault(
    shop: Shopkeeper, editor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    category = shop.category("clothes")

    def arrives(*_: Any) -> None:
        shop.product(category="clothes")

    monkeypatch.setattr("catalog.admin.categories.lock_tree", arrives)
    answer = editor.post(f"{CATEGORIES}{category.pk}/delete/", {"post": "yes"}, follow=True)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Still in use by products." in page
    assert "was deleted successfully" not in page
    assert Category.objects.filter(pk=category.pk).exists()


# Everything else in the admin


@pytest.mark.slow
def test_accounts_tokens_groups_and_rules_can_be_deleted_by_whoever_may(shop: Shopkeeper) -> None:
    manager = staff(
        "manager", *(f"{app}.{action}_{model}" for app, model in
                     (("auth", "user"), ("auth", "group"), ("authtoken", "tokenproxy"), ("recommendations", "rule"))
                     for action in ("view", "delete"))
    )  # fmt: skip
    for client in (signed_in(manager), signed_in(staff("boss", is_superuser=True))):
        leaver = staff("leaver", *CATALOG)
        group = Group.objects.create(name="editors")
        leaver.groups.add(group)
        Token.objects.create(user=leaver)
        signed_in(leaver).get("/admin/")
        rule = Rule.objects.create(effect="exclude", category=shop.category())
        editor = signed_in(leaver)
        assert post(editor, f"{PRODUCTS}{shop.product().pk}/delete/").status_code == 302, "leaves a line of history"
        for address in (
            f"/admin/recommendations/rule/{rule.pk}/delete/", f"/admin/auth/group/{group.pk}/delete/",
            f"/admin/authtoken/tokenproxy/{leaver.pk}/delete/", f"/admin/auth/user/{leaver.pk}/delete/",
        ):  # fmt: skip
            assert client.get(address).status_code == 200, address
            assert post(client, address).status_code == 302, address
        connection.check_constraints()
        assert not User.objects.filter(username="leaver").exists()
        assert not Group.objects.filter(name="editors").exists()
        assert (Token.objects.count(), Rule.objects.count()) == (0, 0)


@pytest.mark.slow
def test_an_account_goes_with_its_token(db: None) -> None:
    leaver = staff("leaver")
    Token.objects.create(user=leaver)
    manager = signed_in(staff("manager", "auth.view_user", "auth.delete_user"))
    assert "Successfully deleted" in selected(manager, "/admin/auth/user/", leaver, post="yes").content.decode()
    assert not Token.objects.exists()


@pytest.mark.slow
def test_what_the_shop_writes_by_itself_is_not_deleted_by_hand_and_the_page_says_why(
    full: Product, plane: EmbeddingModel, admin_client: Client
) -> None:
    check = SearchHealth.objects.create(model=plane, lowest=1.0, report={"filters": []})
    row = ImageEmbedding.objects.first()
    assert row is not None
    for name, pk, reason in (
        ("imageembedding", row.pk, "These records are created automatically"),
        ("searchhealth", check.pk, "These records are created automatically"),
        ("embeddingmodel", plane.pk, "`manage.py embedding_models`"),
    ):
        for answer in (
            admin_client.get(f"/admin/recommendations/{name}/{pk}/delete/"),
            post(admin_client, f"/admin/recommendations/{name}/{pk}/delete/"),
            admin_client.get(f"/admin/recommendations/{name}/add/"),
        ):
            assert answer.status_code == 403
            assert reason in answer.content.decode().replace("&#x27;", "'")
