"""Headers of other shop systems, marketplaces and feeds, of which the columns alone say enough."""

from __future__ import annotations

from decimal import Decimal

import pytest

from catalog.models import Product
from ml.files.catalog.cells import category_of, deepest
from tests.catalog.importing.tables import Write, png, run

pytestmark = pytest.mark.django_db

FILES = {f"{name}.png": png(number) for number, name in enumerate("abc")}
CDN = "https://cdn.example/"
#: By system: what is in a row, and its attributes. The product is the same in all of them.
SYSTEMS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "Etsy": (
        {"TITLE": "Coat", "DESCRIPTION": "Warm.", "PRICE": "12.50", "CURRENCY_CODE": "EUR", "QUANTITY": "3",
         "TAGS": "wool,winter", "MATERIALS": "Wool", "IMAGE1": f"{CDN}a.png", "IMAGE2": f"{CDN}b.png", "IMAGE3": "",
         "IMAGE10": f"{CDN}c.png", "VARIATION 1 TYPE": "", "SKU": "A1"},
        {"tags": "wool,winter", "materials": "Wool"},
    ),
    "eBay File Exchange": (
        {"*Action(SiteID=US|Country=US|Currency=USD|Version=1193|CC=UTF-8)": "Add", "Custom label (SKU)": "A1",
         "Category ID": "11450", "*Title": "Coat", "Relationship": "", "*Quantity": "3", "*StartPrice": "12.50 EUR",
         "PicURL": f"{CDN}a.png|{CDN}b.png|{CDN}c.png", "*ConditionID": "1000", "*Description": "<p>Warm.</p>",
         "C:Material": "Wool", "*Duration": "GTC"},
        {"material": "Wool", "duration": "GTC"},
    ),
    "BigCommerce": (
        {"Item Type": "Product", "Product ID": "77", "Product Name": "Coat", "Product Code/SKU": "A1",
         "Product Description": "<p>Warm.</p>", "Price": "12.50 EUR", "Cost Price": "4", "Retail Price": "",
         "Sale Price": "", "Product Visible?": "Y", "Track Inventory": "by product", "Current Stock Level": "3",
         "Low Stock Level": "1", "Category": "Clothing/Coats;Sale", "Product Image ID - 1": "9",
         "Product Image File - 1": "a.png", "Product Image Description - 1": "Front",
         "Product Image Is Thumbnail - 1": "Y", "Product Image Sort - 1": "0", "Product Image File - 2": "b.png",
         "Product Image Description - 2": "Back", "Product Image File - 3": "c.png", "Page Title": "Buy a coat"},
        {},
    ),
    "PrestaShop": (
        {"Product ID": "77", "Active (0/1)": "1", "Name *": "Coat", "Categories (x,y,z...)": "Coats",
         "Price tax included": "12.50 EUR", "Wholesale price": "4", "On sale (0/1)": "0", "Reference #": "A1",
         "Supplier": "S", "Quantity": "3", "Summary": "Short.", "Description": "Warm.", "Meta title": "Buy",
         "Image URLs (x,y,z...)": f"{CDN}a.png,{CDN}b.png,{CDN}c.png",
         "Delete existing images (0 = No, 1 = Yes)": "0"},
        {},
    ),
    "Magento": (
        {"sku": "A1", "store_view_code": "", "attribute_set_code": "Default",
         "categories": "Default Category/Clothing,Default Category/Clothing/Coats", "name": "Coat",
         "description": "<p>Warm.</p>", "short_description": "Short.", "product_online": "1", "tax_class_name": "Goods",
         "visibility": "Catalog, Search", "price": "12.5000 EUR", "special_price": "", "url_key": "coat",
         "meta_title": "Buy", "base_image": "a.png", "small_image": "/c/o/a.png", "additional_images": "b.png,c.png",
         "created_at": "2/1/24", "qty": "3.0000", "out_of_stock_qty": "0", "use_config_min_qty": "1",
         "is_in_stock": "1"},
        {},
    ),
    "Squarespace": (
        {"Product ID [Non Editable]": "5f", "Variant ID [Non Editable]": "6e", "Product Page": "shop",
         "Title": "Coat", "Description": "<p>Warm.</p>", "SKU": "A1", "Price": "12.50 EUR", "Sale Price": "",
         "On Sale": "No", "Stock": "3", "Categories": "/coats", "Tags": "", "Visible": "Yes",
         "Hosted Image URLs": f"{CDN}a.png {CDN}b.png\n{CDN}c.png"},
        {"style": "5f"},
    ),
    "Google Merchant Center": (
        {"id": "A1", "title": "Coat", "description": "Warm.", "link": "https://shop.example/coat",
         "image_link": f"{CDN}a.png", "additional_image_link": f"{CDN}b.png,{CDN}c.png", "price": "12.50 EUR",
         "availability": "in_stock", "quantity": "3", "google_product_category": "203", "product_type": "Coats",
         "identifier_exists": "no", "custom_label_0": "margin", "condition": "new"},
        {"google_product_category": "203"},
    ),
    "Amazon": (
        {"feed_product_type": "coat", "item_sku": "A1", "brand_name": "Acme", "item_name": "Coat",
         "main_image_url": f"{CDN}a.png", "other_image_url1": f"{CDN}b.png", "other_image_url2": f"{CDN}c.png",
         "product_description": "Warm.", "standard_price": "12.50 EUR", "quantity": "3", "parent_child": "",
         "color_name": "Red", "size_name": "M"},
        {"colour": "Red"},
    ),
    "a stock list": (
        {"Product code": "A1", "Item name": "Coat", "Picture 1": "a.png", "Picture 2": "b.png", "Picture 10": "c.png",
         "Long description": "Warm.", "Unit price": "12.50 EUR", "Qty on hand": "3", "Cost": "4"},
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_export_is_read_by_its_columns(table: Write, system: str) -> None:
    row, attributes = SYSTEMS[system]
    _, err = run(table(tuple(row.values()), header=tuple(row), files=FILES, separator="\t"))
    made = Product.objects.get()
    assert (made.sku, made.title, made.description, made.stock, made.published) == ("A1", "Coat", "Warm.", 3, True), err
    assert (made.price, made.currency) == (Decimal("12.50"), "EUR")
    assert made.attributes == attributes
    assert made.images.count() == 3
    if system == "BigCommerce":
        assert made.category.name == "Coats"
        assert [image.alt for image in made.images.all()] == ["Front", "Back", ""]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("Default/Gear,Default/Gear/Bags", ["Default", "Gear", "Bags"]), ("Sale;Women > Coats", ["Women", "Coats"]),
        ("Garden;Sale", ["Garden"]), ("Clothing, Shoes & Jewelry > Coats", ["Clothing, Shoes & Jewelry", "Coats"]),
        ("Coats, Jackets", ["Coats, Jackets"]),
    ],
)  # fmt: skip
def test_of_several_categories_the_deepest_counts(text: str, path: list[str]) -> None:
    assert list(category_of(deepest(text))) == path


