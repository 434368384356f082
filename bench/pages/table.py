"""The table of pages: each figure with whether it meets its target."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.browser import MOST_SHIFT
from bench.pages.measuring import DESKTOP, PHONE, Measured


@dataclass(frozen=True)
class Column:
    """`most`: the target, in the unit of the column; None if the figure is only for information."""

    title: str
    figure: Callable[[Measured], float]
    most: float | None = None
    places: int = 0


COLUMNS = (
    Column("kB, phone", lambda page: page.views[PHONE].sent / 1000, 300),
    Column("kB, desktop", lambda page: page.views[DESKTOP].sent / 1000, 300),
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
    return _row([page.kind.name, *(_cell(column, column.figure(page)) for column in COLUMNS)])


def missed(pages: Iterable[Measured]) -> list[str]:
    """One line for each figure that misses its target, and what axe found."""
    lines = []
    for page in pages:
        for column in COLUMNS:
            if not _is_met(column, figure := column.figure(page)):
                lines.append(f"{page.kind.name}: {column.title} {figure:.{column.places}f}, at most {column.most:g}")
        lines += [f"  {theme}, {each}" for theme, found in page.axe.items() for each in found]
        lines += [f"  asks {address}" for address in page.foreign]
    return lines


def _is_met(column: Column, figure: float) -> bool:
    return column.most is None or round(figure, column.places) <= column.most


def _cell(column: Column, figure: float) -> str:
    text = f"{figure:.{column.places}f}"
    return text if column.most is None else f"{text} {'✓' if _is_met(column, figure) else '✗'}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
