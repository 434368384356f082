"""Role × route: the response that each role gets, for every address of the shop. An address without a row fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver
from rest_framework.authtoken.models import Token

from catalog.models import Product, SearchMiss, Synonyms
from recommendations.models import EmbeddingModel, ImageEmbedding, Pin, Rule, SearchHealth, Veto
from recommendations.strips.curation import set_vetoes
from shop.admin.groups import GROUPS
from tests.people.staff import CATALOG, MERCHANDISING, member, signed_in, staff
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

VIEWS = ["catalog.view_product", "catalog.view_category"]
ROLES: dict[str, Callable[[], User | None]] = {
    "anonymous": lambda: None,
    "shopper": lambda: staff("shopper", is_staff=False),
    "nobody": lambda: staff("nobody"),
    "clerk": lambda: staff("clerk", "catalog.view_product", "catalog.change_product"),
    "cataloguer": lambda: staff("cataloguer", *CATALOG),
    "curator": lambda: staff("curator", *VIEWS, *MERCHANDISING),
    "operator": lambda: staff(
        "operator", "recommendations.view_embeddingmodel", "recommendations.view_searchhealth",
        "recommendations.view_imageembedding", "recommendations.view_pipeline", "recommendations.change_pipeline",
    ),
    **{group.lower(): partial(member, group) for group in GROUPS},
    "boss": lambda: staff("boss", is_superuser=True),
}  # fmt: skip
ALL = frozenset(ROLES)
STAFF = ALL - {"anonymous", "shopper"}


@dataclass(frozen=True)
class Row:
    """`who` gets `ok`; others are redirected to the login or refused."""

    route: str
    method: str
    address: str
    who: frozenset[str]
    ok: int = 200
    refused: int = 403
    data: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def status(self, role: str) -> int:
        if role in self.who:
            return self.ok
        if role == "anonymous" and self.route.startswith("api/"):
            return 401 if self.refused == 403 else self.refused
        if role in {"anonymous", "shopper"} and self.route.startswith("admin/"):
            return 302
        return self.refused

    def __str__(self) -> str:
        return f"{self.method} {self.address} → {self.ok}"


# Who may view, add, change and delete what in the admin. NOBODY: only the shop itself writes these rows.
BOSS = frozenset({"owner", "boss"})
MANAGERS = BOSS | {"manager"}
VIEWERS = MANAGERS | {"viewer", "editor", "merchandiser"}
EDITORS, MERCHANDISERS = MANAGERS | {"cataloguer", "editor"}, MANAGERS | {"curator", "merchandiser"}
OPERATORS, NOBODY = MANAGERS | {"operator"}, frozenset[str]()
READ_ONLY = (VIEWERS | {"operator"}, NOBODY, NOBODY, NOBODY)
MODELS: dict[str, tuple[frozenset[str], ...]] = {
    "catalog/product": (VIEWERS | {"clerk", "cataloguer", "curator"}, EDITORS, EDITORS | {"clerk"}, EDITORS),
    "catalog/category": (VIEWERS | {"cataloguer", "curator"}, EDITORS, EDITORS, EDITORS),
    "catalog/synonyms": (VIEWERS | MERCHANDISERS, *(MERCHANDISERS,) * 3),
    "catalog/searchmiss": (VIEWERS | MERCHANDISERS, NOBODY, NOBODY, NOBODY),
    "recommendations/rule": (VIEWERS | MERCHANDISERS, *(MERCHANDISERS,) * 3),
    "auth/user": (BOSS,) * 4,
    "auth/group": (BOSS,) * 4,
    "authtoken/tokenproxy": (BOSS,) * 4,
    "recommendations/embeddingmodel": READ_ONLY,
    "recommendations/searchhealth": READ_ONLY,
    "recommendations/imageembedding": READ_ONLY,
}


def model_rows() -> Iterator[Row]:
    for model, (view, add, change, delete) in MODELS.items():
        route, one = f"admin/{model}/", f"/admin/{model}/{{{model}}}/"
        yield Row(route, "GET", f"/{route}", view)
        yield Row(f"{route}add/", "GET", f"/{route}add/", add)
        yield Row(f"{route}add/", "POST", f"/{route}add/", add)
        yield Row(f"{route}<path:object_id>/history/", "GET", f"{one}history/", view)
        yield Row(f"{route}<path:object_id>/change/", "GET", f"{one}change/", view)
        yield Row(f"{route}<path:object_id>/change/", "POST", f"{one}change/", change)
        yield Row(f"{route}<path:object_id>/delete/", "GET", f"{one}delete/", delete)
        yield Row(f"{route}<path:object_id>/delete/", "POST", f"{one}delete/", delete, 302, data={"post": "yes"})
        yield Row(f"{route}<path:object_id>/", "GET", one, STAFF, 302)  # to the change page, which asks


PIN = "app_label=recommendations&model_name=pin&field_name=shown"
RULE = "app_label=recommendations&model_name=rule&field_name=category"
SEE_PRODUCTS, SEE_CATEGORIES = MODELS["catalog/product"][0], MODELS["catalog/category"][0]
STEPS = "admin/recommendations/embeddingmodel/"
COMPARE = f"{STEPS}compare/"
MODEL_STEPS = ("bundled", "build", "activate", "dismiss")
JSON: dict[str, Any] = {"content_type": "application/json"}
SLUG = r"(?P<slug>[^/.]+)"
ROWS = [
    *model_rows(),
    # The rest of the admin
    Row("admin/", "GET", "/admin/", STAFF),
    Row("admin/login/", "GET", "/admin/login/", frozenset({"anonymous", "shopper"}), 200, 302),
    Row("admin/logout/", "POST", "/admin/logout/", STAFF),
    Row("admin/password_change/", "GET", "/admin/password_change/", STAFF),
    Row("admin/password_change/", "POST", "/admin/password_change/", STAFF),
    Row("admin/password_change/done/", "GET", "/admin/password_change/done/", STAFF),
    Row("admin/jsi18n/", "GET", "/admin/jsi18n/", STAFF),
    Row("admin/search/", "GET", "/admin/search/?s=product", STAFF),
    Row("admin/search/", "GET", "/admin/search/?s=product&page=abc&extended=1", STAFF),
    Row("admin/search/", "GET", "/admin/search/?s=product&page=99", STAFF),
    Row("admin/autocomplete/", "GET", f"/admin/autocomplete/?{PIN}", SEE_PRODUCTS),
    Row("admin/autocomplete/", "GET", f"/admin/autocomplete/?{RULE}", SEE_CATEGORIES),
    Row("admin/r/<path:content_type_id>/<path:object_id>/", "GET", "/admin/r/{type}/{secret}/", SEE_PRODUCTS, 302),
    Row("admin/auth/user/<id>/password/", "GET", "/admin/auth/user/{auth/user}/password/", BOSS),
    Row("admin/auth/user/<id>/password/", "POST", "/admin/auth/user/{auth/user}/password/", BOSS),
    Row(COMPARE, "GET", f"/{COMPARE}", READ_ONLY[0]),
    *(Row(f"{STEPS}{step}/", "POST", f"/{STEPS}{step}/", MANAGERS, 400) for step in MODEL_STEPS),
    *(Row(f"{STEPS}{step}/", "GET", f"/{STEPS}{step}/", STAFF, 405) for step in MODEL_STEPS),
    Row("admin/recommendations/pipeline/", "GET", "/admin/recommendations/pipeline/", READ_ONLY[0]),
    Row("admin/recommendations/pipeline/retry/", "POST", "/admin/recommendations/pipeline/retry/", OPERATORS, 400),
    Row("admin/recommendations/pipeline/switch/", "POST", "/admin/recommendations/pipeline/switch/", OPERATORS, 302,
        data={"to": "pause"}),
    Row("admin/^(?P<app_label>catalog|recommendations|auth|authtoken)/$", "GET", "/admin/catalog/",
        SEE_PRODUCTS | SEE_CATEGORIES, 200, 404),
    Row("admin/(?P<url>.*)$", "GET", "/admin/nothing/", STAFF, 404),
    # The API
    Row("api/v1/schema/", "GET", "/api/v1/schema/", ALL),
    Row("api/v1/docs/", "GET", "/api/v1/docs/", ALL),
    Row("api/v1/^products/$", "GET", "/api/v1/products/", ALL),
    Row("api/v1/^products/$", "POST", "/api/v1/products/", EDITORS, 400),
    Row("api/v1/^products/$", "PUT", "/api/v1/products/", ALL, 405),
    Row("api/v1/^products/$", "DELETE", "/api/v1/products/", ALL, 405),
    Row(f"api/v1/^products/{SLUG}/$", "GET", "/api/v1/products/{slug}/", ALL),
    Row(f"api/v1/^products/{SLUG}/$", "GET", "/api/v1/products/{secret slug}/", SEE_PRODUCTS, 200, 404),
    Row(f"api/v1/^products/{SLUG}/$", "PATCH", "/api/v1/products/{slug}/", ALL, 405),
    Row(f"api/v1/^products/{SLUG}/$", "DELETE", "/api/v1/products/{slug}/", ALL, 405),
    Row(f"api/v1/^products/{SLUG}/images/$", "POST", "/api/v1/products/{slug}/images/", EDITORS, 400),
    Row(f"api/v1/^products/{SLUG}/images/$", "GET", "/api/v1/products/{slug}/images/", ALL, 405),
    Row("api/v1/products/<slug:slug>/similar/", "GET", "/api/v1/products/{slug}/similar/", ALL),
    Row("api/v1/products/<slug:slug>/similar/", "GET", "/api/v1/products/{secret slug}/similar/", ALL, 404),
    Row("api/v1/products/<slug:slug>/strip/", "GET", "/api/v1/products/{slug}/strip/", ALL),
    Row("api/v1/products/<slug:slug>/strip/", "GET", "/api/v1/products/{secret slug}/strip/", ALL, 404),
    Row("api/v1/search/image/", "POST", "/api/v1/search/image/", ALL, 400),
    Row("api/v1/search/image/", "GET", "/api/v1/search/image/", ALL, 405),
    Row(r"^api(?:/(?P<unknown>(?s:.*)))?$", "GET", "/api/nothing/", ALL, 404),
    Row(r"^api(?:/(?P<unknown>(?s:.*)))?$", "POST", "/api/nothing/", ALL, 404),
    # Pages
    Row("", "GET", "/", ALL),
    Row("", "POST", "/", ALL, 405),
    Row("c/<path:address>/", "GET", "/c/clothes/", ALL),
    Row("p/<slug:slug>/", "GET", "/p/{slug}/", ALL),
    Row("p/<slug:slug>/", "GET", "/p/{secret slug}/", ALL, 404),
    Row("p/<slug:slug>/", "POST", "/p/{slug}/", ALL, 405),
    Row("search/", "GET", "/search/?q=red", ALL),
    Row("search/suggestions/", "GET", "/search/suggestions/?q=red", ALL),
    Row("search/suggestions/", "POST", "/search/suggestions/", ALL, 405),
    Row("search/photo/", "GET", "/search/photo/", ALL),
    Row("search/photo/", "POST", "/search/photo/", ALL, 400),
    Row("media/<path:name>", "GET", "/media/{file}", ALL),
    Row("media/<path:name>", "GET", "/media/models/a.onnx", ALL, 404),
    Row("search/photo/", "GET", "/search/photo/?product={slug}", ALL, 302),
    Row("saved/", "GET", "/saved/?items=1", ALL),
    Row("compare/", "GET", "/compare/", ALL),
    Row("lists/change/", "GET", "/lists/change/", ALL, 405),
    Row("lists/change/", "POST", "/lists/change/", ALL, 400),
    Row("lists/change/", "POST", "/lists/change/", ALL, 302, data={"list": "saved", "items": "1"}),
    Row("viewed/clear/", "POST", "/viewed/clear/", ALL, 302),
    Row("viewed/clear/", "GET", "/viewed/clear/", ALL, 405),
    Row("strips/seen/", "POST", "/strips/seen/", ALL, 415),
    Row("strips/seen/", "GET", "/strips/seen/", ALL, 405),
    Row("c/<path:address>.md", "GET", "/c/clothes.md", ALL),
    Row("p/<slug:slug>/similar/", "GET", "/p/{slug}/similar/", ALL),
    Row("p/<slug:slug>/similar/", "GET", "/p/{secret slug}/similar/", ALL, 404),
    Row("p/<slug:slug>/similar/", "POST", "/p/{slug}/similar/", ALL, 405),
    Row("p/<slug:slug>.md", "GET", "/p/{slug}.md", ALL),
    Row("robots.txt", "GET", "/robots.txt", ALL),
    Row("llms.txt", "GET", "/llms.txt", ALL),
    Row("sitemap.xml", "GET", "/sitemap.xml", ALL),
    Row("sitemap-<slug:kind>-<int:number>.xml", "GET", "/sitemap-other-0.xml", ALL, 404),
    Row("privacy/", "GET", "/privacy/", ALL),
    Row("accessibility/", "GET", "/accessibility/", ALL),
    Row("site.webmanifest", "GET", "/site.webmanifest", ALL),
    Row("favicon.ico", "GET", "/favicon.ico", ALL, 302),
    # Machines
    Row("healthz", "GET", "/healthz", ALL),
    Row("readyz", "GET", "/readyz", ALL),
    Row("metrics", "GET", "/metrics", ALL, 401),
    Row("metrics", "GET", "/metrics", ALL, 200, headers={"Authorization": "Bearer known"}),
]  # fmt: skip


def routes() -> set[str]:
    def walk(patterns: Any, before: str = "") -> Iterator[str]:
        for pattern in patterns:
            route = before + str(pattern.pattern)
            if isinstance(pattern, URLPattern):
                yield route
            else:
                yield from walk(pattern.url_patterns, route)

    return set(walk(get_resolver().url_patterns))


@pytest.mark.case
def test_every_address_has_a_row() -> None:
    assert routes() == {row.route for row in ROWS}


@pytest.fixture
def places(shop: Shopkeeper) -> dict[str, Any]:
    """The objects in the addresses. No model is active: this shop has no network and is ready nevertheless."""
    model = EmbeddingModel.objects.create(
        name="built", source="file", backbone="resnet50", weights_sha256="0" * 64, graph_sha256="0" * 64,
        input_size=80, fit="letterbox", pooling="avg", dimension=3, state="ready",
    )  # fmt: skip
    product, secret = shop.embedded(model, "red", [1, 0, 0]), shop.product("secret", published=False)
    image = product.images.get()
    other = User.objects.create_user("other", "other@example.com", "x")
    Token.objects.create(user=other)
    return {
        "slug": product.slug, "secret": secret.pk, "secret slug": secret.slug, "file": image.file.name,
        "type": ContentType.objects.get_for_model(Product).pk,
        "catalog/product": product.pk, "catalog/category": shop.category("empty").pk,
        "catalog/synonyms": Synonyms.objects.create(words="pants, trousers").pk,
        "catalog/searchmiss": SearchMiss.objects.create(day="2026-01-01", words="zebra").pk,
        "recommendations/rule": Rule.objects.create(effect="exclude", brand="Kestrel").pk,
        "recommendations/embeddingmodel": model.pk,
        "recommendations/imageembedding": ImageEmbedding.objects.get().pk,
        "recommendations/searchhealth": SearchHealth.objects.create(
            model=model, lowest=1.0, report={"filters": []}).pk,
        "auth/user": other.pk, "authtoken/tokenproxy": other.pk, "auth/group": Group.objects.create(name="g").pk,
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_what_its_row_says(role: str, places: dict[str, Any], settings: Any) -> None:
    settings.METRICS_TOKEN = "known"
    user = ROLES[role]()
    wrong = []
    for row in ROWS:
        address = row.address.format_map(places)
        client = signed_in(user)
        client.raise_request_exception = False
        with transaction.atomic():
            answer = client.generic(row.method, address, headers=row.headers) if row.method != "POST" else client.post(
                address, row.data, headers=row.headers, **JSON if row.route == "api/v1/^products/$" else {}
            )  # fmt: skip
            if row.method == "GET":
                answer.content if not answer.streaming else b"".join(answer.streaming_content)
            transaction.set_rollback(True)
        if answer.status_code != row.status(role):
            wrong.append((str(row), answer.status_code, "expected", row.status(role)))
        sent_away = answer.status_code == 302 and "/admin/login/" in answer["Location"]
        if row.route.startswith("admin/") and row.status(role) == 302 and role not in row.who and role not in STAFF:
            assert sent_away or address in {"/admin/logout/"}, row
    assert not wrong


# The API


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.parametrize(
    ("permissions", "fields", "product", "image"),
    [
        ([], {}, 403, 403),
        (["catalog.add_product"], {}, 201, 403),
        (["catalog.add_productimage"], {}, 403, 201),
        (["catalog.change_product", "catalog.view_product", "catalog.delete_product"], {}, 403, 403),
        (["catalog.add_product", "catalog.add_productimage"], {}, 201, 201),
        (["catalog.add_product", "catalog.add_productimage"], {"is_staff": False}, 403, 403),
        ([], {"is_superuser": True}, 201, 201),
        ([], {"is_superuser": True, "is_staff": False}, 403, 403),
        ([], {"is_superuser": True, "is_active": False}, 401, 401),
    ],
)
def test_the_api_asks_the_permission_of_what_it_writes(
    shop: Shopkeeper, permissions: list[str], fields: dict[str, bool], product: int, image: int
) -> None:
    shown = shop.product()
    key = Token.objects.create(user=staff("writer", *permissions, **fields)).key
    client = Client(headers={"Authorization": f"Token {key}"})
    body = {"sku": "NEW", "title": "New", "category": "clothes"}
    assert client.post("/api/v1/products/", body, content_type="application/json").status_code == product
    assert Product.objects.filter(sku="NEW").exists() == (product == 201)
    file = SimpleUploadedFile("a.jpg", picture(), "image/jpeg")
    assert client.post(f"/api/v1/products/{shown.slug}/images/", {"file": file}).status_code == image


@pytest.mark.slow
def test_unpublished_products_are_listed_for_those_who_may_see_products(shop: Shopkeeper) -> None:
    shop.product("secret", published=False, sku="SECRET")
    for permissions, seen in (([], 0), (["catalog.view_product"], 1), (["catalog.change_product"], 1)):
        client = signed_in(staff(f"reader{len(permissions)}{seen}{permissions}", *permissions))
        assert len(client.get("/api/v1/products/").json()["results"]) == seen
    shopper = staff("shopper", "catalog.view_product", is_staff=False)
    assert signed_in(shopper).get("/api/v1/products/").json()["results"] == []


# The product's form offers fields of other models only to users who may write those models


PICTURES, NEVER, PINS, SEEN = 'name="new_pictures"', 'name="never_with"', 'name="pins-TOTAL_FORMS"', "Never shown with"
CHANGE = ["catalog.view_product", "catalog.change_product"]


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.parametrize(
    ("permissions", "offered"),
    [
        (["catalog.view_product"], set()),
        (CHANGE, set()),
        ([*CHANGE, "catalog.add_productimage"], {PICTURES}),
        ([*CHANGE, "catalog.view_productimage"], set()),
        (["catalog.view_product", "catalog.add_productimage"], set()),
        ([*CHANGE, "recommendations.view_veto"], {SEEN}),
        (["catalog.view_product", "recommendations.add_veto"], {SEEN}),
        ([*CHANGE, "recommendations.add_veto"], {SEEN, NEVER}),
        ([*CHANGE, "recommendations.delete_veto"], {SEEN, NEVER}),
        ([*CHANGE, "recommendations.view_pin"], {PINS}),
        ([*CHANGE, "recommendations.add_pin"], {PINS}),
        ([*CHANGE, "catalog.add_productimage", *MERCHANDISING], {PICTURES, SEEN, NEVER, PINS}),
    ],
)
def test_the_form_offers_what_the_user_may_write(shop: Shopkeeper, permissions: list[str], offered: set[str]) -> None:
    product = shop.product()
    set_vetoes(product, [shop.product("enemy")])
    answer = signed_in(staff("user", *permissions)).get(f"/admin/catalog/product/{product.pk}/change/")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert {part for part in (PICTURES, NEVER, PINS, SEEN) if part in page} == offered


@pytest.mark.slow
def test_whoever_adds_pictures_sees_them(shop: Shopkeeper) -> None:
    product = shop.product()
    image = shop.image(product)
    client = signed_in(staff("user", *CHANGE, "catalog.add_productimage"))
    page = client.get(f"/admin/catalog/product/{product.pk}/change/").content.decode()
    assert image.file.url in page
    assert "images-0-DELETE" not in page


def product_fields(product: Product, **fields: Any) -> dict[str, Any]:
    return {
        "title": "Renamed", "sku": product.sku, "slug": product.slug, "category": product.category_id, "price": "20",
        "currency": "USD", "stock": "1", "published": "on", "attributes": "{}",
        "images-TOTAL_FORMS": "0", "images-INITIAL_FORMS": "0", "pins-TOTAL_FORMS": "0", "pins-INITIAL_FORMS": "0",
    } | fields  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("permissions", [CHANGE, [*CHANGE, "recommendations.view_veto", "recommendations.view_pin",
                                                  "catalog.view_productimage"]])  # fmt: skip
def test_what_a_clerk_sends_for_fields_that_she_was_not_offered_changes_nothing(
    shop: Shopkeeper, permissions: list[str]
) -> None:
    product, enemy, friend = shop.product(), shop.product("enemy"), shop.product("friend")
    set_vetoes(product, [enemy])
    sent = product_fields(
        product,
        new_pictures=[SimpleUploadedFile("a.jpg", picture(), "image/jpeg")],
        never_with=[friend.pk],
        **{"pins-TOTAL_FORMS": "1", "pins-0-product": product.pk, "pins-0-shown": friend.pk, "pins-0-position": "0"},
    )
    answer = signed_in(staff("clerk", *permissions)).post(f"/admin/catalog/product/{product.pk}/change/", sent)
    assert answer.status_code == 302
    product.refresh_from_db()
    assert product.title == "Renamed"
    assert list(Veto.objects.values_list("a", "b")) == [(product.pk, enemy.pk)]
    assert (Pin.objects.count(), product.images.count()) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "before", "after", "status"),
    [
        ("add", ["a"], ["a", "b"], 302), ("add", ["a"], ["b"], 200), ("add", ["a"], [], 200),
        ("add", ["a"], ["a"], 302),
        ("delete", ["a"], [], 302), ("delete", ["a"], ["a", "b"], 200), ("delete", ["a"], ["a"], 302),
    ],
)  # fmt: skip
def test_the_list_of_vetoes_grows_and_shrinks_by_the_permission_for_it(
    shop: Shopkeeper, action: str, before: list[str], after: list[str], status: int
) -> None:
    product, others = shop.product(), {title: shop.product(title) for title in "ab"}
    set_vetoes(product, [others[title] for title in before])
    client = signed_in(staff("user", *CHANGE, f"recommendations.{action}_veto"))
    sent = product_fields(product, never_with=[others[title].pk for title in after])
    assert client.post(f"/admin/catalog/product/{product.pk}/change/", sent).status_code == status
    assert Veto.objects.count() == len(after if status == 302 else before)


# Lists and their actions


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "permissions", "offered"),
    [
        ("catalog/product", ["catalog.view_product"], set()),
        ("catalog/product", ["catalog.view_product", "catalog.delete_product"], {"delete_selected"}),
        ("catalog/category", ["catalog.view_category"], set()),
        ("catalog/category", ["catalog.view_category", "catalog.delete_category"], {"delete_selected"}),
        ("recommendations/rule", ["recommendations.view_rule"], set()),
        ("recommendations/rule", ["recommendations.view_rule", "recommendations.delete_rule"], {"delete_selected"}),
        ("recommendations/imageembedding", ["recommendations.view_imageembedding"], set()),
        ("recommendations/imageembedding",
         ["recommendations.view_imageembedding", "recommendations.delete_imageembedding"], set()),
        ("recommendations/imageembedding",
         ["recommendations.view_imageembedding", "recommendations.change_pipeline"], {"retry"}),
        ("auth/user", ["auth.view_user"], set()),
        ("auth/group", ["auth.view_group", "auth.delete_group"], {"delete_selected"}),
    ],
)  # fmt: skip
def test_actions_are_offered_and_done_by_permission(
    places: dict[str, Any], model: str, permissions: list[str], offered: set[str]
) -> None:
    client = signed_in(staff("user", *permissions))
    page = client.get(f"/admin/{model}/").content.decode()
    assert {action for action in ("delete_selected", "retry") if f'value="{action}"' in page} == offered
    row = Product.objects.get(pk=places["catalog/product"])
    for action in {"delete_selected", "retry"} - offered:
        sent = {"action": action, "_selected_action": [places[model]], "post": "yes"}
        client.post(f"/admin/{model}/", sent)
    row.refresh_from_db()
    assert ImageEmbedding.objects.get().state == "ready"
    assert Rule.objects.exists()
    assert Group.objects.filter(name="g").exists()


@pytest.mark.slow
def test_the_pipelines_page_links_to_what_the_user_may_open(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    for _ in range(9):
        image = shop.image(shop.product())
        ImageEmbedding.objects.create(
            image=image, model=plane, digest=image.digest, state="failed", error_code="corrupt", error="Damaged."
        )
    product, rows = "/admin/catalog/product/", "/admin/recommendations/imageembedding/?"
    links: tuple[tuple[list[str], set[str]], ...] = (
        ([], set()), (["catalog.view_product"], {product}), (["recommendations.view_imageembedding"], {rows}),
    )  # fmt: skip
    for number, (permissions, shown) in enumerate(links):
        client = signed_in(staff(f"user{number}", "recommendations.view_pipeline", *permissions))
        page = client.get("/admin/recommendations/pipeline/").content.decode().split('id="pipeline-failures"')[1]
        assert {link for link in (product, rows) if f'href="{link}' in page} == shown
        assert "/pipeline/retry/" not in page


def test_the_admins_search_finds_no_models_that_the_user_may_not_see(shop: Shopkeeper) -> None:
    for user, seen in ((staff("nobody"), False), (staff("clerk", *CHANGE), True)):
        page = signed_in(user).get("/admin/search/?s=product").content.decode()
        assert ("/admin/catalog/product/" in page) == seen


def test_a_refusal_says_why(shop: Shopkeeper) -> None:
    answer = signed_in(staff("nobody")).get("/admin/catalog/product/")
    assert answer.status_code == 403
    assert "does not have permission" in answer.content.decode()
