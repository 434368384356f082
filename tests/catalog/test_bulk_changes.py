"""One change to many products: what is planned, what is stored, and what the admin's page does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from catalog.bulk_changes import Change, ChangedSince, NewPrice, plan, store
from catalog.models import Product
from catalog.search.finding import find
from tests.people.staff import member, signed_in, staff
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.django_db
LIST = "/admin/catalog/product/"


def priced(price: str | None, former: str | None = None, currency: str = "USD") -> Product:
    return Product(
        sku="A", title="A", currency=currency, attributes={},
        price=price and Decimal(price), compare_at_price=former and Decimal(former),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("price", "percent", "ending", "expected"),
    [
        ("10.00", "-20", None, "8.00"),
        ("9.99", "10", None, "10.99"),
        ("10.05", "-50", None, "5.03"),
        ("10.00", "-20", "0.99", "7.99"),
        ("10.60", "0", "0.99", "10.99"),
        ("10.40", "0", "0.99", "9.99"),
        ("0.20", "0", "0.99", "0.99"),
        ("24.60", "0", "0.00", "25.00"),
        (None, "-20", None, None),
    ],
)
def test_a_percentage_and_its_rounding(price: str | None, percent: str, ending: str | None, expected: str) -> None:
    product = priced(price)
    Change(price=NewPrice(Decimal(percent), ending=ending and Decimal(ending))).apply(product)  # type: ignore[arg-type]
    assert product.price == (expected and Decimal(expected))


def test_a_currency_without_cents_keeps_none() -> None:
    product = priced("1999", currency="JPY")
    Change(price=NewPrice(Decimal(-15), ending=Decimal("0.99"))).apply(product)
    assert product.price == Decimal(1699)


@pytest.mark.parametrize(
    ("price", "former", "percent", "keep", "expected"),
    [
        ("10.00", None, "-20", True, "10.00"),
        ("10.00", "12.00", "-20", True, "12.00"),  # the highest of them
        ("10.00", "12.00", "-20", False, "12.00"),
        ("10.00", None, "-20", False, None),
        ("10.00", None, "20", True, None),
        ("10.00", "11.00", "20", False, None),  # it would be below the price
    ],
)
def test_the_former_price(price: str, former: str | None, percent: str, keep: bool, expected: str | None) -> None:
    product = priced(price, former)
    Change(price=NewPrice(Decimal(percent), keep_former=keep)).apply(product)
    assert product.compare_at_price == (expected and Decimal(expected))


def test_a_plan_tells_changed_unchanged_and_refused_ones(shop: Shopkeeper) -> None:
    shop.product("A", price=Decimal(10))
    shop.product("B", price=Decimal(8))
    shop.product("C", price=Decimal(10), currency="JPY")
    made = plan(Change(price=NewPrice(amount=Decimal("8.50"))), Product.objects.order_by("pk"))
    assert [each.product.title for each in made.changed] == ["A", "B"]
    assert [(each.product.title, each.refused) for each in made.refused] == [("C", "Amounts in JPY have no decimals.")]
    assert Product.objects.get(title="A").price == 10  # a plan stores nothing
    assert plan(Change(stock=shop.product("D").stock), Product.objects.filter(title="D")).unchanged == 1


def test_what_is_stored_is_found_by_its_new_words(shop: Shopkeeper) -> None:
    product = shop.product("Kite", attributes={"colour": "Red", "form": "Diamond"})
    change = Change(attribute=("colour", "Turquoise"), published=True)
    chosen = Product.objects.filter(pk=product.pk)
    store(change, chosen, plan(change, chosen).digest)
    product.refresh_from_db()
    assert product.attributes == {"colour": "Turquoise", "form": "Diamond"}
    assert list(find("turquoise", Product.objects.all()).ids) == [product.pk]
    removal = Change(attribute=("colour", ""))
    store(removal, chosen, plan(removal, chosen).digest)
    product.refresh_from_db()
    assert product.attributes == {"form": "Diamond"}


def test_nothing_is_stored_once_a_product_has_changed(shop: Shopkeeper) -> None:
    product = shop.product(price=Decimal(10))
    chosen = Product.objects.filter(pk=product.pk)
    change = Change(price=NewPrice(Decimal(-20)))
    digest = plan(change, chosen).digest
    chosen.update(price=Decimal(20))
    with pytest.raises(ChangedSince):
        store(change, chosen, digest)
    product.refresh_from_db()
    assert product.price == 20


# The page


def sent(products: list[Product], change: str = "", **fields: Any) -> dict[str, Any]:
    return {
        "action": "change_selected", "_selected_action": [product.pk for product in products],
        **({"change": change} if change else {}), **fields,
    }  # fmt: skip


@pytest.mark.slow
def test_form_plan_and_change(shop: Shopkeeper) -> None:
    client = signed_in(member("Editor"))
    products = [shop.product(name, price=Decimal(10)) for name in "ABC"]
    page = client.post(LIST, sent(products))
    assert "3 products are selected" in page.content.decode()
    fields = {"price": "percent", "number": "-20", "ending": "0.99", "keep_former": "on", "published": "no"}
    page = client.post(LIST, sent(products, "plan", **fields))
    assert page.context["plan"].changed
    assert "$7.99" in page.content.decode()
    assert set(Product.objects.values_list("price", flat=True)) == {Decimal(10)}
    digest = page.context["plan"].digest
    back = client.post(LIST, sent(products, "form", **fields))
    assert back.context["form"]["number"].value() == "-20"
    assert "bulk-error" not in back.content.decode().partition("bulk-form")[2]
    answer = client.post(LIST, sent(products, "store", digest=digest, **fields), follow=True)
    assert "3 products were changed." in answer.content.decode()
    rows = Product.objects.values_list("price", "compare_at_price", "published")
    assert set(rows) == {(Decimal("7.99"), Decimal(10), False)}
    history = LogEntry.objects.filter(object_id=str(products[0].pk)).get().get_change_message()
    assert history == "Published: Yes → No; Price: $10.00 → $7.99; Former price: – → $10.00"


@pytest.mark.slow
def test_a_plan_that_no_longer_holds_is_shown_again(shop: Shopkeeper) -> None:
    client = signed_in(member("Editor"))
    product = shop.product(price=Decimal(10))
    fields = {"price": "percent", "number": "-20"}
    digest = client.post(LIST, sent([product], "plan", **fields)).context["plan"].digest
    Product.objects.update(price=Decimal(30))
    page = client.post(LIST, sent([product], "store", digest=digest, **fields))
    assert "have changed in the meantime" in page.content.decode()
    assert "$24.00" in page.content.decode()
    assert Product.objects.get().price == 30


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Nothing to change yet."),
        ({"price": "percent"}, "Enter a number."),
        ({"number": "5"}, "Choose whether this is a percentage or the new price."),
        ({"price": "percent", "number": "-100"}, "A price can fall by less than 100 percent."),
        ({"price": "amount", "number": "-1"}, "A price cannot be negative."),
        ({"price": "amount", "number": "NaN"}, "Enter a number."),
        ({"text": "red"}, "Enter the name of the attribute."),
        ({"stock": "-1"}, "greater than or equal to 0"),
        ({"category": "999999"}, "Select a valid choice"),
        ({"category": "%00"}, "Select a valid choice"),
        ({"published": "maybe"}, "Select a valid choice"),
    ],
)
def test_what_the_form_refuses(shop: Shopkeeper, fields: dict[str, str], said: str) -> None:
    product = shop.product()
    page = signed_in(member("Editor")).post(LIST, sent([product], "plan", **fields))
    assert page.status_code == 200
    assert page.context["plan"] is None
    assert said in page.content.decode()


@pytest.mark.slow
def test_a_whole_list_is_limited_and_filters_hold(shop: Shopkeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    client = signed_in(member("Editor"))
    products = [shop.product(name, published=name != "C") for name in "ABC"]
    across = sent(products[:1], "plan", select_across="1", stock="77")
    page = client.post(f"{LIST}?published__exact=1", across)
    assert len(page.context["plan"].changed) == 2
    monkeypatch.setattr("catalog.admin.bulk_page.MOST", 2)
    answer = client.post(LIST, across, follow=True)
    assert "Change at most 2 products at once." in answer.content.decode()
    assert not Product.objects.filter(stock=77).exists()


@pytest.mark.slow
def test_viewers_are_not_offered_it_and_cannot_send_it(shop: Shopkeeper) -> None:
    product = shop.product(stock=3)
    viewer: Client = signed_in(member("Viewer"))
    assert "change_selected" not in viewer.get(LIST).content.decode()
    viewer.post(LIST, sent([product], "store", stock="77"))
    product.refresh_from_db()
    assert product.stock == 3
    clerk = signed_in(staff("clerk", "catalog.view_product", "catalog.change_product"))
    assert "change_selected" in clerk.get(LIST).content.decode()
