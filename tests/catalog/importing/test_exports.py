"""Whole exports of WooCommerce and Shopify: variants, parents and rows with only a picture."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from catalog.models import Product
from tests.catalog.importing.tables import Write, png, refused, run

pytestmark = pytest.mark.django_db

WOOCOMMERCE = (
    "ID", "Type", "SKU", "GTIN, UPC, EAN, or ISBN", "Name", "Published", "Is featured?", "Visibility in catalog",
    "Short description", "Description", "Date sale price starts", "Date sale price ends", "Tax status", "Tax class",
    "In stock?", "Stock", "Low stock amount", "Backorders allowed?", "Sold individually?", "Weight (kg)",
    "Length (cm)", "Width (cm)", "Height (cm)", "Allow customer reviews?", "Purchase note", "Sale price",
    "Regular price", "Categories", "Tags", "Shipping class", "Images", "Download limit", "Download expiry days",
    "Parent", "Grouped products", "Upsells", "Cross-sells", "External URL", "Button text", "Position", "Brands",
    "Attribute 1 name", "Attribute 1 value(s)", "Attribute 1 visible", "Attribute 1 global", "Attribute 2 name",
    "Attribute 2 value(s)", "Attribute 2 visible", "Attribute 2 global", "Meta: _wpcom_is_markdown",
    "Meta: _wc_cog_cost",
)  # fmt: skip
SHOPIFY = (
    "Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published", "Option1 Name",
    "Option1 Value", "Option1 Linked To", "Option2 Name", "Option2 Value", "Option2 Linked To", "Option3 Name",
    "Option3 Value", "Variant SKU", "Variant Grams", "Variant Inventory Tracker", "Variant Inventory Qty",
    "Variant Inventory Policy", "Variant Fulfillment Service", "Variant Price", "Variant Compare At Price",
    "Variant Requires Shipping", "Variant Taxable", "Variant Barcode", "Image Src", "Image Position",
    "Image Alt Text", "Gift Card", "SEO Title", "SEO Description", "Google Shopping / Gender", "Variant Image",
    "Variant Weight Unit", "Variant Tax Code", "Cost per item", "Included / United States", "Price / International",
    "Status",
)  # fmt: skip
NEW_SHOPIFY = (
    "Title", "URL handle", "Description", "Vendor", "Product category", "Type", "Tags", "Published on online store",
    "Status", "SKU", "Barcode", "Option1 name", "Option1 value", "Price", "Compare-at price", "Cost per item",
    "Charge tax", "Tax code", "Unit price total measure", "Inventory tracker", "Inventory quantity",
    "Continue selling when out of stock", "Weight value (grams)", "Weight unit for display", "Requires shipping",
    "Fulfillment service", "Product image URL", "Image position", "Image alt text", "Variant image URL", "Gift card",
    "SEO title", "SEO description",
)  # fmt: skip
FILES = {name: png(number) for number, name in enumerate(("coat.png", "back.png", "blue.png", "bag.png"))}
CDN = "https://cdn.shop.example/files/"


def cells(header: tuple[str, ...], row: Mapping[str, str]) -> tuple[str, ...]:
    assert set(row) <= set(header)
    return tuple(row.get(name, "") for name in header)


def pictures(product: Product) -> int:
    return product.images.count()


@pytest.fixture
def woocommerce(table: Write) -> tuple[str, str]:
    rows = [
        {"ID": "10", "Type": "variable", "SKU": "COAT", "Name": "Coat", "Published": "1", "In stock?": "1",
         "Description": "Warm.", "Categories": "Clothing, Clothing > Coats > Long, Sale", "Brands": "Acme, Other",
         "Images": f"{CDN}coat.png, {CDN}back.png", "Tags": "winter, wool", "Tax status": "taxable",
         "Attribute 1 name": "Colour", "Attribute 1 value(s)": "Red, Blue", "Attribute 1 visible": "1",
         "Attribute 2 name": "Material", "Attribute 2 value(s)": "Wool", "Attribute 2 visible": "1"},
        {"ID": "11", "Type": "variation", "SKU": "COAT-R", "Name": "Coat - Red", "Published": "1", "Stock": "2",
         "In stock?": "1", "Regular price": "90", "Parent": "COAT", "Attribute 1 name": "Colour",
         "Attribute 1 value(s)": "Red"},
        {"ID": "12", "Type": "variation", "Name": "Coat - Blue", "Published": "1", "Stock": "-2", "In stock?": "1",
         "Regular price": "95", "Sale price": "80", "Parent": "id:10", "Images": f"{CDN}blue.png",
         "Attribute 1 name": "Colour", "Attribute 1 value(s)": "Blue"},
        {"ID": "20", "Type": "simple, virtual", "SKU": "BAG", "Name": "Bag", "Published": "-1", "In stock?": "1",
         "Stock": "1", "Regular price": "20", "Categories": "Bags", "Images": "bag.png", "Short description": "Big.",
         "Attribute 1 name": "Vendor code", "Attribute 1 value(s)": "X", "Attribute 1 visible": "0",
         "Meta: _wc_cog_cost": "9"},
        {"ID": "30", "Type": "grouped", "SKU": "SET", "Name": "Set", "Published": "1", "Categories": "Clothing",
         "Images": "coat.png", "Grouped products": "BAG, COAT"},
    ]  # fmt: skip
    return run(table(*(cells(WOOCOMMERCE, row) for row in rows), header=WOOCOMMERCE, files=FILES))


@pytest.mark.slow
def test_variations_of_woocommerce_are_products_of_one_group(woocommerce: tuple[str, str]) -> None:
    made = {product.sku: product for product in Product.objects.all()}
    assert sorted(made) == ["BAG", "COAT-12", "COAT-R"]
    red, blue, bag = made["COAT-R"], made["COAT-12"], made["BAG"]
    assert [(each.title, each.price, each.stock) for each in (red, blue)] == [
        ("Coat - Red", 90, 2),
        ("Coat - Blue", 80, 0),
    ]
    assert [pictures(each) for each in (red, blue, bag)] == [2, 1, 1]
    for each, colour in ((red, "Red"), (blue, "Blue")):
        assert (each.category.trail[-1].name, each.brand, each.description) == ("Long", "Acme", "Warm.")
        assert each.attributes == {"style": "COAT", "colour": colour, "material": "Wool", "tags": "winter, wool"}
        assert each.published
    assert (bag.published, bag.description, bag.attributes) == (False, "Big.", {})


def test_rows_that_complete_others_are_counted(woocommerce: tuple[str, str]) -> None:
    out, err = woocommerce
    assert "5 rows: 3 created, 0 changed, 0 unchanged, 0 refused, 2 with parts of other products." in out
    assert "WooCommerce's export: variations are products of one group." in err
    assert "[oversold]" in err
    assert "Vendor code" not in err, "it is not visible"


def test_a_variable_product_without_variations_stays(table: Write) -> None:
    row = {"ID": "1", "Type": "variable", "SKU": "A", "Name": "Coat", "Published": "1", "Images": "coat.png",
           "Categories": "Coats"}  # fmt: skip
    run(table(cells(WOOCOMMERCE, row), header=WOOCOMMERCE, files=FILES))
    assert Product.objects.get().sku == "A"


def test_variants_of_shopify_have_what_their_product_has(table: Write) -> None:
    first = {"Handle": "coat", "Title": "Coat", "Body (HTML)": "Warm.", "Vendor": "Acme", "Type": "Coats",
             "Published": "true", "Option1 Name": "Color", "Option2 Name": "Size", "Option3 Name": "Material",
             "Status": "active"}  # fmt: skip
    rows = [
        first | {"Option1 Value": "Red", "Option2 Value": "M", "Option3 Value": "Wool", "Variant SKU": "R-M",
                 "Variant Price": "90", "Variant Inventory Qty": "3", "Image Src": f"{CDN}coat.png?v=17",
                 "Image Position": "1", "Image Alt Text": "A red coat", "Cost per item": "40", "Gift Card": "false"},
        {"Handle": "coat", "Option1 Value": "Blue", "Option2 Value": "L", "Option3 Value": "Wool",
         "Variant Price": "95", "Variant Inventory Qty": "-1", "Image Src": f"{CDN}back.png?v=17",
         "Image Position": "2", "Variant Image": f"{CDN}blue.png?v=17"},
        {"Handle": "coat", "Image Src": f"{CDN}blue.png?v=17", "Image Position": "3", "Image Alt Text": "A blue coat"},
        {"Handle": "bag", "Title": "Bag", "Published": "true", "Status": "draft", "Option1 Name": "Title",
         "Option1 Value": "Default Title", "Variant SKU": "'007", "Variant Price": "20", "Image Src": "bag.png"},
    ]  # fmt: skip
    out, err = run(table(*(cells(SHOPIFY, row) for row in rows), header=SHOPIFY, files=FILES))
    made = {product.title + product.size: product for product in Product.objects.all()}
    red, blue, bag = made["CoatM"], made["CoatL"], made["Bag"]
    assert (red.sku, blue.sku) == ("R-M", "coat-blue-l-wool")
    for each, colour in ((red, "Red"), (blue, "Blue")):
        assert (each.brand, each.category.name, each.description, each.published) == ("Acme", "Coats", "Warm.", True)
        assert each.attributes == {"style": "coat", "colour": colour, "material": "Wool"}
    assert [(each.price, each.stock) for each in (red, blue)] == [(90, 3), (95, 0)]
    assert [image.alt for image in red.images.all()] == ["A red coat", ""]
    assert [image.alt for image in blue.images.all()] == ["A blue coat"]
    assert (bag.published, bag.attributes) == (False, {"style": "bag"})
    assert "4 rows: 3 created, 0 changed, 0 unchanged, 0 refused, 1 with parts of other products." in out
    assert "Left out, because they look internal: Cost per item." in err


def test_the_new_template_of_shopify_is_known(table: Write) -> None:
    row = {"Title": "Coat", "URL handle": "coat", "Description": "Warm.", "Vendor": "Acme", "Type": "Coats",
           "Published on online store": "TRUE", "Status": "Active", "SKU": "A1", "Option1 name": "Size",
           "Option1 value": "M", "Price": "90", "Compare-at price": "100", "Inventory quantity": "3",
           "Product image URL": f"{CDN}coat.png", "Image position": "1"}  # fmt: skip
    more = {"URL handle": "coat", "SKU": "A2", "Option1 value": "L", "Price": "91", "Inventory quantity": "0"}
    run(table(cells(NEW_SHOPIFY, row), cells(NEW_SHOPIFY, more), header=NEW_SHOPIFY, files=FILES))
    made = {product.sku: product for product in Product.objects.all()}
    assert [(each.title, each.size, each.price, each.stock, each.compare_at_price, pictures(each), each.published)
            for each in (made["A1"], made["A2"])] == [
        ("Coat", "M", 90, 3, 100, 1, True), ("Coat", "L", 91, 0, None, 1, True),
    ]  # fmt: skip


def test_options_of_any_name_are_attributes(table: Write) -> None:
    rows = [
        {"Handle": f"p{number}", "Title": "Coat", "Variant SKU": f"P{number}", "Option1 Name": name,
         "Option1 Value": "X", "Image Src": "coat.png"}
        for number, name in enumerate(("Color", "Colour", "Farbe", "Style", "Type", "Price", "Vendor", "Größe"))
    ]  # fmt: skip
    run(table(*(cells(SHOPIFY, row) for row in rows), header=SHOPIFY, files=FILES))
    made = {product.sku: product for product in Product.objects.all()}
    found = [{key: value for key, value in made[f"P{n}"].attributes.items() if value == "X"} for n in range(8)]
    assert found == [{"colour": "X"}] * 3 + [{"style_option": "X"}, {"type_option": "X"}, {"price_option": "X"}] + [
        {"vendor_option": "X"}, {}
    ]  # fmt: skip
    assert made["P7"].size == "X"


def test_damaged_rows_of_an_export_are_refused(table: Write) -> None:
    good = cells(WOOCOMMERCE, {"Type": "simple", "SKU": "A", "Name": "Coat", "Images": "coat.png", "Published": "1"})
    out, err = run(table(good, good[:-3], (*good, "more"), (*good[:2], "B", *good[3:], ""), header=WOOCOMMERCE))
    assert "4 rows: 2 created, 0 changed, 0 unchanged, 2 refused." in out
    assert err.count("[bad_columns]") == 2


@pytest.mark.parametrize(
    ("cell", "count"),
    [
        (f"{CDN}coat.png", 1), (f"{CDN}coat.PNG?width=800#x", 1), (f"{CDN}coat.png,{CDN}back.png", 2),
        (f"{CDN}coat.png | {CDN}back.png", 2), (f"{CDN}coat.png; {CDN}bl%75e.png", 2),
    ],
)  # fmt: skip
def test_a_web_address_is_the_file_of_its_name(table: Write, cell: str, count: int) -> None:
    run(table(("A1", "Coat", cell), files=FILES))
    assert pictures(Product.objects.get()) == count


def test_a_web_address_without_a_file_is_refused(table: Write) -> None:
    _, err = run(table(("A1", "Coat", f"{CDN}hat.png"), ("A2", "Bag", "bag.png"), files=FILES))
    assert "is a web address, and pictures are not downloaded: put hat.png next to the table" in err


def test_variations_before_their_product_and_of_hidden_ones(table: Write) -> None:
    simple = {"Published": "1", "Categories": "Coats", "Images": "coat.png"}
    rows = [
        {"ID": "11", "Type": "variation", "Name": "Coat - Red", "Published": "1", "Parent": "id:10", "Stock": "5",
         "In stock?": "0"},
        {"ID": "10", "Type": "variable", "Name": "Coat", "Brands": "Acme", "Description": "One\\nTwo"} | simple,
        {"ID": "20", "Type": "variable", "SKU": "D", "Name": "Draft"} | simple | {"Published": "-1"},
        {"ID": "21", "Type": "variation", "SKU": "D-1", "Name": "Draft - Red", "Published": "1", "Parent": "D"},
        {"ID": "30", "Type": "variable", "SKU": "H", "Name": "Hidden", "Visibility in catalog": "hidden"} | simple,
        {"ID": "31", "Type": "variation", "SKU": "H-1", "Name": "Hidden - Red", "Published": "1", "Parent": "H"},
        {"ID": "40", "Type": "simple", "SKU": "OVER", "Name": "Over", "Regular price": "100", "Sale price": "80",
         "Date sale price ends": "2020-02-01"} | simple,
        {"ID": "41", "Type": "simple", "SKU": "SOON", "Name": "Soon", "Regular price": "100", "Sale price": "80",
         "Date sale price starts": "2999-02-01 00:00:00"} | simple,
    ]  # fmt: skip
    run(table(*(cells(WOOCOMMERCE, row) for row in rows), header=WOOCOMMERCE, files=FILES))
    made = {product.sku: product for product in Product.objects.all()}
    assert sorted(made) == ["11", "D-1", "H-1", "OVER", "SOON"]
    red = made["11"]
    assert (red.brand, red.category.name, red.description, pictures(red), red.stock) == (
        "Acme", "Coats", "One\nTwo", 1, 0,
    )  # fmt: skip
    assert [made[sku].published for sku in ("11", "D-1", "H-1")] == [True, False, False]
    assert [(made[sku].price, made[sku].compare_at_price) for sku in ("OVER", "SOON")] == [(100, None)] * 2


def test_exports_of_woocommerce_in_another_language_are_refused(table: Write) -> None:
    header = ("Typ", "Artikelnummer", "Name", "Regulärer Preis", "Bilder", "Name des Attributs 1")
    message = refused(table(("simple", "A", "Hemd", "9", "coat.png", "Farbe"), header=header))
    assert "Set the language of your user in WordPress to English" in message


def test_rows_of_a_handle_may_be_apart_and_made_up_skus_differ(table: Write) -> None:
    long = "womens-organic-cotton-long-sleeve-striped-breton-top-navy-white"
    rows = [
        {"Handle": long, "Title": "Top", "Option1 Name": "Size", "Option1 Value": "6", "Image Src": "coat.png"},
        {"Handle": "sock", "Title": "Sock", "Option1 Name": "Size", "Option1 Value": "6", "Image Src": "bag.png"},
        {"Handle": long, "Option1 Value": "6+"},
        {"Handle": "sock", "Option1 Value": "6+"},
        {"Handle": "sock", "Image Src": "back.png"},
    ]
    out, _ = run(table(*(cells(SHOPIFY, row) for row in rows), header=SHOPIFY, files=FILES))
    assert "5 rows: 4 created, 0 changed, 0 unchanged, 0 refused, 1 with parts of other products." in out
    found = sorted(Product.objects.values_list("title", "size"))
    assert found == [("Sock", "6"), ("Sock", "6+"), ("Top", "6"), ("Top", "6+")]
    assert all(pictures(product) and len(product.sku) <= 64 for product in Product.objects.all())


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (WOOCOMMERCE, {"ID": "44", "Type": "simple", "SKU": "A1", "Name": "Coat", "Published": "1", "In stock?": "1",
                       "Stock": "3", "Regular price": "45", "Categories": "Clothing > Coats", "Images": "coat.png",
                       "GTIN, UPC, EAN, or ISBN": "4006381333931"}),
        (SHOPIFY, {"Handle": "coat", "Title": "Coat", "Product Category": "Clothing > Coats", "Type": "Outdoor",
                   "Published": "TRUE", "Variant SKU": "A1", "Variant Inventory Qty": "3", "Variant Price": "45",
                   "Variant Barcode": "4006381333931", "Image Src": "coat.png", "Status": "active"}),
    ],
    ids=["WooCommerce", "Shopify"],
)  # fmt: skip
def test_whole_exports_of_other_shops_have_one_column_for_each_field(
    table: Write, header: tuple[str, ...], row: dict[str, str]
) -> None:
    run(table(cells(header, row), header=header))
    made = Product.objects.get()
    assert (made.sku, made.title, made.price, made.stock, made.gtin) == ("A1", "Coat", 45, 3, "4006381333931")
    assert (made.category.name, made.published) == ("Coats", True)


@pytest.mark.parametrize(
    ("name", "value", "field", "stored"),
    [
        ("Brand", "Acme", "brand", "Acme"), ("Marke", "Acme", "brand", "Acme"), ("Marca", "A, B", "brand", "A"),
        ("Manufacturer", "Acme", "brand", "Acme"), ("Size", "M", "size", "M"), ("Größe", "M", "size", "M"),
        ("EAN", "4006381333931", "gtin", "4006381333931"), ("Condition", "New", "condition", "New"),
    ],
)  # fmt: skip
def test_attributes_of_woocommerce_fill_fields_that_are_empty(
    table: Write, name: str, value: str, field: str, stored: str
) -> None:
    row = {"Type": "simple", "Name": "Coat", "Published": "1", "Images": "coat.png", "Attribute 1 name": name,
           "Attribute 1 value(s)": value, "Attribute 1 visible": "1"}  # fmt: skip
    full = {"SKU": "B", "Brands": "Other", "GTIN, UPC, EAN, or ISBN": "96385074"}
    run(table(*(cells(WOOCOMMERCE, row | own) for own in ({"SKU": "A"}, full)), header=WOOCOMMERCE))
    empty, other = Product.objects.order_by("sku")
    assert (getattr(empty, field), empty.attributes) == (stored, {})
    assert (other.brand, other.gtin) == ("Other", "96385074")


def test_a_brand_column_of_a_plugin_completes_the_brands_of_woocommerce(table: Write) -> None:
    header = (*WOOCOMMERCE, "Brand")
    row = {"Type": "simple", "SKU": "A", "Name": "Coat", "Published": "1", "Images": "coat.png", "Brand": "Acme"}
    run(table(cells(header, row), header=header))
    assert Product.objects.get().brand == "Acme"


def test_tags_are_clean_and_not_too_long(table: Write) -> None:
    many = ",".join(f"tag number {number}" for number in range(200))
    picture = {"Image Src": "coat.png"}
    shopify = {"Handle": "a", "Title": "A", "Variant SKU": "A", "Tags": r"red\, dark,,wool, red\, dark"} | picture
    run(table(cells(SHOPIFY, shopify), header=SHOPIFY))
    other = {"Type": "simple", "SKU": "B", "Name": "B", "Published": "1", "Images": "coat.png", "Tags": many}
    run(table(cells(WOOCOMMERCE, other), header=WOOCOMMERCE))
    a, b = Product.objects.order_by("sku")
    assert a.attributes["tags"] == "red, dark, wool"
    assert b.attributes["tags"] == ", ".join(f"tag number {number}" for number in range(67)), "and no more"


def test_rows_of_shopify_in_any_order_are_one_product(table: Write) -> None:
    rows = [
        {"Handle": "coat", "Option1 Value": "L", "Variant SKU": "C-L", "Variant Price": "9"},
        {"Handle": "bag", "Title": "Bag", "Variant SKU": "B", "Image Src": "bag.png"},
        {"Handle": "coat", "Image Src": "back.png", "Image Position": "2"},
        {"Handle": "", "Title": "Lost", "Variant SKU": "X"},
        {"Handle": "coat", "Title": "Coat", "Vendor": "Acme", "Option1 Name": "Size", "Option1 Value": "M",
         "Variant SKU": "C-M", "Variant Price": "9", "Image Src": "coat.png", "Image Position": "1"},
    ]  # fmt: skip
    out, err = run(table(*(cells(SHOPIFY, row) for row in rows), header=SHOPIFY, files=FILES))
    assert "5 rows: 3 created, 0 changed, 0 unchanged, 1 refused, 1 with parts of other products." in out
    assert "catalog.csv:5: Handle is empty, so the product of this row is unknown: Lost [no_handle]" in err
    assert "Rows of 1 product are not next to each other in catalog.csv: they are put together." in err
    large, medium = Product.objects.filter(title="Coat").order_by("size")
    assert [(each.sku, each.brand, each.size) for each in (large, medium)] == [
        ("C-L", "Acme", "L"),
        ("C-M", "Acme", "M"),
    ]
    assert sum(map(pictures, (large, medium))) == 3, "the first variant has the whole gallery"


def test_metafields_of_shopify_are_attributes_and_complete_options(table: Write) -> None:
    header = (*SHOPIFY, "Color (product.metafields.shopify.color-pattern)", "Fabric (product.metafields.custom.fabric)",
              "Google: Custom Product (product.metafields.mm-google-shopping.custom_product)")  # fmt: skip
    row = {"Title": "Coat", "Image Src": "coat.png"} | dict(zip(header[-3:], ("red", "Wool", "false"), strict=True))
    rows = [row | {"Handle": "a", "Variant SKU": "A", "Option1 Name": "Color", "Option1 Value": "Dark red"},
            row | {"Handle": "b", "Variant SKU": "B"}]  # fmt: skip
    run(table(*(cells(header, each) for each in rows), header=header))
    assert [each.attributes for each in Product.objects.order_by("sku")] == [
        {"style": handle, "colour": colour, "fabric": "Wool"} for handle, colour in (("a", "Dark red"), ("b", "red"))
    ]
