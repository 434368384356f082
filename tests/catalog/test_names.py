"""Addresses made from names, and names in the order of people."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from catalog.models import Category, Product
from catalog.models.category import category_slug
from catalog.models.slugs import slug_of
from tests.shopkeeper import Shopkeeper


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Weiße Größe", "weisse-grosse"), ("Łódź", "lodz"), ("Smørrebrød", "smorrebrod"), ("Đà Nẵng", "da-nang"),
        ("Þór Æsir", "thor-aesir"), ("Işık", "isik"), ("Œuvre", "oeuvre"), ("Straße–Weg", "strasse-weg"),
        ("Шапка", "shapka"), ("Щётка ёж", "shchetka-ezh"), ("Їжак", "izhak"), ("Παπούτσια", "papoytsia"),
        ("ΣΆΝΔΑΛΟΣ", "sandalos"), ("Red Dress", "red-dress"), ("鞋", ""),
    ],
)  # fmt: skip
def test_letters_are_written_in_ascii(name: str, slug: str) -> None:
    assert slug_of(name) == slug


def test_a_category_without_a_transcription_gets_an_address_that_no_other_name_gets() -> None:
    assert category_slug("鞋").startswith("category-")
    assert category_slug("T恤").startswith("t-")
    assert category_slug("T恤") != category_slug("T台")
    assert category_slug("Weiße") == "weisse"
    assert len(category_slug("ß鞋" * 100)) <= 100


@pytest.mark.django_db
def test_stored_addresses_do_not_change(shop: Shopkeeper) -> None:
    product = shop.product("A", category="Weiße Ware")
    Product.objects.filter(pk=product.pk).update(title="Weiße Tasse", slug="weie-tasse--A")
    Category.objects.filter(pk=product.category_id).update(slug="weie-ware", address="weie-ware")
    product.refresh_from_db()
    product.save()
    category = Category.objects.get(pk=product.category_id)
    category.save()
    assert (product.slug, category.address) == ("weie-tasse--A", "weie-ware")


@pytest.mark.slow
@pytest.mark.django_db
def test_categories_are_listed_by_name_without_case_and_accents(shop: Shopkeeper, client: Client) -> None:
    names = ["apple", "Éclair", "Fig", "mango", "Zebra"]
    for name in reversed(names):
        category = Category.objects.add_root(instance=Category(name=name))
        for below in ("b", "Ä", "C"):
            Category.objects.add_child(Category.objects.get(pk=category.pk), instance=Category(name=below))
    shop.product("A", category="apple")
    client.force_login(User.objects.create_superuser("owner"))

    def order(page: str, words: list[str]) -> bool:
        places = [page.index(f">{word}<") for word in words]
        return places == sorted(places)

    assert order(client.get("/").content.decode(), names)
    assert order(client.get("/c/fig/").content.decode(), ["Ä", "b", "C"])
    listed = client.get("/admin/catalog/category/").context["cl"].result_list
    assert [category.name for category in listed] == [each for name in names for each in (name, "Ä", "b", "C")]
    query = {"app_label": "catalog", "model_name": "product", "field_name": "category", "term": ""}
    found = client.get("/admin/autocomplete/", query).json()["results"]
    assert [each["text"] for each in found if each["text"] in names] == names
    [choices] = [
        spec.lookup_choices
        for spec in client.get("/admin/catalog/product/").context["cl"].filter_specs
        if getattr(spec, "field_path", "") == "category"
    ]
    assert [name for _, name in choices if name in names] == names
    parents = client.get("/admin/catalog/category/add/").context["adminform"].form.fields["treebeard_ref_node"].queryset
    assert [each.name for each in parents if each.depth == 1] == names