def test_numbered_pictures_are_in_the_order_of_their_numbers(table: Write) -> None:
    header = ("sku", "title", "Image 10", "image_2", "Image 1 URL", "Alt text 2", "photo")
    run(table(("A1", "Coat", "c.png", "b.png", "a.png", "Back", ""), header=header, files=FILES))
    shown = [(image.alt, image.digest) for image in Product.objects.get().images.all()]
    assert [alt for alt, _ in shown] == ["", "Back", ""]
    assert len({digest for _, digest in shown}) == 3


@pytest.mark.parametrize(
    "above",
    [
        ["#INFO,Version=0.0.2,Template= eBay-draft-listings-template_US,,,", "#INFO,,,,,"],
        ["# Required | A unique content ID,# Required | A specific title,,,,"],
        ["TemplateType=fptcustom,Version=2021.0128,The top 3 rows are for Amazon.com use only.,,,",
         "Seller SKU,Product Name,Main Image URL,Your price,Quantity,Description"],
        ["Our products,,,,,", ",,,,,", "Printed on 27/11/2026"],
    ],
    ids=["eBay", "Facebook", "Amazon", "a title"],
)  # fmt: skip
def test_rows_above_the_header_are_not_read(table: Write, above: list[str]) -> None:
    folder = table(files=FILES)
    header = "item_sku,item_name,main_image_url,standard_price,quantity,product_description"
    (folder / "catalog.csv").write_text("\n".join([*above, header, "A1,Coat,a.png,12.50,3,Warm", "A2,Bag,b.png,9,1,"]))
    out, err = run(folder)
    assert "2 rows: 2 created, 0 changed, 0 unchanged, 0 refused." in out
    count = len([row for row in above if row.strip(",")])
    assert f"Rows above the header of catalog.csv that are not read: {count}." in err
    assert Product.objects.get(sku="A1").price == Decimal("12.50")


