"""The report folder: metrics.json, contact sheets, and one self-contained page."""

import base64
import html
import io
import json
import math
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ml.evaluation.metrics import CUTOFFS
from ml.evaluation.protocol import MACRO_AT_LEAST, SAME_THUMBNAIL
from ml.evaluation.questions import TITLES

PAGE = "index.html"
FIGURES = "metrics.json"
_WORST = 15
_HEADINGS = {f"{measure}@{k}": f"{short}@{k}" for measure, short in (("precision", "P"), ("recall", "recall"),
             ("success", "success")) for k in CUTOFFS}  # fmt: skip
_HEADINGS |= {"r_precision": "R-precision", "map@r": "MAP@R", "map@10": "mAP@10", "ndcg@10": "nDCG@10"}

DEFINITIONS = {
    "precision@k": "share of the first k results that are relevant; always divided by k",
    "recall@k": "share of all relevant pictures of the gallery that are among the first k",
    "success@k": "share of queries with at least one relevant picture among the first k; papers on metric learning "
    "call this recall@k",
    "r_precision": "share of the first R results that are relevant, R being the number of relevant pictures in the "
    "gallery",
    "map@r": "mean over queries of (1/R) Σ precision@i over the ranks i ≤ R with a relevant picture "
    "(Musgrave et al. 2020)",
    "map@10": "mean over queries of (1/min(R, 10)) Σ precision@i over the ranks i ≤ 10 with a relevant picture",
    "ndcg@10": "Σ 1/log2(i + 1) over the relevant ranks i ≤ 10, divided by that of the best possible list",
    "micro": "mean over queries",
    "macro": f"mean over classes of the mean over their queries; classes with at least {MACRO_AT_LEAST} queries",
    "interval": "the middle 95 % of bootstrap samples of the queries",
    "left_out": "queries without a label, or without a relevant picture in the gallery, are not counted",
    "duplicates": "pictures with the same pixels count once; the query's own picture is never found",
    "near_duplicates": "results with a cosine to the query of at least near_duplicate_cosine in the system's own "
    "vectors; not comparable between systems",
    "same_photo": f"results with a 16 × 16 thumbnail that differs from the query's by at most {SAME_THUMBNAIL:g} of "
    "255 (root mean square); comparable between systems",
    "coverage": "share of a gallery that is in at least one list of ten when every picture of it is a query",
    "largest_share_of_lists": "share of those lists that the most frequent picture is in",
    "correlation": "mean over queries of Spearman's correlation between the cosine distance of the vectors and that "
    "of the tags (one-hot, equal weights), over the same random pictures; after CorrEmbed (arXiv 2308.16126)",
}


@dataclass(frozen=True)
class Sheet:
    """Attributes: name, of the file without its extension; title, for the page."""

    name: str
    title: str
    image: Image.Image


def write(folder: Path, document: Mapping[str, Any], sheets: Sequence[Sheet]) -> None:
    """Write or replace the report. Each file is written whole or not at all, metrics.json last.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".report-") as name:
        drafts = Path(name)
        for sheet in sheets:
            sheet.image.save(drafts / f"{sheet.name}.png", optimize=True)
        (drafts / PAGE).write_text(page(document, sheets), encoding="utf-8")
        (drafts / FIGURES).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        for draft in sorted(drafts.iterdir(), key=lambda path: (path.name == FIGURES, path.name)):
            draft.replace(folder / draft.name)


def slug(name: str) -> str:
    """A file name for a system."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "system"


def headline(system: Mapping[str, Any]) -> dict[str, Mapping[str, float | None]]:
    """The figures that compare systems, by column title; all are precision@10."""
    cells = {}
    for name, notion in system["notions"].items():
        cells[TITLES[name]] = notion["micro"]["precision@10"]
        if name == next(iter(system["notions"])) and notion["macro_classes"] > 1:
            cells[f"macro {TITLES[name]} ({notion['macro_classes']})"] = notion["macro"]["precision@10"]
    return cells


