"""Names → the last part of an address. Only new addresses are made here: a stored slug never changes on save."""

import re

from django.utils.text import slugify

from catalog.search.words import fold

#: Greek and Cyrillic in Latin letters, after `fold`: without case and accents, so й is и, ё is е, ї is і.
_LATIN = str.maketrans(
    dict(zip("αβγδεζηικλμνξοπρστυφω", "avgdeziiklmnxoprstyfo", strict=True))
    | {"θ": "th", "χ": "ch", "ψ": "ps"}
    | dict(zip("абвгдезиклмнопрстуфыэіјґєўћђ", "abvgdeziklmnoprstufyeijgeucd", strict=True))
    | {"ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ь": "", "ю": "yu", "я": "ya"}
    | {"љ": "lj", "њ": "nj", "џ": "dz", "ѕ": "dz"}
)
_DASHES = re.compile("[\u2010-\u2015\u2212]")


def latin(text: str) -> str:
    """Lower case in Latin letters where there is a transcription: "Weiße Łódź" is "weisse lodz", "Шапка" is "shapka".

    Characters of other scripts, such as Chinese, stay as they are.
    """
    return fold(_DASHES.sub("-", text)).translate(_LATIN)


def slug_of(text: str) -> str:
    """ASCII letters, digits and hyphens. Empty if the text has no letter with a transcription."""
    return slugify(latin(str(text)))  # also of None, which the database refuses with a better reason


def is_partial(text: str) -> bool:
    """Whether `slug_of` leaves out letters: two such names can have the same slug."""
    return any(character.isalnum() and not character.isascii() for character in latin(text))
