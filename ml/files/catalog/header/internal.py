"""Columns that a shop keeps for itself: what a product cost, who supplied it, where it is stored, and settings."""

from __future__ import annotations

import re

from ml.files.catalog.cells import unaccented

#: A name with one of these words is internal, in English, German, French, Spanish, Italian, Dutch,
#: Danish, Norwegian and Swedish.
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
    "mindestbestand", "meldebestand", "kostpris", "leverandør", "leverantor", "avance", "fortjeneste", "internt",
    "lagerplads", "lagerplass", "lagerplats", "kunder", "bestillingspunkt",
})  # fmt: skip
#: Beginnings of longer words: Lieferantennummer, Einkaufsdatum.
_BEGINNINGS = (
    "einkauf", "einstand", "lieferant", "inkoop", "leverancier", "kunden", "klant", "magazijn", "magazzin",
    "fournisseur", "proveedor", "fornitor", "indkøb", "innkjøp", "inkop", "leverandør", "leverantor",
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

#: Whole names of columns in which other shop systems keep settings of their own, and texts for search engines.
_SETTINGS = re.compile(
    r"(meta|seo|use config|search engine) .*|(product )?meta (title|description|keywords?)|page title|search keywords"
    r"|generic keywords?|(created|updated|modified) (at|on)|date (added|modified|created)"
    r"|(new|special price|special|sale) (from|to|start|end) date|url (key|rewritten|path|slug)|slug|permalink"
    r"|(product )?tax (class|rules?|code|rate|status|category).*|attribute set( code)?|store view code|product websites"
    r"|(display )?product options .*|(page|custom) (layout|design).*|gift (message|card|wrap).*|map (price|enabled)"
    r"|msrp display .*|visibility|(min|max|minimal|minimum|maximum) (cart|order|sale|purchase)? ?(qty|quantity)"
    r"|(is|enable) (qty|quantity|decimal).*|(out of stock|low stock|use) (qty|level)|qty increments|allow (backorders|"
    r"purchases)|(manage stock|track inventory|inventory tracking)|notify on stock below|related skus|crosssell .*"
    r"|upsell .*|(small|thumbnail|swatch|base) image( label)?|(additional )?image labels|thumbnail"
    r"|product image (id|is thumbnail|sort)|sort order|option set.*|stop processing rules|free shipping"
    r"|(fixed|website|merchant) shipping .*|shipping( .*)?|delete existing images|show (price|product condition)"
    r"|on sale|available (for order|online only)|depends on stock|advanced stock .*|action( site ?id .*)?|paypal .*"
    r"|dispatch .*|watchers|(sold|reserved) (qty|quantity)|(condition|category|variant|shop|product|item|listing) id"
    r"|relationship( details| type)?|feed product type|update delete|parent child|parentage|variation theme"
    r"|external product id type|fulfillment .*|product page|identifier exists|adult|custom label|ads .*|mobile link"
    r"|bin picking number|website id|related position|hide from product page|(bundle|downloadable|configurable) .*"
    r"|custom options|associated skus|myob .*|gps enabled|tax provider .*|redirect old url|event date .*"
    r"|price (tax|vat) excl.*|handle ?id|field type|discount (mode|value|amount|percent)|item type|published at|ecotax"
    r"|hide offers .*"
)


def is_internal(name: str) -> bool:
    """Whether a column of this name should not become a public attribute."""
    words = re.findall(r"[^\W_]+", unaccented(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)))
    plain = " ".join(words)
    unnumbered = re.sub(r"( \d+|(?<=[a-z])\d+)$", "", plain)
    return (
        bool(_SETTINGS.fullmatch(unnumbered))
        or not _NAMES.isdisjoint((plain, name.strip().casefold()))  # MwSt is one word
        or not _WORDS.isdisjoint(words)
        or any(word.startswith(_BEGINNINGS) for word in words)
        or bool(_PHRASES.search(plain))
    )
