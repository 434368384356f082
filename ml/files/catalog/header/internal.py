"""Columns that a shop keeps for itself: what a product cost, who supplied it, where it is stored."""

from __future__ import annotations

import re

from ml.files.catalog.cells import unaccented

#: A name with one of these words is internal, in English, German, French, Spanish, Italian and Dutch.
_WORDS = frozenset({
    "spanne", "wareneingang", "emplacement", "ubicacion", "observaciones", "cliente", "clientes", "client", "clients",
    "ubicazione", "annotazioni", "ricarico", "listino", "scorta", "staff", "buyer", "seller", "owner", "invoice",
    "vip", "bought", "paid", "rabatt", "sconto", "remise", "descuento", "korting",
    "cost", "costs", "cogs", "wholesale", "purchase", "purchased", "purchasing", "margin", "margins", "markup",
    "profit", "profits", "supplier", "suppliers", "internal", "confidential", "secret", "warehouse", "reorder",
    "restock", "commission", "consignor", "consignee", "customer", "customers", "email", "ek", "ekp", "einkauf",
    "einkaufspreis", "einstandspreis", "marge", "gewinn", "lieferant", "intern", "interne", "interner",
    "internes", "nettopreis", "haendlerpreis", "handlerpreis", "provision", "kunde", "lagerort", "lagerplatz",
    "lagerfach", "achat", "cout", "fournisseur", "entrepot", "coste", "costo", "costes", "proveedor", "margen",
    "interno", "interna", "compra", "almacen", "mayorista", "fornitore", "acquisto", "margine", "magazzino",
    "ingrosso", "inkoop", "inkoopprijs", "leverancier", "kostprijs", "magazijn", "groothandel", "winst", "rohertrag",
    "mindestbestand", "meldebestand",
})  # fmt: skip
#: Beginnings of longer words: Lieferantennummer, Einkaufsdatum.
_BEGINNINGS = (
    "einkauf", "einstand", "lieferant", "inkoop", "leverancier", "kunden", "klant", "magazijn", "magazzin",
    "fournisseur", "proveedor", "fornitor",
)  # fmt: skip
#: Within a name, whole words.
_PHRASES = re.compile(
    r"\b(net (price|cost|amount)|(price|prix|precio|prezzo|prijs|preis|vk) (net|netto|ht|neto)"
    r"|(netto|net) (preis|prix|precio|prezzo|prijs|vk|ek)|(trade|dealer|buying) price"
    r"|private (notes?|remarks?|comments?|info)"
    r"|e mail|vendor code|(safety|min|minimum) (stock|qty|quantity)|po number|last sold|sold to|to do"
    r"|low stock amount|(stock|bin|shelf) location|staff (only|notes?)|min(imum)? stock|do not (show|publish))\b"
)
#: Whole names: "Top notes" of a perfume is for everybody.
_NAMES = frozenset({
    "location", "shelf",
    "note", "notes", "remark", "remarks", "comment", "comments", "memo", "private", "bin", "admin", "notiz",
    "notizen", "bemerkung", "bemerkungen", "kommentar", "anmerkung", "remarque", "remarques", "commentaire",
    "nota", "notas", "comentario", "comentarios", "commento", "osservazioni", "opmerking", "opmerkingen",
    "tax", "taxes", "taxable", "tax status", "tax class", "tax rate", "tax code", "vat", "vat rate", "mwst", "ust",
    "steuersatz", "tva", "iva", "btw", "phone", "telephone", "hs code",
})  # fmt: skip


def is_internal(name: str) -> bool:
    """Whether a column of this name should not become a public attribute."""
    words = re.findall(r"[^\W_]+", unaccented(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)))
    plain = " ".join(words)
    return (
        not _NAMES.isdisjoint((plain, name.strip().casefold()))  # MwSt is one word
        or not _WORDS.isdisjoint(words)
        or any(word.startswith(_BEGINNINGS) for word in words)
        or bool(_PHRASES.search(plain))
    )
