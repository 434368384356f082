"""Columns in other languages, columns that are not for shoppers, and headers that mean nothing."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from pathlib import Path, PurePosixPath

import pytest
from django.core.management.base import CommandError

from catalog.models import Product
from ml.files.catalog.cells import BadCell, available_of, published_of
from ml.files.catalog.header.columns import FIELDS, bare, key_of, plain
from ml.files.catalog.header.internal import is_internal
from ml.files.catalog.header.names import TRANSLATED
from ml.files.catalog.named import NamedPictures
from tests.catalog.importing.tables import COAT, HEADER, Write, png, refused, run

pytestmark = pytest.mark.django_db

INTERNAL = (
    "Spanne %", "Kundengruppe", "Wareneingang", "Emplacement", "Ubicación", "Observaciones", "Annotazioni", "Ricarico",
    "Scorta minima", "Magazijnlocatie", "Klantnummer", "Vendor code", "Shelf", "Location", "Staff price", "VIP price",
    "Safety stock", "Min qty", "Buyer", "Owner", "Seller name", "Invoice no", "PO number", "Sold to", "To do",
    "Cost per item", "Cost", "cost_price", "CostPrice", "Wholesale Price", "Purchase price", "Margin", "Margin %",
    "Profit", "Supplier", "supplier-sku", "Net price", "Notes (internal)", "Internal note", "Notes", "Private", "COGS",
    "Reorder level", "Customer", "EK netto", "EK", "Einkaufspreis", "Preis netto", "Lieferant", "Lieferantennummer",
    "Lagerort", "Händlerpreis", "Bemerkung", "Prix d'achat", "Prix HT", "Fournisseur", "Coût", "Precio de compra",
    "Proveedor", "Fornitore", "Prezzo netto", "Inkoopprijs", "Leverancier", "Indkøbspris", "Leverandør", "Inköpspris",
    "Innkjøpspris", "Kostpris",
    "Tax", "Tax class", "MwSt", "TVA", "HS code", "Buying price", "Staff notes", "Min. stock", "Mindestbestand",
)  # fmt: skip
PUBLIC = (
    "Material", "Top notes", "Net weight", "Gewicht netto", "Colour", "Season", "Care", "Neckline", "Country of origin",
    "Heel height", "Warranty", "Bench", "Marginal print", "Costume", "Shelf life", "Ingredients", "Beneficios",
    "Phone model", "Taxi yellow", "Handle", "Format", "Model year", "Collection", "Fit type", "Sleeve length",
    "Position of pockets", "Shipshape", "Size 2", "Bullet point 1", "Occasion", "Relation",
)  # fmt: skip


@pytest.mark.slow
def test_internal_columns_never_reach_shoppers(table: Write) -> None:
    cells = tuple(f"secret {number}" for number, _ in enumerate(INTERNAL))
    folder = table((*COAT, "wool", *cells), header=(*HEADER, "Material", *INTERNAL))
    _, err = run(folder)
    product = Product.objects.get()
    assert product.attributes == {"material": "wool"}
    assert f"Left out, because they look internal: {', '.join(INTERNAL)}." in err
    assert "--attribute" in err


@pytest.mark.parametrize("name", PUBLIC)
def test_other_columns_are_attributes(name: str) -> None:
    assert not is_internal(name)


def test_a_column_that_looks_internal_can_be_shown(table: Write) -> None:
    folder = table((*COAT, "citrus", "9"), header=(*HEADER, "Notes", "Cost"))
    assert "has no column Smell. Columns found: sku, title, image, Notes, Cost." in refused(folder, attribute=["Smell"])
    _, err = run(folder, attribute=["notes"])
    assert Product.objects.get().attributes == {"notes": "citrus"}
    assert "Left out, because they look internal: Cost." in err


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (("Artikelnummer", "Bezeichnung", "Bild", "Preis", "UVP", "Menge", "Marke", "Kategorie", "Größe", "Farbe"),
         ("A1", "Mantel", "coat.png", "12,50", "20,00", "0", "Acme", "Mäntel", "M", "Rot")),
        (("Art.-Nr.", "Artikelname", "Bilddatei", "VK-Preis (EUR)", "Streichpreis", "Lagerbestand", "Hersteller",
          "Warengruppe", "Groesse", "Farbe"),
         ("A1", "Mantel", "coat.png", "12,50", "20,00", "0", "Acme", "Mäntel", "M", "Rot")),
        (("Référence", "Désignation", "Photo", "Prix TTC", "Prix barré", "Quantité", "Marque", "Catégorie", "Taille",
          "Couleur"), ("A1", "Mantel", "coat.png", "12,50", "20,00", "0", "Acme", "Mäntel", "M", "Rot")),
        (("Referencia", "Nombre", "Imagen", "Precio", "Precio anterior", "Existencias", "Marca", "Categoría", "Talla",
          "Color"), ("A1", "Mantel", "coat.png", "12,50", "20,00", "0", "Acme", "Mäntel", "M", "Rot")),
        (("Codice", "Nome", "Immagine", "Prezzo", "Prezzo precedente", "Quantità", "Marca", "Categoria", "Taglia",
          "Colore"), ("A1", "Mantel", "coat.png", "12,50", "20,00", "0", "Acme", "Mäntel", "M", "Rot")),
        (("Artikelcode", "Naam", "Afbeelding", "Prijs", "Adviesprijs", "Voorraad", "Merk", "Categorie", "Maat",
          "Kleur"), ("A1", "Mantel", "coat.png", "12,50", "20,00", "0", "Acme", "Mäntel", "M", "Rot")),
        (("Varenummer", "Produktnavn", "Billede", "Pris", "Førpris", "Lagerantal", "Mærke", "Kategori", "Størrelse",
          "Farve"), ("A1", "Mantel", "coat.png", "12,50", "20,00", "0", "Acme", "Mäntel", "M", "Rot")),
        (("Varenr.", "Navn", "Bilde", "Pris", "Veiledende pris", "Antall", "Merke", "Kategori", "Størrelse",
          "Farge"), ("A1", "Mantel", "coat.png", "12,50", "20,00", "0", "Acme", "Mäntel", "M", "Rot")),
        (("Artikelnummer", "Benämning", "Bild", "Försäljningspris", "Ordinarie pris", "Lagersaldo", "Varumärke",
          "Kategori", "Storlek", "Färg"),
         ("A1", "Mantel", "coat.png", "12,50", "20,00", "0", "Acme", "Mäntel", "M", "Rot")),
    ],
    ids=["German", "German, other words", "French", "Spanish", "Italian", "Dutch", "Danish", "Norwegian", "Swedish"],
)  # fmt: skip
def test_columns_in_other_languages_are_known(table: Write, header: tuple[str, ...], row: tuple[str, ...]) -> None:
    _, err = run(table(row, header=header, separator=";"))
    made = Product.objects.get()
    assert (made.sku, made.title, made.price, made.compare_at_price) == ("A1", "Mantel", Decimal("12.5"), 20)
    assert (made.stock, made.brand, made.category.name, made.size) == (0, "Acme", "Mäntel", "M")
    assert made.attributes == {"colour": "Rot"}
    assert "No column with prices" not in err


def test_no_name_means_two_fields() -> None:
    for field, names in TRANSLATED.items():
        for name in names:
            assert FIELDS[plain(name)] == field, name


def test_a_known_english_column_comes_before_a_foreign_one(table: Write) -> None:
    folder = table((*COAT, "9", "red", "Acme"), header=(*HEADER, "price", "Preis", "Marca"))
    run(folder)
    made = Product.objects.get()
    assert (made.price, made.brand, made.attributes) == (9, "Acme", {"preis": "red"})


@pytest.mark.parametrize(
    ("names", "field"),
    [
        (("Color", "Colour"), "colour"), (("Gender", "Sex"), "gender"), (("Farbe", "color"), "colour"),
        (("Brand", "Manufacturer"), "brand"), (("UPC", "EAN13"), "gtin"), (("Size", "Product size"), "size"),
        (("Description", "Short description"), "description"), (("Kurzbeschreibung", "Langtext"), "description"),
        (("Type", "Product type"), "category"),
    ],
)  # fmt: skip
def test_of_two_columns_with_one_meaning_the_first_that_is_not_empty_counts(
    table: Write, names: tuple[str, str], field: str
) -> None:
    texts = ("4006381333931", "96385074") if field == "gtin" else ("One", "Two")
    rows = [("A1", *COAT[1:], *texts), ("A2", *COAT[1:], texts[0], ""), ("A3", *COAT[1:], "", texts[1])]
    _, err = run(table(*rows, header=(*HEADER, *names)))
    found = [str(getattr(each, field, "") or each.attributes[field]) for each in Product.objects.order_by("sku")]
    first = columns_of_meaning(names)
    assert found == [texts[first], *texts]
    pair = f'"{names[first]}" and "{names[1 - first]}"'
    assert f"{pair} have the same meaning, {field}: the first that is not empty is used." in err


def columns_of_meaning(names: tuple[str, str]) -> int:
    """The column whose name is the more usual one, else the first."""
    return int(names in [("Farbe", "color"), ("Kurzbeschreibung", "Langtext")])


@pytest.mark.parametrize(
    "names", [("price", "Amount"), ("stock", "Quantity"), ("published", "Active"), ("sku", "SKU ")]
)
def test_two_columns_that_may_contradict_each_other_in_what_matters_are_refused(
    table: Write, names: tuple[str, str]
) -> None:
    header = (*HEADER, *names) if names[0] != "sku" else (*HEADER, names[1])
    assert "Keep one and rename or remove the rest." in refused(table(("1",) * len(header), header=header))


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("Stock Qty", "stock"), ("Qty Available", "stock"), ("On hand", "stock"), ("Descriptif", "description"),
        ("Libellé", "title"), ("Prix unitaire", "price"), ("Descrizione breve", "description"), ("Artikel", "title"),
        ("Kurzbeschreibung", "description"), ("Prezzo unitario", "price"), ("Artículo", "title"),
        ("Korte omschrijving", "description"), ("Brands", "brand"), ("*Title", "title"), ("C:Brand", "brand"),
        ("g:image_link", "image"), ("Name *", "title"), ("PICTURE 1", "image"), ("image_2", "image"),
        ("Bild 3", "image"),
        ("Product Image File - 1", "image"), ("Reference #", "sku"), ("Price [EUR]", "price"), ("Foto2", "image"),
        ("Image size", "image_size"), ("Photo 360", "photo_360"), ("Size 2", "size_2"), ("T:shirt", "shirt"),
    ],
)  # fmt: skip
def test_names_that_tables_of_shops_have(name: str, field: str) -> None:
    assert key_of(name) == field


def test_tables_without_a_price_say_so(table: Write) -> None:
    _, err = run(table((*COAT, "9", "3"), header=(*HEADER, "Preis in Punkten", "Stock Berlin")))
    assert "No column with prices was found, so the products have none." in err
    assert "Kept as attributes, not read as prices or stock: Preis in Punkten, Stock Berlin." in err


@pytest.mark.parametrize("word", ["ja", "Oui", "sí", "sì", "wahr", "Actif", "publié", "online"])
def test_yes_in_other_languages(word: str) -> None:
    assert published_of(word)


@pytest.mark.parametrize("word", ["nein", "Non", "-1", "falso", "Entwurf", "brouillon", "nee", "unlisted"])
def test_no_in_other_languages(word: str) -> None:
    assert not published_of(word)


@pytest.mark.parametrize(("word", "stock"), [("InStock", 10), ("auf Lager", 10), ("sold out", 0), ("OutOfStock", 0)])
def test_a_stock_may_be_a_word(table: Write, word: str, stock: int) -> None:
    run(table((*COAT, word), header=(*HEADER, "stock")))
    assert Product.objects.get().stock == stock


@pytest.mark.parametrize(
    "name",
    [
        "meta_title", "url_key", "tax_class_name", "use_config_min_qty", "created_at", "Product Image Sort - 3",
        "store_view_code", "Sort Order", "*Action(SiteID=US|Country=US)", "custom_label_0", "fulfillment_center_id",
    ],
)  # fmt: skip
def test_settings_of_other_systems_are_left_out(name: str) -> None:
    assert is_internal(bare(name))


@pytest.mark.parametrize(
    ("word", "available"),
    [
        ("auf Lager", True), ("Verfügbar", True), ("en stock", True), ("op voorraad", True), ("instock", True),
        ("ausverkauft", False), ("nicht verfügbar", False), ("épuisé", False), ("agotado", False),
        ("esaurito", False), ("uitverkocht", False), ("outofstock", False), ("onbackorder", False),
    ],
)  # fmt: skip
def test_availability_in_other_languages(word: str, available: bool) -> None:
    assert available_of(word) is available


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("https://cdn.example/x.jpg?v=3#top", ["x.jpg"]),
        ("https://cdn.example/image?file=photos%2Fx.jpg&v=3", ["x.jpg"]),
        ("https://cdn.example/x.jpg;width=100", ["x.jpg"]),
        ("https://cdn.example/x;y.jpg", ["x;y.jpg"]),
        ("https://cdn.example/red coat.jpg", ["red coat.jpg"]),
        ("https://cdn.example/red%20coat.jpg", ["red coat.jpg"]),
        ("https://cdn.example/x.jpg;y.jpg", ["x.jpg", "y.jpg"]),
        ("https://cdn.example/x.jpg; https://cdn.example/y.jpg", ["x.jpg", "y.jpg"]),
        ("https://cdn.example/x.jpg,https://cdn.example/y.jpg", ["x.jpg", "y.jpg"]),
        ("https://cdn.example/x.jpg\nhttps://cdn.example/y.jpg | y.jpg", ["x.jpg", "y.jpg", "y.jpg"]),
    ],
)
def test_an_address_means_the_file_that_was_downloaded_from_there(cell: str, names: list[str]) -> None:
    files = NamedPictures(["x.jpg", "y.jpg", "x;y.jpg", "red coat.jpg"], PurePosixPath())
    assert list(files.named(cell)) == names


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("https://cdn.example/get?file=no.jpg", "no.jpg"),
        ("https://cdn.example/", ""),
        ("http://[a/b.png", "b.png"),
    ],
)
def test_an_address_of_no_file_names_what_to_download(cell: str, name: str) -> None:
    what = f"put {name} next to the table" if name else "download it, and write the name of the file here"
    with pytest.raises(BadCell, match=what):
        NamedPictures(["x.jpg"], PurePosixPath()).named(cell)


@pytest.mark.parametrize("name", ["catalog.xls", "Catalog.ODS", "shop.numbers"])
@pytest.mark.parametrize("picture", ["coat.png", "Coats/coat.png"])
def test_a_spreadsheet_of_another_format_is_named(table: Write, name: str, picture: str) -> None:
    folder = table(name=name, files={picture: png()})
    message = refused(folder)
    assert f"Tables of this format are not read: {name}. Save the table as XLSX or CSV, and import that." in message
    assert ("--format folder" in message) is ("/" in picture)


def test_only_the_columns_that_a_table_lacks_are_named(table: Write) -> None:
    header = ("SKU", "Producto", "Fichero")
    message = refused(table(("A1", "Abrigo", "x.png"), header=header, files={"Abrigos/x.png": png()}))
    assert "catalog.csv has no columns for title and image." in message


def test_a_table_that_is_not_understood_is_no_list_of_class_folders(table: Write, tmp_path: Path) -> None:
    header = ("Codigo interno", "Producto", "Fichero")
    folder = table(("A1", "Abrigo", "x.png"), header=header, files={"Abrigos/x.png": png()}, separator=";")
    message = refused(folder)
    assert "catalog.csv has no columns for sku, title and image. Its columns are: Codigo interno, Producto" in message
    assert "--format folder" in message
    run(folder, format="folder")
    assert Product.objects.count() == 1


@pytest.mark.parametrize("name", ["a" + " " * 60_000 + "b", "a" + "_" * 60_000 + "b", "*" * 60_000, "(" * 60_000])
def test_long_names_of_columns_take_no_time(table: Write, name: str) -> None:
    with suppress(CommandError):  # such a name is refused
        run(table((*COAT, "x"), header=(*HEADER, name)), dry_run=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    ["C:/" + "b/" * 20_000 + "a.png", "C:/b/a.png|" * 5_000, "https://e.example/a.jpg" + " " * 60_000 + "b"],
    ids=["folders", "pictures", "spaces"],
)
def test_long_cells_of_pictures_take_no_time(cell: str) -> None:
    files = NamedPictures(["x.jpg"], PurePosixPath())
    with suppress(BadCell):
        files.named(cell)


def test_the_picture_that_is_written_exactly_as_in_the_cell_is_meant() -> None:
    files = NamedPictures(["p/Q8.jpg", "p/q8.jpg"], PurePosixPath())
    assert files.named("Q8.jpg") == ("p/Q8.jpg",)
    assert files.named("q8.jpg") == ("p/q8.jpg",)
    with pytest.raises(BadCell, match="may be any of"):
        files.named("Q8.JPG")


@pytest.mark.parametrize("first", ["sep=,,", "sep=,,,,", '"sep=,"', "SEP=,\t"])
def test_a_line_that_names_the_separator_may_be_filled_up(tmp_path: Path, first: str) -> None:
    (tmp_path / "coat.png").write_bytes(png())
    (tmp_path / "catalog.csv").write_text(f"{first}\nsku,title,image\nA1,Coat,coat.png\n")
    run(tmp_path)
    assert [product.sku for product in Product.objects.all()] == ["A1"]


def test_a_product_above_a_repeated_header_is_no_comment(tmp_path: Path) -> None:
    (tmp_path / "coat.png").write_bytes(png())
    rows = ["Our shop,,", "sku,title,image", "A1,Coat,coat.png", "SKU,Title,Image", "B1,Hat,coat.png"]
    (tmp_path / "catalog.csv").write_text("\n".join(rows) + "\n")
    out, _ = run(tmp_path)
    assert Product.objects.filter(sku__in=["A1", "B1"]).count() == 2
    assert "3 rows" in out
