"""Names of columns, in English and as tables in other languages have them."""

from __future__ import annotations

#: What each column may be called; case, spaces, underscores and hyphens do not matter.
NAMES = {
    "sku": (
        "sku", "id", "product id", "item id", "item number", "article number", "variant sku", "item sku", "seller sku",
        "product sku", "product code", "product code/sku", "custom label", "custom label (sku)", "reference",
    ),
    "title": (
        "title", "name", "product name", "product title", "product display name", "item name", "item title",
        "listing title",
    ),
    "image": (
        "image", "images", "photo", "photos", "picture", "pictures", "file", "file name", "image file", "image name",
        "image link", "image url", "image src", "picture url", "photo url", "product image", "product image file",
        "product image url", "item photo url", "pic url", "hosted image urls", "image urls", "base image", "main image",
        "main image url",
    ),
    "more_images": (
        "more images", "additional image", "additional images", "additional image link", "additional image links",
        "additional image url", "additional image urls", "other image url", "other images", "gallery images",
    ),
    "description": (
        "description", "body", "body (html)", "details", "product description", "item description", "long description",
        "short description", "summary",
    ),
    "brand": ("brand", "brand name", "vendor", "manufacturer", "brands"),
    "category": (
        "category", "type", "product type", "product category", "categories", "category path",
        "google product category", "collection", "category name",
    ),
    "price": (
        "price", "amount", "regular price", "selling price", "variant price", "unit price", "retail price",
        "start price", "current price", "standard price", "price tax included", "price (tax incl.)", "price incl. VAT",
    ),
    "sale_price": (
        "sale price", "discounted price", "reduced price", "special price", "discount price", "price on sale",
    ),
    "sale_price_dates": ("sale price dates", "sale price effective date"),
    "compare_at_price": (
        "compare at price", "former price", "old price", "original price", "list price", "rrp", "msrp",
        "variant compare at price", "msrp price", "mrp", "was", "was price",
    ),
    "currency": ("currency", "currency code"),
    "stock": (
        "stock", "qty", "quantity", "inventory", "stock quantity", "stock level", "quantity in stock", "units in stock",
        "inventory quantity", "variant inventory qty", "stock qty", "qty available", "quantity available",
        "available quantity", "available stock", "on hand", "qty on hand", "quantity on hand", "current stock",
        "current stock level", "stock on hand",
    ),
    "availability": ("availability", "in stock", "available", "stock status", "is in stock"),
    "published": (
        "published", "active", "visible", "status", "product visible", "product online", "is active", "is visible",
    ),
    "condition": ("condition", "item condition", "product condition"),
    "size": ("size", "product size", "size name"),
    "gtin": (
        "gtin", "ean", "upc", "isbn", "barcode", "variant barcode", "gtin, upc, ean, or isbn", "upc/ean",
        "product upc/ean", "external product id",
    ),
    "group": ("group", "item group id", "group id", "product group", "parent sku", "style id", "style code"),
    "url": ("url", "link", "product url", "product link", "buy link", "buy url", "external url"),
    "alt": ("alt", "alt text", "image alt", "image alt text", "image alt texts", "product image description"),
}  # fmt: skip
#: Attributes that the shop knows by name, and other names of their columns.
ATTRIBUTES = {"colour": ("color", "base colour", "base color", "colour name", "color name"), "gender": ("sex",)}
#: German, French, Spanish, Italian, Dutch, Danish, Norwegian and Swedish names. Accents do not matter, nor does ae
#: for ä.
TRANSLATED = {
    "sku": (
        "Artikelnummer", "Artikel-Nr.", "Art.-Nr.", "Artikelnr", "Bestellnummer", "Produktnummer", "référence",
        "code article", "numéro d'article", "referencia", "código de artículo", "codice", "codice articolo",
        "riferimento", "artikelcode", "Produktcode", "code produit", "código de producto", "codice prodotto",
        "productcode", "varenummer", "varenr.", "artikkelnummer",
    ),
    "title": (
        "Bezeichnung", "Artikelbezeichnung", "Artikelname", "Produktname", "Produktbezeichnung", "Titel", "nom",
        "nom du produit", "titre", "désignation", "intitulé", "nombre", "nombre del producto", "título", "nome",
        "nome prodotto", "nome del prodotto", "titolo", "naam", "productnaam", "Artikel", "Titre de l'article",
        "libellé", "libellé produit", "nom de l'article", "denominación", "nombre del artículo", "artículo",
        "denominazione", "nome articolo", "articolo", "artikelnaam", "benaming", "navn", "produktnavn", "varenavn",
        "namn", "produktnamn", "benämning",
    ),
    "image": (
        "Bild", "Bilder", "Foto", "Fotos", "Produktbild", "Bilddatei", "Bildname", "Bild-URL", "fichier image",
        "imagen", "imágenes", "immagine", "immagini", "afbeelding", "afbeeldingen", "URL de l'image", "URL de imagen",
        "URL immagine", "billede", "billeder", "bilde",
    ),
    "more_images": (
        "weitere Bilder", "Zusatzbilder", "autres images", "images supplémentaires", "otras imágenes", "altre immagini",
        "extra afbeeldingen",
    ),
    "description": (
        "Beschreibung", "Artikelbeschreibung", "Produktbeschreibung", "Langtext", "descripción", "descrizione",
        "beschrijving", "omschrijving", "Kurzbeschreibung", "Kurztext", "Produkttext", "descriptif",
        "description courte", "description longue", "descripción corta", "descripción larga", "descrizione breve",
        "descrizione lunga", "korte beschrijving", "korte omschrijving", "lange omschrijving", "beskrivelse",
        "produktbeskrivelse", "beskrivning", "produktbeskrivning",
    ),
    "brand": (
        "Marke", "Hersteller", "marque", "fabricant", "marca", "fabricante", "produttore", "merk", "fabbricante",
        "fabrikant", "mærke", "varemærke", "merke", "varemerke", "varumärke",
    ),
    "category": (
        "Kategorie", "Kategorien", "Warengruppe", "Produktgruppe", "catégorie", "catégories", "rayon", "categoría",
        "categorías", "categoria", "categorie", "kategori", "kategorier", "varegruppe", "produktkategori",
    ),
    "price": (
        "Preis", "Verkaufspreis", "Bruttopreis", "VK", "VK-Preis", "VK brutto", "prix", "prix de vente", "prix TTC",
        "precio", "precio de venta", "PVP", "prezzo", "prezzo di vendita", "prijs", "verkoopprijs", "Einzelpreis",
        "Stückpreis", "Preis inkl. MwSt.", "prix unitaire", "prix public", "precio unitario", "precio con IVA",
        "prezzo unitario", "prezzo IVA inclusa", "stuksprijs", "eenheidsprijs", "prijs incl. btw", "pris", "salgspris",
        "udsalgspris", "försäljningspris", "utsalgspris",
    ),
    "sale_price": (
        "Sonderpreis", "Angebotspreis", "Aktionspreis", "prix promo", "prix promotionnel", "prix soldé",
        "precio de oferta", "precio rebajado", "prezzo scontato", "actieprijs", "aanbiedingsprijs", "tilbudspris",
        "kampanjpris", "kampagnepris", "reapris",
    ),
    "compare_at_price": (
        "UVP", "alter Preis", "Statt-Preis", "Streichpreis", "prix barré", "ancien prix", "prix conseillé",
        "precio anterior", "prezzo precedente", "prezzo originale", "oude prijs", "adviesprijs", "førpris",
        "vejledende pris", "veiledende pris", "ordinarie pris",
    ),
    "currency": ("Währung", "devise", "monnaie", "moneda", "divisa", "valuta", "valutakode"),
    "stock": (
        "Bestand", "Lagerbestand", "Menge", "Anzahl", "Stückzahl", "quantité", "qté", "cantidad", "existencias",
        "quantità", "giacenza", "voorraad", "aantal", "verfügbare Menge", "Lagermenge", "stock disponible",
        "quantité en stock", "quantité disponible", "cantidad disponible", "quantità disponibile",
        "beschikbare voorraad", "lagerantal", "lagerbeholdning", "antal", "antall", "beholdning", "lagersaldo",
    ),
    "availability": (
        "Verfügbarkeit", "verfügbar", "lieferbar", "auf Lager", "disponibilité", "disponible", "en stock",
        "disponibilidad", "disponibilità", "disponibile", "beschikbaarheid", "beschikbaar", "op voorraad",
        "tilgængelighed", "lagerstatus", "tilgjengelighet", "tillgänglighet", "på lager", "i lager",
    ),
    "published": (
        "veröffentlicht", "aktiv", "sichtbar", "publié", "actif", "publicado", "activo", "pubblicato", "attivo",
        "gepubliceerd", "actief", "zichtbaar", "synlig", "publiceret", "publisert", "publicerad",
    ),
    "condition": ("Zustand", "état", "estado", "condizione", "condizioni", "conditie", "staat", "tilstand", "skick"),
    "size": ("Größe", "Kleidergröße", "taille", "talla", "tamaño", "taglia", "misura", "maat", "størrelse", "storlek"),
    "gtin": (
        "Strichcode", "EAN-Code", "EAN13", "code-barres", "código de barras", "codice a barre", "streepjescode",
        "stregkode", "strekkode", "streckkod",
    ),
    "group": ("Hauptartikel", "Elternartikel", "Vaterartikel", "article parent", "artículo padre"),
    "url": ("Produktlink", "Produkt-URL", "lien", "enlace", "collegamento", "produktlänk"),
    "alt": ("Alternativtext", "texte alternatif", "texto alternativo", "testo alternativo", "alternatieve tekst"),
}  # fmt: skip
#: Likewise, of attributes that the shop knows by name.
TRANSLATED_ATTRIBUTES = {
    "colour": ("Farbe", "couleur", "colore", "kleur", "farve", "farge", "färg"),
    "gender": ("Geschlecht", "sexe", "sexo", "genere", "género", "geslacht", "køn", "kjønn", "kön"),
}
#: Names that only count if no other column has the same meaning, besides the translated ones.
WEAK = (
    "in stock", "available", "stock status", "regular price", "selling price", "brand name", "type", "product type",
    "status", "external product id", "reference", "item sku", "seller sku", "product sku", "product code",
    "product code/sku", "custom label", "custom label (sku)", "item name", "item title", "listing title", "picture url",
    "photo url", "product image", "product image file", "product image url", "item photo url", "pic url",
    "hosted image urls", "image urls", "base image", "main image", "main image url", "current price", "standard price",
    "price tax included", "price (tax incl.)", "price incl. VAT", "special price", "discount price",
    "price on sale", "msrp price", "stock qty", "qty available", "quantity available", "available quantity",
    "available stock", "current stock", "current stock level", "is in stock", "product visible", "product online",
    "is active", "is visible", "short description", "summary",
)  # fmt: skip
#: Names that only count if no weak one does: numbers of another program, vague words, and what may mean something else.
WEAKEST = (
    "id", "product id", "item id", "item number", "google product category", "collection",
    "category name", "unit price", "retail price", "start price", "on hand", "qty on hand", "quantity on hand",
    "stock on hand", "Artikel", "artículo", "articolo", "libellé", "denominación", "denominazione", "benaming",
    "Einzelpreis", "Stückpreis", "prix unitaire", "prix public", "precio unitario", "prezzo unitario", "stuksprijs",
    "eenheidsprijs", "verfügbare Menge", "Lagermenge", "stock disponible", "quantité disponible",
    "cantidad disponible", "quantità disponibile", "beschikbare voorraad", "Kurzbeschreibung", "Kurztext",
    "description courte", "descripción corta", "descrizione breve", "korte beschrijving", "korte omschrijving",
)  # fmt: skip
