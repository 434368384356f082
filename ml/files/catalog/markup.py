"""Descriptions that other programs wrote as HTML, as the plain text that a shopper reads."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

_NAMES = (
    "a|abbr|acronym|address|article|aside|audio|b|big|blockquote|body|br|button|caption|center|cite|code|col|colgroup"
    "|dd|del|details|dfn|div|dl|dt|em|embed|figcaption|figure|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img"
    "|input|ins|kbd|label|li|link|main|map|mark|meta|nav|object|ol|p|param|path|picture|pre|q|s|samp|script|section"
    "|select|small|source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead"
    r"|time|title|tr|u|ul|var|video|wbr|[a-z]+[:-][a-z:-]+"
)
_ATTRIBUTES = r"""(?:\s(?:[^<>"']|"[^"<]*"|'[^'<]*')*|\s[^<>]*|/|\s*/)?"""
#: A tag that descriptions have. "a < b" and "5 <10" have none.
_TAG = re.compile(rf"</?(?:{_NAMES}){_ATTRIBUTES}>", re.I)
#: A < that begins neither a tag nor a declaration is a character.
_LESS = re.compile(rf"<(?!/?(?:{_NAMES}){_ATTRIBUTES}>|[!?][a-z][^<>]*>)", re.I)
#: What Word writes around lists: <![if !supportLists]>.
_CONDITION = re.compile(r"<!\[[^<>]*>")
#: A tag that is cut off at the end of the text.
_CUT = re.compile(rf"</?(?:{_NAMES})(?:\s+[\w:-]+\s?=[^<>]*|\s*)", re.I)
#: Tags that were escaped: a closing one, or a line break.
_ESCAPED = re.compile(rf"&lt;(?:/\s?(?:{_NAMES})|br\s?/?)\s?&gt;", re.I)
#: An entity with its semicolon, perhaps escaped again: "R&D" and "AT&T; more" have none.
_ENTITY = re.compile(r"&(?:amp;)*(amp|lt|gt|quot|apos|nbsp|[a-z]{4,8}|#[0-9]{1,7}|#x[0-9a-f]{1,6});", re.I)
_LISTS = frozenset({"ul", "ol", "menu"})
_PARAGRAPHS = frozenset({"p", "div", "dl", "table", "section", "article", "blockquote", "figure", "pre", *_LISTS})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "hr"})
_LINES = frozenset({"br", "li", "tr", "dt", "dd"})
_UNREAD = frozenset({"style", "script"})
_INDENT = "\ue000"  # two spaces that are kept
_ITEMS = re.compile(rf"(^{_INDENT}*- .*)\n\n(?={_INDENT}*- )", re.M)  # paragraphs in a list
_MOST_LEVELS = 5  # of a list in a list
_LINE_OF_CELLS = 300  # characters, or pieces; cells with more are a layout


def plain_text(text: str) -> str:
    """The text without tags, with paragraphs, lines and list marks; other text as it is."""
    for _ in range(3):  # an export may escape more than once
        if _TAG.search(text) or not _ESCAPED.search(text.replace("&amp;lt;", "&lt;").replace("&amp;gt;", "&gt;")):
            break
        text = unescape(text)
    text = _without_end(_CONDITION.sub("", _without_comments(text))) if "<" in text else text
    if not _TAG.search(text):
        return without_entities(text)
    reader = _Reader()
    reader.feed(_LESS.sub("&lt;", _closed(text.replace(_INDENT, ""))))
    reader.close()
    lines = (re.sub(r"[^\S\n]+", " ", line).strip() for line in "".join(reader.found).split("\n"))
    shown = _ITEMS.sub(r"\1\n", re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip())
    return shown.replace(_INDENT, "  ")


def without_entities(text: str) -> str:
    """`Fish & Chips` for `Fish &amp; Chips`."""
    return _ENTITY.sub(lambda match: unescape(f"&{match[1]};").replace("\xa0", " "), text) if "&" in text else text


def _without_comments(text: str) -> str:
    """One that is never closed is cut off at the end of the text, like a tag."""
    before, *comments = text.split("<!--")
    return "".join([before, *(comment.partition("-->")[2] for comment in comments)])


def _without_end(text: str) -> str:
    """Without a tag that is cut off at the end."""
    begin = text.rfind("<")
    return text[:begin].rstrip() if begin >= 0 and _CUT.fullmatch(text, begin) else text


def _closed(text: str) -> str:
    """Without a last style or script that is never closed, which would hide all that follows."""
    for tag in _UNREAD:
        end = max((found.start() for found in re.finditer(f"</{tag}", text, re.I)), default=0)
        text = text[:end] + re.sub(rf"<{tag}\b[^<>]*>", "", text[end:], flags=re.I)
    return text


class _Reader(HTMLParser):
    """A row of a table becomes a line."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._unread = self._preformatted = self._lists = self._tables = 0
        self._rows: list[tuple[int, int, int]] = []  # open ones: depth of the table, place in `found`, and cells

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unread += tag in _UNREAD
        self._preformatted += tag == "pre"
        if tag == "tr":
            self._end_row()
        self._break(tag)
        self._lists += tag in _LISTS
        self._tables += tag == "table"
        if tag == "li":
            self.found.append(f"{_INDENT * min(self._lists - 1, _MOST_LEVELS)}- ")
        elif tag == "tr":
            self._rows.append((self._tables, len(self.found), 0))
        elif tag in ("td", "th"):
            self.found.append(" ")
            if self._rows:
                depth, start, cells = self._rows.pop()
                self._rows.append((depth, start, cells + 1))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._unread = max(self._unread - (tag in _UNREAD), 0)
        self._preformatted = max(self._preformatted - (tag == "pre"), 0)
        self._lists = max(self._lists - (tag in _LISTS), 0)
        if tag in ("tr", "table"):
            self._end_row()
            self._tables = max(self._tables - (tag == "table"), 0)
        if tag in _PARAGRAPHS | _HEADINGS:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._unread:
            data = without_entities(data)
            self.found.append(data if self._preformatted else re.sub(r"\s+", " ", data))

    def close(self) -> None:
        super().close()
        while self._rows:
            self._tables = self._rows[-1][0]
            self._end_row()

    def _end_row(self) -> None:
        """The row of this table that is open, if there is one."""
        while self._rows and self._rows[-1][0] >= self._tables:
            _, start, cells = self._rows.pop()
            if cells > 1 and len(self.found) - start <= _LINE_OF_CELLS:
                line = re.sub(rf"[\s{_INDENT}]+", " ", "".join(self.found[start:]))
                self.found[start:] = [line] if len(line) <= _LINE_OF_CELLS else self.found[start:]

    def _break(self, tag: str) -> None:
        if "".join(self.found[-2:]).strip(f" \n{_INDENT}") == "-" and tag in _PARAGRAPHS - _LISTS:
            return  # a paragraph in a list item begins next to the mark
        if tag in _LISTS and self._lists > 0:
            return  # a list in an item: its items are the next lines
        if tag in _PARAGRAPHS | _HEADINGS:
            self.found.append("\n\n")
        elif tag in _LINES:
            self.found.append("\n")
