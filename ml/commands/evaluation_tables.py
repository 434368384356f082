"""What `python -m ml evaluate` prints: tables of figures for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from ml.evaluation import questions, report


def print_report(document: dict[str, Any]) -> None:
    of_set = document["set"]
    print(
        f"{of_set['name']}: {of_set['pictures']:,} different pictures ({of_set['duplicates']:,} duplicates and "
        f"{of_set['unreadable']:,} unreadable left out); queries: {document['queries']['how']}."
    )
    print("\nRelevant pictures among the ten nearest (± half of the 95 % interval)")
    _print_headline(document["systems"])
    if document["held_out_types"]:
        print(f"\nTypes held out of training ({document['queries']['held_out']:,} queries)")
        _print_headline([{**system, "notions": system["held_out_types"]} for system in document["systems"]])
    print("\nThe whole list, by type")
    measures = ("precision@1", "precision@5", "recall@10", "r_precision", "map@r", "map@10", "ndcg@10")
    first = next(iter(document["systems"][0]["notions"]))
    _print_table(
        ("", *measures, "tags ρ", "coverage", "near-dup."),
        [
            (
                system["name"],
                *(_number(system["notions"][first]["micro"][name]["mean"]) for name in measures),
                _number((system["correlation"] or {}).get("spearman", {}).get("mean")),
                _number(system["lists"].get("coverage")),
                _number(system["lists"].get("near_duplicates_per_list")),
            )
            for system in document["systems"]
        ],
    )
    print(f"\nBy size of the gallery: precision@10 by {questions.TITLES[first]}")
    sizes = [gallery["size"] for gallery in document["systems"][0]["galleries"]]
    _print_table(
        ("", *(f"{size:,}" for size in sizes)),
        [
            (
                system["name"],
                *(_ranged(gallery["notions"][first]["micro"]["precision@10"]) for gallery in system["galleries"]),
            )
            for system in document["systems"]
        ],
    )
    _print_across(document)
    _print_left_out(document["systems"][0])


def _print_headline(systems: Sequence[dict[str, Any]]) -> None:
    cells = [report.headline(system) for system in systems]
    columns = list(dict.fromkeys(column for row in cells for column in row))
    rows = [
        (system["name"], f"{system['dimension']}", *(_ranged(row.get(column)) for column in columns))
        for system, row in zip(systems, cells, strict=True)
    ]
    _print_table(("", "numbers", *columns), rows)


def _print_across(document: dict[str, Any]) -> None:
    if "across" in document:
        across = document["across"]
        print(f"\n{across['queries']:,} pictures of {across['set']}: the same class among the ten nearest")
        rows = []
        for system in across["systems"]:
            kind = system["notions"]["kind"]
            figures = (kind["micro"]["precision@10"], kind["macro"]["precision@10"], kind["micro"]["precision@1"])
            rows.append((system["name"], *map(_ranged, figures), _number(system["times_pixels"])))
        _print_table(("", "class", "macro class", "nearest", "× pixels"), rows)
    if "find_self" in document:
        found = document["find_self"]
        print(f"\n{found['systems'][0]['queries']:,} pictures of {found['set']} find themselves")
        keys = ("within_1", "within_5", "within_10")
        rows = [(system["name"], *(_ranged(system[key]) for key in keys)) for system in found["systems"]]
        _print_table(("", "first", "within 5", "within 10"), rows)
        if len(found["systems"][0]["galleries"]) > 1:
            print("\nBy size of the gallery: itself first")
            sizes = [gallery["size"] for gallery in found["systems"][0]["galleries"]]
            rows = [
                (system["name"], *(_ranged(gallery["within_1"]) for gallery in system["galleries"]))
                for system in found["systems"]
            ]
            _print_table(("", *(f"{size:,}" for size in sizes)), rows)


def _print_left_out(system: dict[str, Any]) -> None:
    counts = []
    for name, notion in system["notions"].items():
        for key, reason in (("unlabelled", "without a label"), ("nothing_to_find", "with nothing to find")):
            if notion[key]:
                counts.append(f"{questions.TITLES[name]}: {notion[key]:,} {reason}")
    if counts:
        print(f"\nQueries left out of a column: {'; '.join(counts)}.")


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[place]) for row in (columns, *rows)) for place in range(len(columns))]
    for first, *others in (columns, *rows):
        aligned = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *aligned]))


def _ranged(figure: Mapping[str, float | None] | None) -> str:
    if not figure or figure["mean"] is None:
        return "–"
    half = ((figure["high"] or 0) - (figure["low"] or 0)) / 2
    return f"{_number(figure['mean'])} ±{half:.3f}".replace("±0", "±")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
