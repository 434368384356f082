"""Checks that searches still find the nearest products, before shoppers notice that they do not."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from json import dumps
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.arguments import not_negative, positive
from common.progress import meter
from recommendations.management.arguments import chosen_model, share
from recommendations.management.tables import table
from recommendations.monitoring.recall import FLOOR, SHARES, K, ModelChanged, RecallCheck
from recommendations.monitoring.recall_checks import keep
from recommendations.search.query_vectors import NoColourPart


class Command(BaseCommand):
    help = (
        f"Compare searches with exact ones on a sample of products: recall@{K} and milliseconds, by the share of the "
        "catalog within a budget. Exits with code 1 below the floor."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--sample", type=positive, default=100, metavar="N", help="number of products (default: %(default)s)"
        )
        parser.add_argument(
            "--selectivity",
            type=selectivity,
            nargs="+",
            default=SHARES,
            metavar="S",
            help="shares of the catalog within the budget, 1 for no filter (default: 1 .5 .1 .01)",
        )
        parser.add_argument(
            "--floor", type=share, default=FLOOR, metavar="R", help="lowest acceptable recall (default: %(default)s)"
        )
        parser.add_argument(
            "--colour-weight",
            type=share,
            metavar="W",
            help="weight of colour in every query: 0 shape only, 1 colour only",
        )
        parser.add_argument("--seed", type=not_negative, default=0, metavar="N", help="seed of the random sample")
        parser.add_argument("--json", action="store_true", help="machine-readable output")

    def handle(self, *, sample: int, floor: float, json: bool, **options: Any) -> None:
        model = chosen_model(None)
        shares, colour = options["selectivity"], options["colour_weight"]
        check = RecallCheck.begin(model, sample, shares=shares, seed=options["seed"], colour=colour)
        try:
            with meter(self.stderr, "Searching", len(check.todo)) as progress:
                check.proceed(advance=progress.advance)
        except (ModelChanged, NoColourPart) as error:
            raise CommandError(str(error)) from error
        if set(shares) >= set(SHARES) and colour is None:
            keep(check)  # for the warnings on pages and in `pipeline_status`
        report = {"model": model.name, **check.to_json(), "floor": floor}
        self.stdout.write(dumps(report, indent=2) if json else _readable(report))
        if check.lowest is not None and check.lowest < floor:
            raise CommandError(f"Below the floor: {check.lowest:.3f} < {floor:g}.", returncode=1)


def _readable(report: dict[str, Any]) -> str:
    lines = [f"{report['model']}, {report['products']:,} products, the first {report['k']} look-alikes of each."]
    if report["lowest"] is None:
        lines.append("Nothing to measure: no published product has a vector from this model.")
    else:
        head = ("budget", "by", "leaves", f"recall@{report['k']}", "p50 ms", "p95 ms", "too short")
        lines.append(table([head, *map(_row, report["filters"])], numbers=5))
    return "\n".join([*lines, *report["notes"]])


def _row(tally: dict[str, Any]) -> tuple[str, ...]:
    return (
        "none" if tally["price_max"] is None else f"up to {tally['price_max']}",
        tally["plan"],
        f"{tally['leaves']:.1%}",
        "–" if tally["recall"] is None else f"{tally['recall']:.3f}",
        f"{tally['p50_ms']:.1f}",
        f"{tally['p95_ms']:.1f}",
        f"{tally['short']:,}",
    )


def selectivity(text: str) -> float:
    found = share(text)
    if not found:
        raise ArgumentTypeError(f"{text!r}: must be above 0")
    return found
