"""Every word that people read on a page is marked for translation."""

from __future__ import annotations

import re
import struct
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.template.base import Lexer, TokenType
from django.utils import translation

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))

#: Attributes that people read or hear.
SPOKEN = {"alt", "aria-label", "aria-description", "placeholder", "title"}
#: Elements whose text is code, not words.
CODE = {"code", "script", "style"}
#: Template tags between which text is translated.
TRANSLATED = re.compile(r"blocktrans(late)?\b")
#: Placeholder for the output of a tag or a variable.
WRITTEN = "\x1a"


class Words(HTMLParser):
    """Collects the literal text of a page and of the attributes that people read."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._code += tag in CODE
        read = [value for name, value in attrs if name in SPOKEN or name.startswith("data-say-")]
        if tag == "meta" and ("name", "description") in attrs:
            read += [value for name, value in attrs if name == "content"]
        for value in read:
            self._note(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in CODE and self._code > 0

    def handle_data(self, data: str) -> None:
        if not self._code:
            self._note(data)

    def _note(self, text: str) -> None:
        self.found += [part.strip() for part in text.split(WRITTEN) if re.search(r"[^\W\d_]", part)]


def unmarked_words(template: str) -> list[str]:
    """The words of a template that no translation can reach."""
    page, translated = [], False
    for token in Lexer(template).tokenize():
        if token.token_type == TokenType.BLOCK and TRANSLATED.match(token.contents.removeprefix("end")):
            translated = not token.contents.startswith("end")
        if token.token_type == TokenType.TEXT and not translated:
            page.append(token.contents)
        elif token.token_type in {TokenType.VAR, TokenType.BLOCK}:
            page.append(WRITTEN)
    reader = Words()
    reader.feed("".join(page))
    reader.close()
    return reader.found


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_every_word_of_a_template_is_marked_for_translation(path):
    assert unmarked_words(path.read_text()) == []


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("<p>Sold out</p>", ["Sold out"]),
        ("<p>{{ count }} left</p>", ["left"]),
        ('<p>{% translate "Sold out" %}</p>', []),
        (
            "<p>{% blocktranslate trimmed count n=1 %}{{ n }} left{% plural %}{{ n }} left{% endblocktranslate %}</p>",
            [],
        ),
        ('<img alt="A shoe" src="shoe.png">', ["A shoe"]),
        ('<img alt="{{ title }}" src="shoe.png">', []),
        ('<input placeholder="Search" name="q">', ["Search"]),
        ('<input{% if wrong %} aria-invalid="true"{% endif %} title="Budget">', ["Budget"]),
        ('<meta name="description" content="A shop">', ["A shop"]),
        ("<pre><code>manage.py demo</code></pre>", []),
        ("<script>start()</script><style>p { color: red }</style>", []),
        ("<p>{{ price }} → –10% · 4 ×</p>", []),
        ("{# not shown #}{% comment %}{% endcomment %}", []),
    ],
)
def test_the_words_that_no_translation_can_reach_are_found(template, words):
    assert unmarked_words(template) == words


GERMAN = {
    "": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n",
    "Shop by category": "Nach Kategorie einkaufen",
    "Search products": "Produkte suchen",
    "%(shown)s product\0%(shown)s products": "%(shown)s Produkt\0%(shown)s Produkte",
}


@pytest.mark.slow
def test_a_translation_reaches_pages(tmp_path, settings, client, shop):
    shop.product("Red dress"), shop.product("Green dress")
    compile_messages(GERMAN, tmp_path / "de" / "LC_MESSAGES" / "django.mo")
    settings.LOCALE_PATHS = [tmp_path]
    with translation.override("de"):
        home, found = (client.get(address).content.decode() for address in ("/", "/search/?q=dress"))
    assert '<html lang="de">' in home
    assert "Nach Kategorie einkaufen" in home
    assert ">Produkte suchen</label>" in home
    assert "2 Produkte" in found


@pytest.mark.parametrize("address", ["/", "/search/?q=dress", "/search/photo/", "/admin/login/", "/api/v1/products/"])
def test_answers_do_not_vary_by_language(client, shop, address):
    """There is only one language, so caches store one copy of a page."""
    answer = client.get(address, headers={"accept-language": "de"})
    assert "accept-language" not in answer.get("Vary", "").lower()
    assert "Content-Language" not in answer


def compile_messages(messages: dict[str, str], path: Path) -> None:
    """Write a .mo file as GNU gettext does (https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html)."""
    pairs = [(key.encode(), value.encode()) for key, value in sorted(messages.items())]
    tables, texts, start = [], b"", 28 + 16 * len(pairs)
    for column in (0, 1):
        for pair in pairs:
            tables += [len(pair[column]), start + len(texts)]
            texts += pair[column] + b"\0"
    header = [0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0]
    path.parent.mkdir(parents=True)
    path.write_bytes(struct.pack(f"<{len(header) + len(tables)}I", *header, *tables) + texts)
