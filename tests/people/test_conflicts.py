"""Two users write the same data at the same time: one succeeds, and the other gets a message that says why. Never a
500."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import Model, UniqueConstraint
from django.test import Client
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from catalog import services
from catalog.conflicts import refusal
from catalog.importing import loader
from catalog.models import Category, Product, ProductImage
from catalog.models.product import product_slug
from recommendations.models import EmbeddingModel, ImageEmbedding, Pause, Pin, Rule, Veto
from recommendations.pipeline import control
from recommendations.strips import curation
from tests.catalog.conftest import row
from tests.models import WIDE
from tests.people.staff import signed_in, staff
from tests.people.together import together
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.django_db(transaction=True)
SIX = range(6)


@pytest.fixture
def shop(transactional_db: None) -> Shopkeeper:
    return Shopkeeper()


@pytest.fixture
def boss(transactional_db: None) -> User:
    return staff("boss", is_superuser=True)


def api(user: User) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(user)
    return client


def admin(user: User) -> Client:
    client = signed_in(user)
    client.raise_request_exception = False
    return client


def product_form(shop: Shopkeeper, **fields: Any) -> dict[str, Any]:
    return {
        "title": "New dress", "sku": "NEW", "category": shop.category().pk, "price": "20", "currency": "USD",
        "stock": "1", "published": "on", "attributes": "{}",
        "images-TOTAL_FORMS": "0", "images-INITIAL_FORMS": "0", "pins-TOTAL_FORMS": "0", "pins-INITIAL_FORMS": "0",
    } | fields  # fmt: skip


# Through the API


@pytest.mark.slow
@pytest.mark.case
def test_one_new_sku_six_times_at_once_is_one_product_and_five_form_errors(shop: Shopkeeper, boss: User) -> None:
    shop.category()
    for turn in range(5):
        body = {"sku": f"NEW{turn}", "title": "New", "category": "clothes"}
        answers = together([partial(api(boss).post, "/api/v1/products/", body, format="json") for _ in SIX])
        assert Counter(answer.status_code for answer in answers) == {201: 1, 400: 5}
        for answer in answers:
            if answer.status_code == 400:
                errors = answer.json()["errors"]
                assert answer.json()["code"] == "invalid"
                assert {error["code"] for field in errors.values() for error in field} == {"unique"}
                assert set(errors) <= {"sku", "slug"}
    assert Product.objects.count() == 5


@pytest.mark.slow
def test_one_address_for_six_products_at_once_is_a_form_error(shop: Shopkeeper, boss: User) -> None:
    shop.category()
    bodies = [{"sku": f"S{n}", "slug": "same", "title": "New", "category": "clothes"} for n in SIX]
    answers = together([partial(api(boss).post, "/api/v1/products/", body, format="json") for body in bodies])
    assert Counter(answer.status_code for answer in answers) == {201: 1, 400: 5}
    assert {field for answer in answers if answer.status_code == 400 for field in answer.json()["errors"]} == {"slug"}


@pytest.mark.slow
def test_an_address_made_by_itself_that_is_taken_is_a_form_error_too(shop: Shopkeeper, boss: User) -> None:
    shop.product("Other", sku="OTHER", slug="new-dress--NEW")
    answer = api(boss).post(
        "/api/v1/products/", {"sku": "NEW", "title": "New dress", "category": "clothes"}, format="json"
    )
    assert answer.status_code == 400
    assert answer.json()["errors"] == {
        "slug": [{"message": "Product with this Slug already exists.", "code": "unique"}]
    }


@pytest.mark.slow
def test_a_sku_alone_never_looks_like_a_title_and_a_sku() -> None:
    assert product_slug("Red", "A") == "red--A"
    assert product_slug("红", "red--A") != "red--A"


@pytest.mark.slow
def test_one_picture_six_times_at_once_is_one_picture(shop: Shopkeeper, boss: User) -> None:
    product, data = shop.product(), picture(seed=1)

    def send() -> Any:
        file = SimpleUploadedFile("a.jpg", data, "image/jpeg")
        return api(boss).post(f"/api/v1/products/{product.slug}/images/", {"file": file}, format="multipart")

    answers = together([send for _ in SIX])
    counts = Counter(answer.status_code for answer in answers)
    assert counts[201] == 1
    assert set(counts) <= {201, 409, 503}, "503: no decoder was free"
    assert product.images.count() == 1
    assert send().status_code == 409
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"duplicate"}


@pytest.mark.slow
def test_a_category_that_goes_while_a_product_comes(shop: Shopkeeper, boss: User) -> None:
    for turn in range(8):
        category = shop.category(f"fleeting{turn}")
        body = {"sku": f"S{turn}", "title": "New", "category": category.address}
        created, deleted = together([
            partial(api(boss).post, "/api/v1/products/", body, format="json"),
            partial(admin(boss).post, f"/admin/catalog/category/{category.pk}/delete/", {"post": "yes"}),
        ])  # fmt: skip
        assert created.status_code in {201, 400}, created.content
        assert deleted.status_code in {302, 403}
        assert Product.objects.filter(sku=f"S{turn}").exists() == (created.status_code == 201)
        if created.status_code == 400:
            assert set(created.json()["errors"]) == {"category"}


@pytest.mark.slow
def test_a_product_deleted_while_its_picture_is_looked_at_is_404(
    shop: Shopkeeper, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = shop.product()
    store = services.store_file

    def slow(*arguments: Any) -> str:
        Product.objects.all().delete()
        return store(*arguments)

    monkeypatch.setattr(services, "store_file", slow)
    file = SimpleUploadedFile("a.jpg", picture(), "image/jpeg")
    answer = api(boss).post(f"/api/v1/products/{product.slug}/images/", {"file": file}, format="multipart")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# In the admin


@pytest.mark.slow
def test_one_new_product_six_times_at_once_comes_back_as_the_form_with_what_was_typed(
    shop: Shopkeeper, boss: User
) -> None:
    form = product_form(shop, description="Typed with care")
    answers = together([partial(admin(boss).post, "/admin/catalog/product/add/", form) for _ in SIX])
    assert Counter(answer.status_code for answer in answers) == {302: 1, 200: 5}
    for answer in answers:
        if answer.status_code == 200:
            page = answer.content.decode()
            assert "Product with this SKU already exists." in page
            assert "Typed with care" in page
            assert "was added successfully" not in page


@pytest.mark.slow
def test_what_no_field_of_the_form_was_asked_is_an_error_of_the_form(shop: Shopkeeper, boss: User) -> None:
    shop.product("Other", sku="OTHER", slug="new-dress--NEW")
    client, photo = admin(boss), SimpleUploadedFile("a.jpg", picture(), "image/jpeg")
    form = product_form(shop, description="Typed with care", new_pictures=[photo])
    answer = client.post("/admin/catalog/product/add/", form)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Product with this Slug already exists." in page
    assert "Typed with care" in page
    assert "is empty" not in page, "the picture was read again from its beginning"
    assert not ProductImage.objects.exists()


@pytest.mark.slow
def test_pictures_of_a_save_that_is_tried_again_are_whole(
    shop: Shopkeeper, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = curation.set_vetoes, []

    def refused_once(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            Product.objects.create(sku="X", title="X", category_id=0)
            connection.check_constraints()
        write(*arguments)

    monkeypatch.setattr(curation, "set_vetoes", refused_once)
    photo = SimpleUploadedFile("a.jpg", picture(), "image/jpeg")
    answer = admin(boss).post("/admin/catalog/product/add/", product_form(shop, new_pictures=[photo]))
    assert answer.status_code == 302
    assert len(calls) == 2
    assert Product.objects.get().images.count() == 1


@pytest.mark.slow
def test_categories_added_at_once_leave_a_tree_in_order(shop: Shopkeeper, boss: User) -> None:
    parent = shop.category("clothes")
    forms = [
        {"name": f"C{n}", "treebeard_position": "sorted-child", "treebeard_ref_node": parent.pk if n % 2 else ""}
        for n in SIX
    ]
    answers = together([partial(admin(boss).post, "/admin/catalog/category/add/", form) for form in forms])
    assert [answer.status_code for answer in answers] == [302] * 6
    assert Category.objects.count() == 7
    assert Category.objects.find_problems() == ([], [], [], [], [])


@pytest.mark.slow
def test_one_category_six_times_at_once_is_one_category(shop: Shopkeeper, boss: User) -> None:
    form = {"name": "Shirts", "treebeard_position": "sorted-child"}
    answers = together([partial(admin(boss).post, "/admin/catalog/category/add/", form) for _ in SIX])
    assert Counter(answer.status_code for answer in answers) == {302: 1, 200: 5}
    assert "This category already exists here" in next(
        answer.content.decode() for answer in answers if answer.status_code == 200
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "form", "model"),
    [
        ("/admin/auth/user/add/",
         {"username": "new", "usable_password": "true", "password1": "Kx82-quartz", "password2": "Kx82-quartz"}, User),
        ("/admin/auth/group/add/", {"name": "editors"}, Group),
    ],
)  # fmt: skip
def test_one_name_six_times_at_once_is_a_form_error(
    boss: User, address: str, form: dict[str, str], model: type[Model]
) -> None:
    before = model.objects.count()  # type: ignore[attr-defined]
    answers = together([partial(admin(boss).post, address, form) for _ in SIX])
    assert Counter(answer.status_code for answer in answers) == {302: 1, 200: 5}
    assert model.objects.count() == before + 1  # type: ignore[attr-defined]


@pytest.mark.slow
def test_one_token_six_times_at_once_is_a_form_error(boss: User) -> None:
    answers = together([partial(admin(boss).post, "/admin/authtoken/tokenproxy/add/", {"user": boss.pk}) for _ in SIX])
    assert Counter(answer.status_code for answer in answers) == {302: 1, 200: 5}
    assert Token.objects.count() == 1


@pytest.mark.slow
def test_one_pin_and_one_veto_six_times_at_once_are_stored_once(shop: Shopkeeper, boss: User) -> None:
    product, shown, never = (shop.product(title) for title in ("red", "shown", "never"))

    def form(which: Product, **fields: Any) -> dict[str, Any]:
        fields |= {"title": which.title, "sku": which.sku, "slug": which.slug}
        return product_form(shop, **fields)

    pin = {"pins-TOTAL_FORMS": "1", "pins-0-product": product.pk, "pins-0-shown": shown.pk, "pins-0-position": "0"}
    calls = [partial(admin(boss).post, f"/admin/catalog/product/{product.pk}/change/",
                     form(product, never_with=[never.pk], **pin)) for _ in range(4)]  # fmt: skip
    calls += [partial(admin(boss).post, f"/admin/catalog/product/{never.pk}/change/",
                      form(never, never_with=[product.pk])) for _ in range(2)]  # fmt: skip
    answers = together(calls)
    assert {answer.status_code for answer in answers} <= {200, 302}
    assert [answer.status_code for answer in answers].count(302) >= 1
    assert (Pin.objects.count(), Veto.objects.count()) == (1, 1)
    for answer in answers[:4]:
        assert answer.status_code == 302 or "pinned" in answer.content.decode()


# Commands


@pytest.fixture
def catalog(kaggle_folder: Callable[..., Path]) -> Path:
    return kaggle_folder([row(str(number)) for number in range(1, 31)])


def imported(path: Path) -> tuple[str, str]:
    out, notes = io.StringIO(), io.StringIO()
    call_command("import_catalog", path, stdout=out, stderr=notes)
    return out.getvalue(), notes.getvalue()


@pytest.mark.slow
@pytest.mark.case
def test_two_imports_of_one_catalog_at_once_both_end_well(catalog: Path, transactional_db: None) -> None:
    answers = together([partial(imported, catalog)] * 2)
    assert sorted(out.split(" products created")[0] for out, _ in answers) == ["0", "30"]
    assert "Another import is running. Waiting for it to finish…" in "".join(notes for _, notes in answers)
    assert (Product.objects.count(), ProductImage.objects.count()) == (30, 30)
    assert Category.objects.find_problems() == ([], [], [], [], [])


@pytest.mark.slow
def test_an_import_beside_the_api_and_the_admin_ends_well(catalog: Path, shop: Shopkeeper, boss: User) -> None:
    shop.category()

    def write() -> list[int]:
        found = []
        for number in range(30, 0, -3):
            body = {"sku": str(number), "title": f"Shirt {number}", "category": "clothes"}
            found.append(api(boss).post("/api/v1/products/", body, format="json").status_code)
            form = {"name": f"Extra {number}", "treebeard_position": "sorted-child"}
            found.append(admin(boss).post("/admin/catalog/category/add/", form).status_code)
        return found

    _, codes = together([partial(imported, catalog), write])
    assert set(codes) <= {201, 302, 400, 409}
    assert Product.objects.count() == 30
    assert Category.objects.find_problems() == ([], [], [], [], [])


@pytest.mark.slow
def test_an_imported_product_whose_address_is_taken_is_a_row_error(catalog: Path, shop: Shopkeeper) -> None:
    shop.product("Other", sku="OTHER", slug="shirt-7--7")
    out, notes = imported(catalog)
    assert "29 products created" in out
    assert "another product has the address shirt-7--7 [address_taken]" in notes


@pytest.mark.slow
def test_products_that_the_database_refuses_are_row_errors_and_a_later_import_takes_them(
    catalog: Path, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "STOCK", None)  # which no product may have
    out = io.StringIO()
    with pytest.raises(CommandError, match="Nothing could be imported"):
        call_command("import_catalog", catalog, "--limit", "2", stdout=out, stderr=(notes := io.StringIO()))
    assert notes.getvalue().count("This field cannot be empty. [refused]") == 2
    monkeypatch.undo()
    assert "30 products created" in imported(catalog)[0]


@pytest.mark.slow
def test_one_model_added_twice_at_once_is_one_model(wide: str, transactional_db: None) -> None:
    def add() -> tuple[str, str]:
        notes = io.StringIO()
        try:
            call_command("embedding_models", "add", wide, stdout=io.StringIO(), stderr=notes)
        except CommandError as error:
            return str(error), notes.getvalue()
        return "", notes.getvalue()

    (first, second), notes = zip(*together([add, add]), strict=True)
    assert sorted([first, second]) == ["", "These weights are here already, as model wide (draft)."]
    assert "Another process is making a model. Waiting for it to finish…" in "".join(notes)
    assert EmbeddingModel.objects.count() == 1


@pytest.mark.slow
def test_one_file_of_vectors_twice_at_once_is_stored_once(shop: Shopkeeper, tmp_path: Path) -> None:
    model = EmbeddingModel.objects.create(
        name="wide", source="file", weights_sha256="0" * 64, graph_sha256="0" * 64, state="active",
        **EmbeddingModel.fields_of(WIDE),
    )  # fmt: skip
    for number in range(5):
        shop.embedded(model, f"p{number}", [1, number, *[0] * (WIDE.dimension - 2)])
    file = tmp_path / "features.npz"
    call_command("export_embeddings", file, stdout=io.StringIO(), stderr=io.StringIO())
    ImageEmbedding.objects.all().delete()

    def load() -> None:
        call_command("import_embeddings", file, "--sample", "0", stdout=io.StringIO(), stderr=io.StringIO())

    together([load, load])
    assert ImageEmbedding.objects.filter(state="ready").count() == 5


@pytest.mark.slow
def test_two_who_pause_at_once_are_one_pause(transactional_db: None) -> None:
    together([partial(control.pause, by=str(number)) for number in SIX])
    assert Pause.objects.count() == 1


# Every constraint


#: Every unique constraint and who can violate it. A new constraint fails the test until its conflicts are covered.
REACHED = {
    "catalog.Category: address": "admin, import_catalog: under a lock of the tree",
    "catalog.Category: path": "admin, import_catalog: under a lock of the tree",
    "catalog.Product: sku": "API, admin, import_catalog",
    "catalog.Product: slug": "API, admin, import_catalog",
    "catalog.ProductImage: file": "nobody: names are generated",
    "catalog.ProductImage: product, digest": "API, admin: 'duplicate'",
    "catalog.SearchMiss: day, words": "shoppers: ON CONFLICT",
    "recommendations.EmbeddingModel: name": "embedding_models, import_embeddings: under a lock",
    "recommendations.EmbeddingModel: state": "embedding_models: under locks of all models",
    "recommendations.ImageEmbedding: image, model": "workers, import_embeddings: ON CONFLICT",
    "recommendations.Pin: product, shown": "admin",
    "recommendations.Refusal: host, model": "workers, web processes: ON CONFLICT",
    "recommendations.Renewal: model": "workers: under a lock",
    "recommendations.Veto: a, b": "admin: ON CONFLICT",
    "recommendations.StageTime: stage, le": "workers: ON CONFLICT",
    "recommendations.StagePictures: stage, outcome": "workers: ON CONFLICT",
    "recommendations.StripCount: day, model, strip, source, position": "shoppers: ON CONFLICT",
    "recommendations.Worker: name": "workers: ON CONFLICT",
    "auth.User: username": "admin, createsuperuser",
    "auth.Group: name": "admin",
    "authtoken.Token: user": "admin, drf_create_token",
}


def test_every_unique_constraint_is_known() -> None:
    found = set()
    for model in apps.get_models():
        if model._meta.proxy or model._meta.app_label not in {"catalog", "recommendations", "auth", "authtoken"}:
            continue
        label = f"{model._meta.app_label}.{model.__name__}"
        found |= {f"{label}: {field.name}" for field in model._meta.fields if field.unique and not field.primary_key}
        found |= {f"{label}: {', '.join(names)}" for names in model._meta.unique_together}
        found |= {
            f"{label}: {', '.join(each.fields)}"
            for each in model._meta.constraints
            if isinstance(each, UniqueConstraint)
        }
    assert found - {"auth.Permission: content_type, codename"} == set(REACHED)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("twice", "fields", "code", "sentence"),
    [
        (lambda s: Product.objects.create(sku="A", slug="x", title="x", category=s.category()), ("sku",), "unique",
         "Product with this SKU already exists."),
        (lambda s: Pin.objects.create(product_id=s.two[0], shown_id=s.two[1]), ("product", "shown"), "unique",
         "This product is already pinned here."),
        (lambda s: Veto.objects.create(a_id=s.two[0], b_id=s.two[1]), ("a", "b"), "unique",
         "Veto with this A and B already exists."),
        (lambda s: Rule.objects.create(effect="exclude"), (), "not_allowed",
         "Enter a category, a brand or both. A rule for every product has no effect."),
        (lambda s: Product.objects.create(sku="B", title="x", category_id=0), ("category",), "gone",
         "This category was just deleted. Choose another one."),
        (lambda s: Category.objects.filter(pk=s.category().pk)._raw_delete("default"), (), "in_use",
         "Still in use by products."),
        (lambda s: Product.objects.create(sku="C", title=None, category=s.category()), ("title",), "null",
         "This field cannot be empty."),
    ],
    ids=["sku", "pin", "veto", "check", "missing", "used", "null"],
)  # fmt: skip
def test_the_database_says_which_field_it_is(
    shop: Shopkeeper, twice: Callable[[Any], Any], fields: tuple[str, ...], code: str, sentence: str
) -> None:
    shop.two = [shop.product().pk, shop.product().pk]  # type: ignore[attr-defined]

    def both() -> None:
        for _ in range(2):
            with transaction.atomic():
                twice(shop)

    with pytest.raises(IntegrityError) as caught:
        both()
    found = refusal(caught.value)
    assert (found.fields, found.code, found.message) == (fields, code, sentence)
