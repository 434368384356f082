"""Cells as people type them, and what they mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from contextlib import suppress
from decimal import Decimal
from typing import NamedTuple

from common.money import CURRENCIES, decimals_of

MOST_STOCK = 2**31 - 1  # of Postgres's integer
_NOISE = Decimal("1e-6")  # 29.900000000000002, as programs write 29.90
PRICE_BELOW = 10**8  # ten digits, two of them cents

#: Signs next to a price, and the currencies written with them. The first one applies by default, except for "kr". Case
#: does not matter.
SIGNS = {
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"),
    "€": ("EUR",),
    "Euro": ("EUR",),
    "£": ("GBP",),
    "¥": ("JPY", "CNY"),
    "₹": ("INR",),
    "Rs.": ("INR", "PKR", "LKR", "NPR"),
    "Rs": ("INR", "PKR", "LKR", "NPR"),
    "₩": ("KRW",),
    "₺": ("TRY",),
    "₽": ("RUB",),
    "₴": ("UAH",),
    "₪": ("ILS",),
    "zł": ("PLN",),
    "Kč": ("CZK",),
    "Ft": ("HUF",),
    "lei": ("RON",),
    "₫": ("VND",),
    "₱": ("PHP",),
    "฿": ("THB",),
    "₦": ("NGN",),
    "₸": ("KZT",),
    "kr": ("SEK", "NOK", "DKK", "ISK"),
    "kr.": ("SEK", "NOK", "DKK", "ISK"),
    "Fr.": ("CHF",),
    "SFr.": ("CHF",),
    "R$": ("BRL",),
    "US$": ("USD",),
    "C$": ("CAD",),
    "CA$": ("CAD",),
    "A$": ("AUD",),
    "AU$": ("AUD",),
    "NZ$": ("NZD",),
    "S$": ("SGD",),
    "HK$": ("HKD",),
    "MX$": ("MXN",),
    "NT$": ("TWD",),
}
#: In English, German, French, Spanish, Italian, Dutch, Danish, Norwegian and Swedish; accents do not
#: matter. WooCommerce writes -1 for a draft.
YES = {
    "yes", "y", "true", "t", "1", "on", "active", "published", "visible", "enabled", "online", "ja", "wahr", "aktiv",
    "sichtbar", "oui", "vrai", "actif", "publie", "si", "verdadero", "activo", "publicado", "vero", "attivo", "waar",
    "actief", "zichtbaar", "sand", "sandt", "synlig", "publiceret", "publisert", "publicerad",
}  # fmt: skip
NO = {
    "no", "n", "false", "f", "0", "-1", "off", "inactive", "unpublished", "hidden", "disabled", "draft", "archived",
    "offline", "unlisted", "nein", "falsch", "inaktiv", "entwurf", "non", "faux", "inactif", "brouillon", "falso",
    "inactivo", "borrador", "inattivo", "bozza", "nee", "onwaar", "inactief", "concept", "nej", "nei",
    "falsk", "falskt", "skjult", "dold", "kladde", "utkast",
}  # fmt: skip
AVAILABLE = {
    "in stock", "instock", "available", "limited availability", "yes", "true", "1", "ja", "auf lager", "lieferbar",
    "sofort lieferbar", "verfugbar", "verfuegbar", "oui", "en stock", "disponible", "si", "disponibile",
    "op voorraad", "beschikbaar", "pa lager", "i lager", "tilgængelig", "tilgjengelig", "tillganglig",
}  # fmt: skip
UNAVAILABLE = {
    "out of stock", "outofstock", "sold out", "sold", "unavailable", "not available", "discontinued", "preorder",
    "pre order", "backorder", "onbackorder", "back order", "no", "false", "0", "nein", "nicht auf lager",
    "ausverkauft", "vergriffen", "nicht lieferbar", "nicht verfugbar", "nicht verfuegbar", "verkauft", "non",
    "rupture de stock", "en rupture", "epuise", "indisponible", "vendu", "agotado", "sin existencias", "no disponible",
    "vendido", "esaurito", "non disponibile", "venduto", "nee", "uitverkocht", "niet op voorraad", "niet beschikbaar",
    "verkocht", "nej", "nei", "ikke pa lager", "udsolgt", "utsolgt", "solgt", "ej i lager", "slutsald", "sald",
}  # fmt: skip
#: Words for an unknown value, in lower case, as people, pandas, spreadsheets and databases write them.
ABSENT = frozenset({
    "", "na", "n/a", "n.a.", "n. a.", "nan", "-nan", "nat", "null", "none", "nil", "undefined", "<na>", "(null)",
    r"\n", "-", "--", "---", "–", "—", "#n/a", "#n/a n/a", "#na", "#null!", "#value!", "#ref!", "#name?", "#div/0!",
    "#num!", "#getting_data",
})  # fmt: skip

#: Those that are no title either. NA or None may be one.
BROKEN = frozenset(
    each for each in ABSENT if each[:1] in "#<(" or each in ("", "nan", "-nan", "nat", "null", "undefined", r"\n")
)

_MEANINGS = {sign.casefold(): codes for sign, codes in SIGNS.items()}
#: In any case; others only in capitals: "5 all" is no price.
_CODES = {code for codes in SIGNS.values() for code in codes}
SIGN = "|".join([*sorted(CURRENCIES), *(f"(?i:{re.escape(sign)})" for sign in sorted(_CODES | SIGNS.keys()))])
_PRICE = re.compile(
    rf"({SIGN})?\s*([0-9](?:[0-9.,'’\s]*[0-9])?)(?:([.,])[-–—]{{1,2}}|(/)[-–—=])?\s*({SIGN})?"
)  # also 12,- and 12/-
_MARKED = re.compile(r"'([^'\s][^']*)|=\"([^\"]+)\"|\"([^\"]+)\"")
_SPACED = re.compile(r"(?<=[0-9])[\s'’](?=[0-9]{3}(?![0-9]))")  # 1 299 and 1'299
#: Thousands and cents, both ways round.
_READINGS = [
    re.compile(rf"((?:[1-9][0-9]{{0,2}}(?:{thousands}[0-9]{{3}})+)|[0-9]+)(?:{point}([0-9]+))?")
    for thousands, point in ((",", r"\."), (r"\.", ","))
] + [re.compile(r"([1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3})(?:\.([0-9]+))?")]  # 1,29,999.00, as in India
#: In what must be found again as it was typed: soft hyphens, zero-width characters and marks of direction.
_UNSEEN = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")
#: After a number in stock; "5+" and "> 5" are at least five.
_UNITS = re.compile(
    r"(?<=[0-9])\s*(?:\+|(?:pcs?|pieces?|units?|items?|stk|stck|stuck|st|unites?|uds?|unidades|pz|pezzi|stuks?)\.?)$"
)
_AT_LEAST = re.compile(r"^(?:>=?|≥)\s*(?=[0-9])")
_MONTH = (
    "(?:jan|feb|mar|mrz|mrt|apr|avr|abr|may|mai|mei|maj|jun|jul|aug|ago|aou|sep|oct|okt|ott|nov|dec|dez|dic)[a-z]{0,6}"
)
#: What spreadsheets make of 10-12: 12-Oct, 12. Okt or 2026-10-12.
_DATE = re.compile(
    rf"[0-9]{{1,2}}[-. ]{{1,2}}{_MONTH}\.?|{_MONTH}[-. ]{{1,2}}[0-9]{{1,2}}|[12][0-9]{{3}}-[0-9]{{2}}-[0-9]{{2}}"
    r"|[0-9]{1,2}([./])[0-9]{1,2}\1[12][0-9]{3}"
)
_SHORTENED = re.compile(r"[1-9](?:[.,][0-9]+)?E\+[0-9]{2}", re.I)


class BadCell(Exception):
    """The message continues a sentence that begins with column and text: `price: "abc"` … `is not a price`."""


class Price(NamedTuple):
    """`currencies` are those that the sign or code next to the amount may mean; empty without one."""

    amount: Decimal
    currencies: tuple[str, ...] = ()


def present(text: str, words: Collection[str] = ABSENT) -> str:
    """`text`, or "" if it is a word for an unknown value: "NA", "none", "null" …"""
    return "" if text.casefold() in words else text


def currencies_of(sign: str) -> tuple[str, ...]:
    """Those that a sign or code may mean."""
    return _MEANINGS.get(sign.casefold(), (sign.upper(),))


def one_line(text: str) -> str:
    """With single spaces instead of line breaks, tabs and non-breaking spaces."""
    return " ".join(text.split())


def identifier(text: str) -> str:
    """000123 for '000123 and ="000123", as spreadsheets write numbers that are text; without invisible characters."""
    text = _UNSEEN.sub("", text)
    match = _MARKED.fullmatch(text)
    return (match[1] or match[2] or match[3]) if match else text


