"""Every word that people read on a page is marked for translation."""

from __future__ import annotations

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.template.base import Lexer, TokenType
from django.utils import translation
from django.utils.translation.template import templatize

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


PO = ROOT / "locale/de/LC_MESSAGES/django.po"
#: What shoppers see. The admin and the API are English.
STAFF = re.compile(r"admin|pipeline|_models_panel|recommendations/compare|model_suggestion|_activate|unfold|drf_")
ROOMS = (
    "catalog/storefront",
    "catalog/facets",
    *(f"recommendations/{each}" for each in ("storefront", "search", "strips")),
)
PLURAL = {"ngettext", "ngettext_lazy"}
SINGULAR = {"gettext", "gettext_lazy", "gettext_noop", "_"}
WITH_CONTEXT = {"pgettext", "pgettext_lazy"}


def marked(code: str) -> set[str]:
    """The messages that Python code marks, in the singular. That of templates is as xgettext would read it."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id in SINGULAR | PLURAL | WITH_CONTEXT:
            words = node.args[: 1 + (node.func.id in WITH_CONTEXT)]
            assert all(isinstance(each, ast.Constant) for each in words), ast.unparse(node)
            found.add(": ".join(each.value for each in words))
    return found


def marked_in_template(text: str) -> set[str]:
    calls = re.findall(
        r"""(?:[np]?gettext|\b_)\((?:u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")[, ]*)+""", templatize(text)
    )
    found = set()
    for call in calls:
        found |= marked(f"{call.rstrip(', ')})")
    return found


def of_shoppers() -> dict[str, str]:
    """Message → a file that has it."""
    found = {}
    for path in TEMPLATES:
        name = str(path.relative_to(ROOT))
        if not STAFF.search(name):
            found |= dict.fromkeys(marked_in_template(path.read_text()), name)
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        found |= dict.fromkeys(marked(path.read_text()), str(path.relative_to(ROOT)))
    return found


def named(message: Message) -> str:
    words = message.id[0] if message.pluralizable else message.id
    return f"{message.context}: {words}" if message.context else words


def test_messages_of_templates_and_code_are_found():
    dogs = "{% blocktranslate trimmed count n=x %}\n {{ n }} dog{% plural %}dogs{% endblocktranslate %}"
    template = "{% load i18n %}{% translate 'One' %}" + dogs
    assert marked_in_template(template + "{% include 'a' with text=_(\"It's\") %}") == {"One", "%(n)s dog", "It's"}
    assert marked_in_template("{% translate 'Close' context 'button' %}") == {"button: Close"}
    assert marked("ngettext('a', 'b', 2); _('c'); print('d')") == {"a", "c"}


@pytest.mark.slow
def test_the_pages_of_shoppers_are_complete_in_german():
    with PO.open("rb") as stream:
        translated = read_po(stream)
    known = {named(message): message for message in translated if message.id}
    messages = of_shoppers()
    assert len(messages) > 250
    assert {name: words for words, name in messages.items() if words not in known} == {}
    assert [words for words in known if words not in messages] == []  # left over
    for words, message in known.items():
        forms = message.string if message.pluralizable else (message.string,)
        assert all(forms), f"not translated: {words}"
        assert not message.fuzzy, words
        for form in forms:
            assert set(re.findall(r"%\(\w+\)s|{\w+}", form)) == set(re.findall(r"%\(\w+\)s|{\w+}", words)), words


@pytest.mark.slow
def test_a_german_shop_is_german(tmp_path, settings, client, shop):
    compiled = tmp_path / "de" / "LC_MESSAGES" / "django.mo"
    compiled.parent.mkdir(parents=True)
    with PO.open("rb") as stream, compiled.open("wb") as out:
        write_mo(out, read_po(stream))
    settings.LOCALE_PATHS = [tmp_path]
    products = [shop.product(title, category="kleider") for title in ("Red dress", "Green dress")]
    with translation.override("de"):
        home, found, page = (
            client.get(address).content.decode()
            for address in ("/", "/search/?q=dress", products[0].get_absolute_url())
        )
    assert '<html lang="de">' in home
    assert "Nach Kategorie einkaufen" in home
    assert ">Produkte suchen</label>" in home
    assert "2 Produkte" in found
    assert "Zum Vergleich hinzufügen" in page


@pytest.mark.parametrize("address", ["/", "/search/?q=dress", "/search/photo/", "/admin/login/", "/api/v1/products/"])
def test_answers_do_not_vary_by_language(client, shop, address):
    """There is only one language, so caches store one copy of a page."""
    answer = client.get(address, headers={"accept-language": "de"})
    assert "accept-language" not in answer.get("Vary", "").lower()
    assert "Content-Language" not in answer
