from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from catalog.models import Product
from shop.requests.body_limits import FORM_BYTES
from tests.pictures import REFUSED, picture
from tests.shopkeeper import Shopkeeper


@pytest.fixture
def staff(db: None) -> APIClient:
    user = User.objects.create_user("keeper", is_staff=True)
    codes = ["add_product", "view_product", "add_productimage"]
    user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client


def upload(data: bytes, name: str = "photo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, "image/jpeg")


def post_image(client: APIClient, product: Product, data: bytes, **fields: Any) -> Any:
    return client.post(f"/api/v1/products/{product.slug}/images/", {"file": upload(data), **fields}, format="multipart")


@pytest.mark.slow
def test_anyone_may_list_published_products(shop: Shopkeeper) -> None:
    shop.product("Red dress", sku="RED", price=Decimal("10.00"), attributes={"colour": "Red"})
    shop.product("Secret", published=False)
    body = APIClient().get("/api/v1/products/").json()
    assert [entry["sku"] for entry in body["results"]] == ["RED"]
    assert body["results"][0]["price"] == "10.00"
    assert body["results"][0]["category"] == "clothes"


def test_the_list_filters_by_price_category_and_text(shop: Shopkeeper) -> None:
    shop.product("Red dress", sku="A", price=Decimal(10))
    shop.product("Red boot", sku="B", price=Decimal(99), category="footwear/boots")
    client = APIClient()

    def skus(query: str) -> list[str]:
        return [entry["sku"] for entry in client.get(f"/api/v1/products/?{query}").json()["results"]]

    assert skus("price_max=50") == ["A"]
    assert skus("category=footwear") == ["B"]
    assert sorted(skus("q=red")) == ["A", "B"]


def test_pages_follow_each_other_without_repeats(shop: Shopkeeper) -> None:
    made = {shop.product().sku for _ in range(5)}
    client, url, seen = APIClient(), "/api/v1/products/?limit=2", []
    while url:
        body = client.get(url).json()
        seen += [entry["sku"] for entry in body["results"]]
        url = body["next"]
    assert sorted(seen) == sorted(made)


def test_staff_create_a_product_and_its_picture(staff: APIClient, shop: Shopkeeper) -> None:
    shop.category("clothes/dresses")
    body = {"sku": "NEW", "title": "New dress", "category": "clothes/dresses", "price": "19.90", "stock": 3}
    created = staff.post("/api/v1/products/", body, format="json")
    assert created.status_code == 201, created.content
    assert created.json()["slug"] == "new-dress--NEW"
    product = Product.objects.get(sku="NEW")
    image = post_image(staff, product, picture(), alt="A dress")
    assert image.status_code == 201, image.content
    assert image.json()["alt"] == "A dress"
    assert product.images.count() == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"price": "-1"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"price": "123456789.00"}, "price"),
        ({"compare_at_price": "1.00", "price": "2.00"}, "compare_at_price"),
        ({"currency": "euro"}, "currency"),
        ({"currency": "VAT"}, "currency"),
        ({"category": "nowhere"}, "category"),
        ({"sku": ""}, "sku"),
        ({"attributes": [1]}, "attributes"),
    ],
)
def test_a_wrong_field_is_named(staff: APIClient, shop: Shopkeeper, fields: dict[str, Any], field: str) -> None:
    shop.category("clothes")
    body = {"sku": "NEW", "title": "New", "category": "clothes"} | fields
    response = staff.post("/api/v1/products/", body, format="json")
    assert response.status_code == 400
    assert response.json()["code"] == "invalid"
    assert field in response.json()["errors"]
    assert not Product.objects.exists()


@pytest.mark.slow
@pytest.mark.parametrize(("data", "status", "code"), REFUSED)
def test_a_refused_picture_has_a_code_and_the_product_stays_visible(
    staff: APIClient, shop: Shopkeeper, data: bytes, status: int, code: str
) -> None:
    product = shop.product()
    response = post_image(staff, product, data)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not product.images.exists()
    assert APIClient().get(f"/api/v1/products/{product.slug}/").status_code == 200