def whole_identifier(text: str) -> str:
    """
    Raises:
        BadCell: a spreadsheet has shortened it to 4.00638E+12.
    """
    if _SHORTENED.fullmatch(text):
        raise BadCell("is a number that a spreadsheet shortened: format its column as text there, and export again")
    return text


def whole(text: str, digits: int = 1) -> str:
    """9001 for 9001.0, as pandas writes whole numbers of a column in which one is missing.

    Args:
        digits: numbers with fewer of them stay as they are.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,14})\.0", text)
    return match[1] if match and len(match[1]) >= digits else text


def price_of(text: str) -> Price:
    """Reads 12.50, 12,50, 1.299,00, 1,299.00, 1 299,00, 1,29,999.00 and so on, with a sign or code of a
    currency on either side."""
    match = _PRICE.fullmatch(text)
    if not match:
        raise BadCell("is negative" if _PRICE.fullmatch(re.sub("^[-−–]\\s*", "", text)) else "is not a price")
    before, number, point, slash, after = match.groups()
    signs = [currencies_of(sign) for sign in (before, after) if sign]
    currencies = tuple(each for each in signs[0] if each in signs[-1]) if signs else ()
    if signs and not currencies:
        raise BadCell("names two currencies")
    number = _SPACED.sub("", number) + (f"{point}00" if point else ".00" if slash and "." not in number else "")
    return Price(_amount(number, decimals={decimals_of(each) for each in currencies}), currencies)


def plain_amount(text: str, currency: str = "") -> str:
    """`12.50` for 12,50, 1.299,00 or 12,50 €; other text, and what may be read in two ways, as it is.

    Args:
        currency: that a sign next to the amount must mean.
    """
    try:
        amount, currencies = price_of(text.strip())
    except BadCell:
        return text
    return text if currencies and currency not in currencies else str(amount)


def _amount(number: str, decimals: Collection[int]) -> Decimal:
    """
    Args:
        decimals: that the currency next to the number may have; empty without one.
    """
    matches = [match for reading in _READINGS if (match := reading.fullmatch(number))]
    amounts = {Decimal(f"{re.sub('[.,]', '', match[1])}.{match[2] or '0'}") for match in matches}
    if not amounts:
        raise BadCell("is not a price")
    if decimals == {0}:  # 12,000 won
        amounts = {each for each in amounts if each == each.to_integral()} or amounts
        amounts = {max(amounts)}
    if len(amounts) > 1:  # a price that is wrong a thousandfold would be worse than none
        most, least = max(amounts).quantize(Decimal(1)), min(amounts)
        if decimals == {3}:
            raise BadCell(f"may be {most} or {least:f}: write {most} or {least:.2f}, as amounts have two decimals here")
        raise BadCell(f"may be {most} or {least:f}: write {most} or {least:.2f}")
    amount = amounts.pop()
    if amount >= PRICE_BELOW:
        raise BadCell("is too large for a price")
    cents = amount.quantize(Decimal("0.01"))
    if abs(cents - amount) > _NOISE:
        raise BadCell("has more than two decimals, and amounts are stored with two in every currency")
    return cents


def currency_of(text: str) -> str:
    """Of a code, or of a sign that means one currency."""
    if len(meant := _MEANINGS.get(text.casefold(), ())) == 1:
        return meant[0]
    if text.upper() not in CURRENCIES:
        raise BadCell("is not a currency: use its three-letter code, for instance EUR")
    return text.upper()


def currency_for(price: Price | None, column: str | None, usual: str) -> str | None:
    """The currency of the column, else the one next to the price; None without either.

    Args:
        usual: meant by a sign that several currencies share, if it is one of them.
    """
    if price is None or not price.currencies:
        return column
    if column is None:
        if usual not in price.currencies and price.currencies == SIGNS["kr"]:
            raise BadCell("may be in SEK, NOK, DKK or ISK: write the code, or add a column currency")
        return usual if usual in price.currencies else price.currencies[0]
    if column not in price.currencies:
        raise BadCell(f"is not in {column}, the row's currency")
    return column


def stock_of(text: str) -> int:
    """Reads 3, 3.0, 1 000, 1,000,000, 10 pcs and 5+. Neither 1,000 nor 1.000: they may be one or a thousand."""
    text = _SPACED.sub("", _AT_LEAST.sub("", _UNITS.sub("", unaccented(text))))
    if re.fullmatch(r"[1-9][0-9]{0,2}([.,])[0-9]{3}(\1[0-9]{3})+", text):
        text = re.sub("[.,]", "", text)
    if re.fullmatch(r"[1-9][0-9]{0,2}[.,][0-9]{3}", text):
        raise BadCell(f"may be {re.sub('[.,]', '', text)}: write it without a separator")
    match = re.fullmatch(r"([0-9]{1,10})(?:[.,]0+)?", text)
    if not match or int(match[1]) > MOST_STOCK:
        raise BadCell("is negative" if re.fullmatch("-[0-9.,]+", text) else "is not a whole number")
    return int(match[1])


def stock_or_word_of(text: str) -> int | None:
    """A number, or a word for its availability: Wix writes InStock."""
    if re.search("[0-9]", text) is None:
        with suppress(BadCell):
            return None if available_of(text) else 0
    return stock_of(text)


def size_of(text: str) -> str:
    """
    Raises:
        BadCell: a spreadsheet took a size such as 10-12 for a date.
    """
    if _DATE.fullmatch(unaccented(text)):
        raise BadCell("is a date, made by a spreadsheet of a size such as 10-12: format its column as text there")
    return text


def published_of(text: str) -> bool:
    word = _truth(unaccented(text))
    if word not in YES | NO:
        raise BadCell("is neither yes nor no")
    return word in YES


def category_of(text: str) -> tuple[str, ...]:
    """From the top down. With > between levels a slash is part of a name: `Clothing > Shirts/Tops`."""
    names = (name.strip() for name in text.split(">" if ">" in text else "/"))
    return tuple(dict.fromkeys(filter(None, names)))


def deepest(text: str) -> str:
    """Of several paths, one with the most levels: a product here is in one category.

    Paths are separated by semicolons, or by commas if all of them begin alike: Magento's
    `Default Category/Gear,Default Category/Gear/Bags`. "Clothing, Shoes & Jewelry" is one name.
    """
    paths = [path.strip() for path in text.split(";") if path.strip()]
    if len(paths) == 1 and len({re.split("[>/]", path)[0].strip() for path in text.split(",")}) == 1:
        paths = text.split(",")
    return max(paths, key=lambda path: len(category_of(path)), default="")


def gtin_of(text: str) -> str:
    """Digits of an EAN, UPC, GTIN-14 or ISBN-13, leading zeros included. Spaces and hyphens between them are left out.

    Source: GS1 General Specifications, 7.9 (check digit: digits weigh 3 and 1 in turn, from the right).
    """
    digits = re.sub(r"[\s-]", "", whole_identifier(text))
    if not re.fullmatch(r"[0-9]{8}|[0-9]{12,14}", digits):
        raise BadCell("is not a GTIN: it needs 8, 12, 13 or 14 digits, leading zeros included")
    weighed = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits[:-1])))
    if (weighed + int(digits[-1])) % 10:
        raise BadCell("is not a GTIN: its check digit does not fit, so a digit is wrong")
    return digits


def unaccented(text: str) -> str:
    """Lower case without accents: Größe is grosse."""
    if text.isascii():
        return text.casefold()
    return "".join(each for each in unicodedata.normalize("NFKD", text).casefold() if not unicodedata.combining(each))


def _truth(word: str) -> str:
    """1 for 1.0, as pandas writes yes and no of a column in which one is missing."""
    return word[0] if word in ("0.0", "1.0") else word


def available_of(text: str) -> bool:
    word = _truth(re.sub(r"[\s_-]+", " ", unaccented(text)))
    if word not in AVAILABLE | UNAVAILABLE:
        raise BadCell("is neither in stock nor out of stock")
    return word in AVAILABLE


def parts_of(text: str) -> tuple[str, ...]:
    return tuple(part for each in re.split("[|;]", text) if (part := each.strip()))