def rows_of(text: str) -> list[tuple[str, ...]]:
    return [tuple(line.split(",")) for line in text.splitlines()]


def test_variants_of_wix_are_products_of_one_group(table: Write) -> None:
    header, *rows = rows_of(
        "handleId,fieldType,name,description,productImageUrl,collection,sku,price,surcharge,visible,discountMode,"
        "discountValue,inventory,weight,cost,productOptionName1,productOptionDescription1,additionalInfoTitle1,"
        "additionalInfoDescription1,customTextField1,brand\n"
        "p1,Product,Chain,<p>Warm.</p>,a.png;b.png,Coats;Sale,,599.0,,true,PERCENT,10.0,12,0.1,9,,,CARE,<p>Dry</p>,x,Acme\n"
        "p2,Product,Coat,,c.png,Coats,,20.0,,true,AMOUNT,0.0,InStock,,,Size,S;M,,,,Acme\n"
        "p2,Variant,,,,,,,5.0,true,,,InStock,,,,S,,,,\n"
        "p2,Variant,,,,,C-M,,,false,,,OutOfStock,,,,M,,,,\n"
        "p3,Variant,,,,,,,5.0,true,,,InStock,,,,S,,,,"
    )
    out, err = run(table(*rows, header=header, files=FILES))
    assert "5 rows: 3 created, 0 changed, 0 unchanged, 1 refused, 1 with parts of other products." in out
    assert "Wix's export" in err
    chain, small, medium = Product.objects.order_by("pk")
    assert (chain.sku, chain.price, chain.compare_at_price, chain.stock) == ("p1", Decimal("539.10"), 599, 12)
    assert (chain.description, chain.brand, chain.images.count()) == ("Warm.\n\nCARE\n\nDry", "Acme", 2)
    assert [(each.sku, each.title, each.size, each.price, each.stock, each.published) for each in (small, medium)] == [
        ("p2-s", "Coat", "S", 25, 10, True), ("C-M", "Coat", "M", 20, 0, False),
    ]  # fmt: skip
    assert {each.category.name for each in (chain, small, medium)} == {"Coats"}


def test_variants_of_squarespace_have_what_their_product_has(table: Write) -> None:
    header, *rows = rows_of(
        "Product ID [Non Editable],Variant ID [Non Editable],Product Page,Product URL,Title,Description,SKU,"
        "Option Name 1,Option Value 1,Price,Sale Price,On Sale,Stock,Categories,Weight,Visible,Hosted Image URLs\n"
        f"5f,v1,shop,coat,Coat,<p>Warm.</p>,S1,Size,S,50,40,No,Unlimited,/coats,1.0,Yes,{CDN}a.png {CDN}b.png\n"
        ",v2,,,,,S2,Size,M,50,40,Yes,3,,1.0,,"
    )
    run(table(*rows, header=header, files=FILES))
    found = Product.objects.order_by("sku")
    assert [(each.title, each.size, each.price, each.compare_at_price, each.stock) for each in found] == [
        ("Coat", "S", 50, None, 10), ("Coat", "M", 40, 50, 3),
    ]  # fmt: skip
    for each in found:
        assert (each.category.name, each.url, each.attributes, each.images.count()) == (
            "coats",
            "",
            {"style": "coat"},
            2,
        )


def test_options_of_bigcommerce_are_no_products(table: Write) -> None:
    row, _ = SYSTEMS["BigCommerce"]
    header = (*row, "Product URL", "Bin Picking Number")
    product = (*row.values(), "/coat/", "B9")
    options = [
        tuple(
            {"Item Type": kind, "Product Name": "[S]Size=M", "Product Code/SKU": "A1-M"}.get(name, "")
            for name in header
        )
        for kind in ("  SKU", "  Rule")
    ]
    out, _ = run(table(product, *options, header=header, files=FILES))
    assert "3 rows: 1 created, 0 changed, 0 unchanged, 0 refused, 2 with parts of other products." in out
    made = Product.objects.get()
    assert (made.sku, made.url, made.attributes) == ("A1", "", {})
