"""The table of pages: each figure with whether it meets its target."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.browser import MOST_SHIFT
from bench.pages.measuring import DESKTOP, PHONE, Measured


@dataclass(frozen=True)
class Column:
    """
    Attributes:
        most: the target, in the unit of the column; None if the figure is only for information.
        of: the beginning of the names of the pages that it is for.
    """

    title: str
    figure: Callable[[Measured], float]
    most: float | None = None
    places: int = 0
    of: str = ""


COLUMNS = (
    Column("kB, phone", lambda page: page.views[PHONE].sent / 1000, 300, of="category"),
    Column("kB, desktop", lambda page: page.views[DESKTOP].sent / 1000, 300, of="category"),
    Column("HTML, kB", lambda page: page.views[DESKTOP].html / 1000, 60, 1),
    Column("as sent", lambda page: page.views[DESKTOP].html_sent / 1000, None, 1),
    Column("requests, phone", lambda page: page.views[PHONE].requests),
    Column("desktop", lambda page: page.views[DESKTOP].requests),
    Column("to others", lambda page: len(page.foreign), 0),
    Column("LCP s, slow phone", lambda page: page.paints[PHONE] / 1000, 2.5, 2),
    Column("LCP s, desktop", lambda page: page.paints[DESKTOP] / 1000, 1, 2),
    Column("CLS, phone", lambda page: page.views[PHONE].shift, MOST_SHIFT, 3),
    Column("CLS, desktop", lambda page: page.views[DESKTOP].shift, MOST_SHIFT, 3),
    Column("axe, light", lambda page: len(page.axe["light"]), 0),
    Column("axe, dark", lambda page: len(page.axe["dark"]), 0),
    Column("server, ms", lambda page: page.served, 20, 1),
)


def head() -> list[str]:
    titles = ["page", *(column.title for column in COLUMNS)]
    targets = ["*at most*", *("" if column.most is None else f"*{column.most:g}*" for column in COLUMNS)]
    return [_row(titles), _row(["---"] * len(titles)), _row(targets)]


def row(page: Measured) -> str:
    return _row([page.kind.name, *(_cell(column, page) for column in COLUMNS)])


def missed(pages: Iterable[Measured]) -> list[str]:
    """One line for each figure that misses its target, and what axe found."""
    lines = []
    for page in pages:
        for column in COLUMNS:
            if not _is_met(column, page):
                figure = f"{column.figure(page):.{column.places}f}"
                lines.append(f"{page.kind.name}: {column.title} {figure}, at most {column.most:g}")
        lines += [f"  {theme}, {each}" for theme, found in page.axe.items() for each in found]
        lines += [f"  asks {address}" for address in page.foreign]
    return lines


def _has_target(column: Column, page: Measured) -> bool:
    return column.most is not None and page.kind.name.startswith(column.of)


def _is_met(column: Column, page: Measured) -> bool:
    return not _has_target(column, page) or round(column.figure(page), column.places) <= (column.most or 0)


def _cell(column: Column, page: Measured) -> str:
    text = f"{column.figure(page):.{column.places}f}"
    return f"{text} {'✓' if _is_met(column, page) else '✗'}" if _has_target(column, page) else text


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
