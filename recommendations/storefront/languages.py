"""What shoppers write beside a photo, in English and German. Both are understood in every language of the pages."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words for units of money → a code or a sign of a currency.
UNITS = {
    "euro": "EUR", "euros": "EUR", "dollar": "$", "dollars": "$", "bucks": "$", "pound": "GBP", "pounds": "GBP",
    "quid": "GBP", "yen": "JPY", "yuan": "CNY", "franc": "CHF", "francs": "CHF", "rupee": "₹", "rupees": "₹",
    "kroner": "kr", "kronor": "kr", "krone": "kr", "krona": "kr", "zloty": "PLN", "won": "KRW", "rand": "ZAR",
    "pfund": "GBP", "franken": "CHF", "rappen": "CHF", "kronen": "kr", "rupien": "₹",
}  # fmt: skip

# Patterns of words before, between and after amounts.

UP_TO = (
    r"(?:(?:less|cheaper|lower|not? more|not? dearer) than|no(?:t)? (?:over|above)|under|below|beneath|within|up to|"
    r"at (?:the )?most|max(?:imum|imally|imal|\.)?(?: of)?|until|budget(?: of|:| von)?|"
    r"(?:weniger|günstiger|guenstiger|billiger|nicht mehr|nicht teurer) als|nicht (?:über|ueber)|unter|bis(?: zu)?|"
    r"h(?:ö|oe)chstens)(?!\w)|<=?|≤"
)
FROM = (
    r"(?:(?:more|dearer|higher|not? less|not? cheaper) than|not? (?:under|below)|over|above|at (?:the )?least|"
    r"min(?:imum|\.)?(?: of)?|from|starting at|"
    r"(?:mehr|teurer|nicht weniger|nicht billiger) als|nicht unter|über|ueber|ab|mindestens)(?!\w)|>=?|≥"
)
BETWEEN = "between|from|zwischen|von"
AND = "and|to|und|bis"
TO = "to|bis"
AT_MOST = (
    r"max(?:imum|imal|\.)?|or (?:less|under|below|cheaper)|at (?:the )?most|tops|"
    r"h(?:ö|oe)chstens|oder (?:weniger|billiger|günstiger)"
)
AT_LEAST = r"min(?:imum|\.)?|or (?:more|over|above)|at (?:the )?least|mindestens|oder mehr"
ROUGHLY = r"around|about|roughly|approximately|circa|ca\.|~|etwa|ungefähr|rund"

CHEAPER = (
    r"(?:cheaper|less expensive)(?: than (?:this|that|it)(?: one)?)?|more affordable|cheapest|cheap|affordable|"
    r"(?:g(?:ü|ue)nstig|billig|preiswert)(?:er(?:e[nrs]?)?|st(?:e[nrs]?)?|e[nrs]?)?"
)
IN_STOCK = r"in stock|available(?: now)?|auf lager|(?:sofort )?(?:lieferbar|verfügbar|vorrätig)"
SIZE = r"sizes?|gr(?:ö|oe)(?:ß|ss)en?|gr\."

NEGATIONS = _words("not no without non except excluding never nicht kein keine keinen keiner ohne außer ausser nie")
FILLERS = _words(
    "a an the in for with of and or but by from as to me my it its is are be this that these those one ones "
    "something anything only just please show find want need like similar same color colors colour colours "
    "coloured colored brand made which who also some any "
    "ein eine einen einem einer eines der die das den dem des im für fuer mit von und oder aber als zu mir mein "
    "meine es ist sind dies diese dieser dieses diesem etwas was nur bitte zeig zeige finde suche möchte brauche "
    "wie ähnlich ähnliche ähnliches gleich gleiche gleichen farbe farben marke aus auch"
)

#: Forms that the rule of endings does not cover, and words for the same people and colours.
ODD = {
    "men": "man", "men's": "man", "mens": "man", "male": "man", "males": "man", "gents": "man", "gentlemen": "man",
    "women": "woman", "womens": "woman", "female": "woman", "females": "woman", "lady": "woman", "ladies": "woman",
    "children": "kid", "child": "kid", "childrens": "kid", "grey": "gray",
    "multicolour": "multi", "multicolor": "multi", "multicoloured": "multi", "multicolored": "multi",
}  # fmt: skip

# German words as `folded` writes them, for shops whose labels are English or have another form.

_COLOURS = {
    "rot": "red", "grun": "green", "gruen": "green", "blau": "blue", "schwarz": "black", "weiss": "white",
    "grau": "gray", "braun": "brown", "gelb": "yellow", "rosa": "pink", "lila": "purple", "violett": "purple",
    "turki": "turquoise", "turkis": "turquoise", "bunt": "multi", "beige": "beige", "orange": "orange",
}  # fmt: skip
_PEOPLE = {
    "herr": "man", "herren": "man", "mann": "man", "manner": "man", "maenner": "man", "damen": "woman", "dame": "woman",
    "frau": "woman", "frauen": "woman", "kinder": "kid", "junge": "boy", "jungen": "boy",
    "madchen": "girl", "maedchen": "girl",
}  # fmt: skip
_ENDINGS = ("", "e", "er", "en", "em")  # "es" loses its s when it is folded
STEMS = {
    f"{colour}{ending}": {"gruen": "grun", "turkis": "turki"}.get(colour, colour)
    for colour in _COLOURS
    for ending in _ENDINGS
}
IN_ENGLISH = _PEOPLE | {f"{colour}{ending}": word for colour, word in _COLOURS.items() for ending in _ENDINGS}
