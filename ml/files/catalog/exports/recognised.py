"""Which shop wrote a table."""

from __future__ import annotations

import re

from ml.files.catalog.errors import CatalogFileError
from ml.files.catalog.exports import shopify, variant_rows, woocommerce
from ml.files.catalog.header.columns import clean, plain
from ml.files.catalog.rows import Table

#: "Name des Attributs 1", "Nom de l'attribut 1", "Nombre del atributo 1", "Nome attributo 1", "Naam eigenschap 1"
_TRANSLATED = re.compile(r"(name|nom|nombre|nome|naam)(des|del|dell|de)?l?(attribut(s|o)?|atributo|eigenschap)1$")


def rewritten(table: Table) -> Table:
    """A table of the same products with one complete row for each; other tables as they are.

    Raises:
        CatalogFileError: it is WooCommerce's export in another language than English.
    """
    if variant_rows.of_wix(table.header):
        return shopify.rewritten(variant_rows.wix(table), note="")
    if variant_rows.of_squarespace(table.header):
        return shopify.rewritten(variant_rows.squarespace(table), note="")
    if variant_rows.of_bigcommerce(table.header):
        return variant_rows.bigcommerce(table)
    for shop in (shopify, woocommerce):
        if shop.recognises(table.header):
            return shop.rewritten(table)
    if any(_TRANSLATED.search(plain(name)) for name in clean(table.header)):
        raise CatalogFileError(
            f"{table.name} looks like an export of WooCommerce in another language. Set the language of your user in "
            "WordPress to English, and export it again."
        )
    return table