def test_a_file_above_the_byte_cap_is_refused_before_it_is_read(
    staff: APIClient, shop: Shopkeeper, settings: Any
) -> None:
    settings.IMAGE_MAX_BYTES = 1000
    response = post_image(staff, shop.product(), picture(size=(400, 400), format="PNG", seed=1) + b"\0" * 2000)
    assert (response.status_code, response.json()["code"]) == (413, "too_many_bytes")


def test_a_request_without_a_file_names_the_field(staff: APIClient, shop: Shopkeeper) -> None:
    response = staff.post(f"/api/v1/products/{shop.product().slug}/images/", {}, format="multipart")
    assert response.status_code == 400
    assert "file" in response.json()["errors"]


def test_json_to_the_picture_door_is_415(staff: APIClient, shop: Shopkeeper) -> None:
    response = staff.post(f"/api/v1/products/{shop.product().slug}/images/", {"file": "x"}, format="json")
    assert response.status_code == 415


@pytest.mark.parametrize("path", ["", "{slug}/images/"])
def test_writing_is_for_staff(shop: Shopkeeper, path: str) -> None:
    product = shop.product()
    url = "/api/v1/products/" + path.format(slug=product.slug)
    anonymous, shopper = APIClient(), APIClient()
    shopper.force_authenticate(User.objects.create_user("shopper"))
    assert anonymous.post(url).status_code == 401
    assert shopper.post(url).status_code == 403


def test_a_session_without_csrf_token_cannot_write(shop: Shopkeeper) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("keeper", is_staff=True))
    assert client.post("/api/v1/products/", {}, format="json").status_code == 403


def test_an_unknown_address_of_the_api_is_json(db: None) -> None:
    response = APIClient().get("/api/v1/nothing/")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/products/a%00b/",
        "/api/v1/products/a%00b/similar/",
        "/api/v1/products/?cursor=cD1hYmM=",
        "/api/v1/products/?price_min=1e-99999",
        "/api/v1/products/?q=%00",
        "/api/v1/products/?category=%00",
        "/c/a%00b/",
        "/search/?q=a%00b",
    ],
)
def test_senseless_addresses_are_never_a_server_error(shop: Shopkeeper, path: str) -> None:
    client = APIClient(raise_request_exception=False)
    client.cookies["sessionid"] = '"\\000aaaaaaaa"'
    assert client.get(path).status_code in {200, 400, 404}


@pytest.mark.parametrize("fields", [{"attributes": {"a\0": "x"}}, {"category": "a\0"}, {"title": "a\0"}])
def test_text_that_no_column_can_hold_is_400(staff: APIClient, shop: Shopkeeper, fields: dict[str, Any]) -> None:
    shop.category("clothes")
    staff.raise_request_exception = False
    body = {"sku": "NEW", "title": "New", "category": "clothes"} | fields
    assert staff.post("/api/v1/products/", body, format="json").status_code == 400


def test_a_full_disk_is_507_and_leaves_nothing(
    staff: APIClient, shop: Shopkeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    product = shop.product()
    monkeypatch.setattr(default_storage, "save", full)
    response = post_image(staff, product, picture())
    assert (response.status_code, response.json()["code"]) == (507, "storage_unavailable")
    assert not product.images.exists()


def test_a_request_beyond_all_bounds_is_refused_unread(staff: APIClient, settings: Any) -> None:
    settings.IMAGE_MAX_BYTES = 1000
    body = b"x" * (1000 + FORM_BYTES + 1)
    response = staff.post("/api/v1/search/image/", body, content_type="multipart/form-data; boundary=x")
    assert (response.status_code, response.json()["code"]) == (413, "too_many_bytes")


@pytest.mark.slow
def test_the_schema_and_its_page_are_public(db: None) -> None:
    schema = APIClient().get("/api/v1/schema/?format=json").json()
    assert {
        "/api/v1/products/",
        "/api/v1/products/{slug}/",
        "/api/v1/products/{slug}/images/",
        "/api/v1/products/{slug}/similar/",
        "/api/v1/search/image/",
    } <= set(schema["paths"])
    page = APIClient().get("/api/v1/docs/")
    assert page.status_code == 200
    assert b"cdn" not in page.content
