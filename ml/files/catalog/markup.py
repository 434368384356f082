"""Descriptions that other programs wrote as HTML, as the plain text that a shopper reads."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

#: A tag that descriptions have. "a < b" and "5 <10" have none.
_TAG = re.compile(
    r"</?(?:a|b|i|u|s|p|br|hr|em|li|ol|ul|dl|dt|dd|h[1-6]|div|span|strong|small|sub|sup|font|img|table|tbody|thead|tr|td"
    r"|th|style|script|section|article|blockquote|center|figure|iframe|video|meta|pre|code|label|big|del|ins|mark|q"
    r"|cite|abbr|address|main|header|footer|aside)(?:\s[^<>]*|/|\s*/)?>",
    re.I,
)
#: An entity with its semicolon: "R&D" and "AT&T; more" have none.
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|[a-z]{4,8}|#[0-9]{1,7}|#x[0-9a-f]{1,6});", re.I)
_PARAGRAPHS = frozenset({"p", "div", "ul", "ol", "dl", "table", "section", "article", "blockquote", "figure", "pre"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "hr"})
_LINES = frozenset({"br", "li", "tr", "dt", "dd"})
_UNREAD = frozenset({"style", "script"})
_ITEMS = re.compile(r"(^- .*)\n\n(?=- )", re.M)  # paragraphs in a list


def plain_text(text: str) -> str:
    """The text without tags, with paragraphs, lines and list marks; other text as it is."""
    if not _TAG.search(text):
        return without_entities(text)
    reader = _Reader()
    reader.feed(text)
    reader.close()
    lines = (re.sub(r"[^\S\n]+", " ", line).strip() for line in "".join(reader.found).split("\n"))
    return _ITEMS.sub(r"\1\n", re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip())


def without_entities(text: str) -> str:
    """`Fish & Chips` for `Fish &amp; Chips`."""
    return _ENTITY.sub(lambda entity: unescape(entity[0]).replace("\xa0", " "), text) if "&" in text else text


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._unread = self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unread += tag in _UNREAD
        self._preformatted += tag == "pre"
        self._break(tag)
        if tag == "li":
            self.found.append("- ")
        elif tag in ("td", "th"):
            self.found.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._unread = max(self._unread - (tag in _UNREAD), 0)
        self._preformatted = max(self._preformatted - (tag == "pre"), 0)
        if tag in _PARAGRAPHS | _HEADINGS:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.found.append(data if self._preformatted else re.sub(r"\s+", " ", data))

    def _break(self, tag: str) -> None:
        if "".join(self.found[-2:]).strip() == "-" and tag in _PARAGRAPHS:
            return  # a paragraph in a list item begins next to the mark
        if tag in _PARAGRAPHS | _HEADINGS:
            self.found.append("\n\n")
        elif tag in _LINES:
            self.found.append("\n")