def page(document: Mapping[str, Any], sheets: Sequence[Sheet]) -> str:
    """The report as one HTML page with the sheets embedded and without scripts."""
    of_set, systems = document["set"], document["systems"]
    sections = [
        _section("Ten nearest", _headline(systems), _compared(systems)),
        _all_measures(systems),
        _section("Gallery size", _sizes(systems)),
        _section("Lists and tags", _lists(systems)),
        _held_out(document),
        _across(document),
        _found_self(document),
        *(_classes(system, open_=number == len(systems) - 1) for number, system in enumerate(systems)),
        _sheets(sheets),
        _section("Definitions", _definitions()),
    ]
    facts = [
        f"{of_set['pictures']:,} different pictures of {of_set['name']} as the gallery",
        f"{of_set['duplicates']:,} duplicates left out",
        f"{of_set['unreadable']:,} unreadable",
        f"queries: {document['queries']['how']}",
    ]
    title = f"Evaluation: {of_set['name']}"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{_text(title)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{_text(title)}</h1>\n"
        f'<p class="facts">{_text(" · ".join(facts))}</p>\n{"".join(sections)}</main>\n</body>\n</html>\n'
    )


def _headline(systems: Sequence[Mapping[str, Any]]) -> str:
    cells = [headline(system) for system in systems]
    columns = list(dict.fromkeys(column for row in cells for column in row))
    best = {column: max(((row.get(column) or {}).get("mean") or 0) for row in cells) for column in columns}
    rows = []
    for system, row in zip(systems, cells, strict=True):
        shown = [_interval(row.get(column), best=(row.get(column) or {}).get("mean") == best[column])
                 for column in columns]  # fmt: skip
        rows.append([_text(system["name"]), f"{system['dimension']:,}", *shown])
    caption = "Share of the ten nearest that are relevant, with 95 % intervals; the best of each column in bold"
    return _table(caption, ["system", "numbers", *columns], rows)


def _compared(systems: Sequence[Mapping[str, Any]]) -> str:
    """A panel of intervals for each figure, with a scale rounded outwards to tenths."""
    cells = [headline(system) for system in systems]
    return f'<div class="panels">{"".join(_panel(column, systems, cells) for column in cells[0])}</div>'


def _panel(column: str, systems: Sequence[Mapping[str, Any]], cells: Sequence[Mapping[str, Any]]) -> str:
    figures = [row.get(column) for row in cells]
    ends = [figure[key] for figure in figures if figure and figure["mean"] is not None for key in ("low", "high")]
    if not ends:
        return ""
    first, last = math.floor(min(ends) * 10) / 10, math.ceil(max(ends) * 10) / 10
    last = max(last, first + 0.1)
    left, width, height = 170, 240, 22 * len(systems) + 22

    def x(value: float) -> str:
        return f"{left + width * (value - first) / (last - first):.1f}"

    marks = []
    for tick in (first, (first + last) / 2, last):
        marks.append(f'<line class="tick" x1="{x(tick)}" x2="{x(tick)}" y1="4" y2="{height - 18}"/>')
        marks.append(f'<text class="scale" x="{x(tick)}" y="{height - 4}">{tick:.3g}</text>')
    for number, (system, figure) in enumerate(zip(systems, figures, strict=True)):
        y = 22 * number + 14
        marks.append(f'<text x="0" y="{y + 4}">{_text(system["name"][:24])}</text>')
        if figure and figure["mean"] is not None:
            low, mean, high = (x(figure[key]) for key in ("low", "mean", "high"))
            marks.append(f'<line class="range" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>')
            marks.append(f'<circle cx="{mean}" cy="{y}" r="3"/>')
    label = f"{column}: intervals of {len(systems)} systems; the figures are in the table above"
    return (
        f'<figure><figcaption>{_text(column)}</figcaption><svg viewBox="0 0 425 {height}" role="img" '
        f'aria-label="{_text(label)}">{"".join(marks)}</svg></figure>'
    )


def _all_measures(systems: Sequence[Mapping[str, Any]]) -> str:
    first, *others = systems[0]["notions"]
    rest = (_details(TITLES[name].capitalize(), _measures(systems, name)) for name in others)
    return _section("All measures", _measures(systems, first), *rest)


