"""Names of columns, in English and as tables in other languages have them."""

from __future__ import annotations

#: What each column may be called; case, spaces, underscores and hyphens do not matter.
NAMES = {
    "sku": ("sku", "id", "product id", "item id", "item number", "article number", "variant sku"),
    "title": ("title", "name", "product name", "product title", "product display name"),
    "image": (
        "image", "images", "photo", "photos", "picture", "pictures", "file", "file name", "image file", "image name",
        "image link", "image url", "image src",
    ),
    "more_images": (
        "more images", "additional image", "additional images", "additional image link", "additional image links",
    ),
    "description": ("description", "body", "body (html)", "details"),
    "brand": ("brand", "brand name", "vendor", "manufacturer"),
    "category": (
        "category", "type", "product type", "product category", "categories", "category path",
        "google product category",
    ),
    "price": ("price", "amount", "regular price", "selling price", "variant price"),
    "sale_price": ("sale price", "discounted price", "reduced price"),
    "compare_at_price": (
        "compare at price", "former price", "old price", "original price", "list price", "rrp", "msrp",
        "variant compare at price",
    ),
    "currency": ("currency", "currency code"),
    "stock": (
        "stock", "qty", "quantity", "inventory", "stock quantity", "stock level", "quantity in stock", "units in stock",
        "inventory quantity", "variant inventory qty",
    ),
    "availability": ("availability", "in stock", "available", "stock status"),
    "published": ("published", "active", "visible", "status"),
    "condition": ("condition", "item condition"),
    "size": ("size", "product size"),
    "gtin": ("gtin", "ean", "upc", "isbn", "barcode", "variant barcode", "gtin, upc, ean, or isbn"),
    "group": ("group", "item group id", "group id", "product group", "parent sku", "style id", "style code"),
    "url": ("url", "link", "product url", "product link", "buy link", "buy url", "external url"),
    "alt": ("alt", "alt text", "image alt", "image alt text"),
}  # fmt: skip
#: Attributes that the shop knows by name, and other names of their columns.
ATTRIBUTES = {"colour": ("color", "base colour", "base color"), "gender": ("sex",)}
#: German, French, Spanish, Italian and Dutch names. Accents do not matter, nor does ae for ä.
TRANSLATED = {
    "sku": (
        "Artikelnummer", "Artikel-Nr.", "Art.-Nr.", "Artikelnr", "Bestellnummer", "Produktnummer", "référence",
        "code article", "numéro d'article", "referencia", "código de artículo", "codice", "codice articolo",
        "riferimento", "artikelcode",
    ),
    "title": (
        "Bezeichnung", "Artikelbezeichnung", "Artikelname", "Produktname", "Produktbezeichnung", "Titel", "nom",
        "nom du produit", "titre", "désignation", "intitulé", "nombre", "nombre del producto", "título", "nome",
        "nome prodotto", "nome del prodotto", "titolo", "naam", "productnaam",
    ),
    "image": (
        "Bild", "Bilder", "Foto", "Fotos", "Produktbild", "Bilddatei", "Bildname", "Bild-URL", "fichier image",
        "imagen", "imágenes", "immagine", "immagini", "afbeelding", "afbeeldingen",
    ),
    "more_images": (
        "weitere Bilder", "Zusatzbilder", "autres images", "images supplémentaires", "otras imágenes",
        "altre immagini", "extra afbeeldingen",
    ),
    "description": (
        "Beschreibung", "Artikelbeschreibung", "Produktbeschreibung", "Langtext", "descripción", "descrizione",
        "beschrijving", "omschrijving",
    ),
    "brand": ("Marke", "Hersteller", "marque", "fabricant", "marca", "fabricante", "produttore", "merk"),
    "category": (
        "Kategorie", "Kategorien", "Warengruppe", "Produktgruppe", "catégorie", "catégories", "rayon", "categoría",
        "categorías", "categoria", "categorie",
    ),
    "price": (
        "Preis", "Verkaufspreis", "Bruttopreis", "VK", "VK-Preis", "VK brutto", "prix", "prix de vente", "prix TTC",
        "precio", "precio de venta", "PVP", "prezzo", "prezzo di vendita", "prijs", "verkoopprijs",
    ),
    "sale_price": (
        "Sonderpreis", "Angebotspreis", "Aktionspreis", "prix promo", "prix promotionnel", "prix soldé",
        "precio de oferta", "precio rebajado", "prezzo scontato", "actieprijs", "aanbiedingsprijs",
    ),
    "compare_at_price": (
        "UVP", "alter Preis", "Statt-Preis", "Streichpreis", "prix barré", "ancien prix", "prix conseillé",
        "precio anterior", "prezzo precedente", "prezzo originale", "oude prijs", "adviesprijs",
    ),
    "currency": ("Währung", "devise", "monnaie", "moneda", "divisa", "valuta"),
    "stock": (
        "Bestand", "Lagerbestand", "Menge", "Anzahl", "Stückzahl", "quantité", "qté", "cantidad", "existencias",
        "quantità", "giacenza", "voorraad", "aantal",
    ),
    "availability": (
        "Verfügbarkeit", "verfügbar", "lieferbar", "auf Lager", "disponibilité", "disponible", "en stock",
        "disponibilidad", "disponibilità", "disponibile", "beschikbaarheid", "beschikbaar", "op voorraad",
    ),
    "published": (
        "veröffentlicht", "aktiv", "sichtbar", "publié", "actif", "publicado", "activo", "pubblicato", "attivo",
        "gepubliceerd", "actief", "zichtbaar",
    ),
    "condition": ("Zustand", "état", "estado", "condizione", "condizioni", "conditie", "staat"),
    "size": ("Größe", "Kleidergröße", "taille", "talla", "tamaño", "taglia", "misura", "maat"),
    "gtin": ("Strichcode", "EAN-Code", "EAN13", "code-barres", "código de barras", "codice a barre", "streepjescode"),
    "group": ("Hauptartikel", "Elternartikel", "Vaterartikel", "article parent", "artículo padre"),
    "url": ("Produktlink", "Produkt-URL", "lien", "enlace", "collegamento"),
    "alt": ("Alternativtext", "texte alternatif", "texto alternativo", "testo alternativo", "alternatieve tekst"),
}  # fmt: skip
#: Likewise, of attributes that the shop knows by name.
TRANSLATED_ATTRIBUTES = {
    "colour": ("Farbe", "couleur", "colore", "kleur"),
    "gender": ("Geschlecht", "sexe", "sexo", "genere", "género", "geslacht"),
}
