"""Queries as shoppers type them, drawn from a catalog, and how often the first results are right."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

GENDERS = frozenset("men mens women womens boys girls unisex kids".split())  # noqa: SIM905 (a sentence of words)
LEAST_PRODUCTS = 20  # of a brand
LEAST_LETTERS = 5  # of a word that is misspelt
KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


@dataclass(frozen=True)
class Item:
    title: str
    category: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """Attributes: right: whether a product is what the shopper wants, by its title and the names of its categories."""

    kind: str
    text: str
    right: Callable[[Item], bool]


def draw(items: Sequence[Item], count: int, seed: int) -> list[Query]:
    """Half of the queries are from titles, a quarter each are brands and categories; each second one is misspelt."""
    rng = random.Random(seed)
    brands, categories = _brands(items), sorted({name for item in items for name in item.category})
    made = []
    for number in range(count):
        kind = ("title", "brand", "title", "category")[number // 2 % 4]
        if kind == "title":
            text, right = _of_title(rng.choice(items).title, rng)
        elif kind == "brand":
            text = rng.choice(brands)
            right = _starts_with(text)
        else:
            text = rng.choice(categories)
            right = _is_in(text)
        if number % 2:
            kind, text = f"{kind}, misspelt", misspelt(text, rng)
        made.append(Query(kind, text, right))
    return made


def misspelt(text: str, rng: random.Random) -> str:
    """One letter is left out, doubled, swapped with the next one, or replaced by its neighbour on the keyboard."""
    words = text.split()
    long = [place for place, word in enumerate(words) if len(word) >= LEAST_LETTERS and word.isalpha()]
    if not long:
        return text
    place = rng.choice(long)
    word = words[place].lower()
    at = rng.randrange(len(word) - 1)
    ways = [
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + _beside(word[at], rng) + word[at + 1 :],
    ]
    words[place] = rng.choice([way for way in ways if way != word])
    return " ".join(words)


def _beside(letter: str, rng: random.Random) -> str:
    row = next((row for row in KEYS if letter in row), letter)
    at = row.find(letter)
    return rng.choice([row[near] for near in (at - 1, at + 1) if 0 <= near < len(row)] or [letter])


def words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _of_title(title: str, rng: random.Random) -> tuple[str, Callable[[Item], bool]]:
    words = title.split()
    length = min(len(words), rng.randint(2, 4))
    start = rng.randrange(len(words) - length + 1)
    text = " ".join(words[start : start + length])
    wanted = words_of(text)
    return text, lambda item: wanted <= words_of(item.title)


def _starts_with(brand: str) -> Callable[[Item], bool]:
    return lambda item: item.title.lower().startswith(brand.lower())


def _is_in(category: str) -> Callable[[Item], bool]:
    return lambda item: category in item.category


def _brands(items: Sequence[Item]) -> list[str]:
    """What stands before "Men" or "Women" in many titles."""
    counts: Counter[str] = Counter()
    for item in items:
        words = re.split(r"\s+", re.sub(r"['’]s?\b", "", item.title))
        at = next((place for place, word in enumerate(words) if word.lower() in GENDERS), 0)
        if 0 < at <= 3:
            counts[" ".join(words[:at])] += 1
    return sorted(brand for brand, count in counts.items() if count >= LEAST_PRODUCTS)