def _measures(systems: Sequence[Mapping[str, Any]], notion: str) -> str:
    first = systems[0]["notions"][notion]
    measures = list(first["micro"])
    rows = [
        [_text(system["name"]), mean, *(_plain(system["notions"][notion][mean][name]["mean"]) for name in measures)]
        for system in systems
        for mean in ("micro", "macro")
    ]
    caption = (
        f"{TITLES[notion]}: {first['queries']:,} queries, {first['unlabelled']:,} without a label and "
        f"{first['nothing_to_find']:,} with nothing to find left out; {first['macro_classes']:,} classes in macro"
    )
    return _table(caption, ["system", "mean", *(_HEADINGS[name] for name in measures)], rows)


def _sizes(systems: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            _text(system["name"]),
            f"{gallery['size']:,}",
            *(_interval(gallery["notions"][name]["micro"]["precision@10"]) for name in system["notions"]),
        ]
        for system in systems
        for gallery in system["galleries"]
    ]
    columns = ["system", "gallery", *(TITLES[name] for name in systems[0]["notions"])]
    return _table("precision@10 in random galleries of different sizes", columns, rows)


def _lists(systems: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for system in systems:
        lists, tags = system["lists"], system["correlation"]
        cells = [lists.get(key) for key in ("near_duplicates_per_list", "same_photo_per_list", "coverage",
                                            "largest_share_of_lists")]  # fmt: skip
        rows.append([_text(system["name"]), *map(_plain, cells), _interval(tags["spearman"]) if tags else "–"])
    size = systems[0]["lists"].get("coverage_gallery", 0)
    columns = ["system", "near-duplicates a list", "same photo a list", "coverage", "largest hub", "tag correlation"]
    return _table(f"Lists of ten; coverage and hubs with {size:,} pictures, each a query", columns, rows)


def _held_out(document: Mapping[str, Any]) -> str:
    if not document.get("held_out_types"):
        return ""
    systems = [{**system, "notions": system["held_out_types"]} for system in document["systems"]]
    names = ", ".join(document["held_out_types"])
    return _section("Types held out of training", f"<p>{_text(names)}</p>", _headline(systems))


def _across(document: Mapping[str, Any]) -> str:
    found = document.get("across")
    if not found:
        return ""
    rows = []
    for system in found["systems"]:
        notion = system["notions"]["kind"]
        rows.append(
            [
                _text(system["name"]),
                *(_interval(notion["micro"][name]) for name in ("precision@1", "precision@5", "precision@10")),
                _interval(notion["macro"]["precision@10"]),
                _interval(notion["micro"]["success@10"]),
                _plain(system.get("times_pixels")),
            ]
        )
    caption = f"{found['queries']:,} queries from {found['set']}: matching classes in {document['set']['name']}"
    columns = ["system", "precision@1", "@5", "@10", "macro @10", "success@10", "× pixels, @10"]
    pairs = [[_text(name), _text(", ".join(allowed))] for name, allowed in found["class_map"].items()]
    details = _details("The class map", _table("Relevant classes", ["query", "relevant"], pairs))
    last = found["systems"][-1]
    return _section(
        f"From {found['set']}", _table(caption, columns, rows), details, *_class_tables(last, f" ({last['name']})")
    )


def _found_self(document: Mapping[str, Any]) -> str:
    found = document.get("find_self")
    if not found:
        return ""
    rows = [
        [_text(system["name"]), f"{gallery['size']:,}", *(_interval(gallery[f"within_{k}"]) for k in (1, 5, 10))]
        for system in found["systems"]
        for gallery in system["galleries"]
    ]
    caption = f"{found['systems'][0]['queries']:,} queries from {found['set']}: the picture with the same file name"
    return _section("Finding itself", _table(caption, ["system", "gallery", "first", "within 5", "within 10"], rows))


def _classes(system: Mapping[str, Any], *, open_: bool) -> str:
    if system["kind"] == "baseline" and not open_:
        return ""
    return _section(f"By class: {system['name']}", *_class_tables(system, ""))


def _class_tables(system: Mapping[str, Any], suffix: str) -> Iterable[str]:
    def rows(classes: Sequence[Mapping[str, Any]]) -> list[list[str]]:
        measures = ("precision@1", "precision@5", "precision@10", "r_precision", "map@r")
        return [
            [
                _text(row["label"]),
                f"{row['queries']:,}",
                f"{row['gallery']:,}",
                *(_plain(row[name]) for name in measures),
                _text(", ".join(f"{other['label']} {other['share']:.0%}" for other in row["instead"])),
            ]
            for row in classes
        ]

    columns = ["class", "queries", "in gallery", "P@1", "P@5", "P@10", "R-precision", "MAP@R", "found instead"]
    worst = [row for row in system["classes"] if row["queries"] >= MACRO_AT_LEAST][:_WORST]
    yield _table(f"The worst classes{suffix}", columns, rows(worst))
    pairs = [
        [_text(pair["asked"]), _text(pair["found"]), f"{pair['count']:,}", f"{pair['share']:.0%}"]
        for pair in system["confusions"]
    ]
    yield _table(f"Most frequent confusions{suffix}", ["query", "found", "times", "share of results"], pairs)
    every = _table(f"Every class{suffix}", columns, rows(system["classes"]))
    yield _details(f"All {len(system['classes']):,} classes{suffix}", every)


def _sheets(sheets: Sequence[Sheet]) -> str:
    if not sheets:
        return ""
    shown = []
    for sheet in sheets:
        file = io.BytesIO()
        sheet.image.save(file, "WEBP", quality=82)
        source = "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
        shown.append(
            f'<figure><figcaption>{_text(sheet.title)}</figcaption><img src="{source}" alt="{_text(sheet.title)}: '
            f'queries on the left, what they found on the right" width="{sheet.image.width}" '
            f'height="{sheet.image.height}"></figure>'
        )
    return _section("Contact sheets", *shown)


def _definitions() -> str:
    entries = "".join(f"<dt>{_text(name)}</dt><dd>{_text(meaning)}</dd>" for name, meaning in DEFINITIONS.items())
    return f"<dl>{entries}</dl>"


def _section(title: str, *content: str) -> str:
    return f"<section>\n<h2>{_text(title)}</h2>\n{''.join(content)}</section>\n"


def _details(title: str, content: str) -> str:
    return f"<details><summary>{_text(title)}</summary>{content}</details>\n"


def _table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """`rows` are HTML, and the first cell of each is its heading; the other text is escaped here."""
    head = "".join(f'<th scope="col">{_text(column)}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(caption)}"><table>'
        f"<caption><span>{_text(caption)}</span></caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>\n"
    )


def _interval(figure: Mapping[str, float | None] | None, *, best: bool = False) -> str:
    if not figure or figure["mean"] is None:
        return "–"
    mean = f"<strong>{_plain(figure['mean'])}</strong>" if best else _plain(figure["mean"])
    return f"{mean} <small>{_plain(figure['low'])}–{_plain(figure['high'])}</small>"


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"


_text = html.escape

_STYLE = """
:root { color-scheme: light dark; --paper: #faf8f5; --ink: #1d1b19; --soft: #5f5a54; --line: #e3ddd4; --mark: #2a6151; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #161514; --ink: #f2eee9; --soft: #b3aba1; --line: #37332f; --mark: #8fcdb8; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 80rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; overflow-wrap: anywhere; }
.facts, caption, figcaption, dd, small, .scale { color: var(--soft); }
.scroll { overflow-x: auto; margin: .75rem 0 1.25rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .25rem 0; }
caption > span { position: sticky; left: 0; display: inline-block; max-width: calc(min(100vw, 80rem) - 2rem); }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top;
  white-space: nowrap; }
thead th { font-weight: 600; }
tbody th { font-weight: 500; }
small { font-size: .8em; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1rem 2rem; }
figure { margin: 0 0 1rem; }
svg { width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
svg .scale { text-anchor: middle; fill: var(--soft); font-size: 10px; }
svg circle { fill: var(--mark); }
svg .range { stroke: var(--mark); stroke-width: 2; }
svg .tick { stroke: var(--line); }
img { max-width: 100%; height: auto; border: 1px solid var(--line); background: #fff; }
summary { cursor: pointer; padding: .25rem 0; }
dt { font-weight: 600; }
dd { margin: 0 0 .5rem; }
"""
