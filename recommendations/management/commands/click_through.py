"""Compares how often shoppers click the strips of different models."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from json import dumps
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from common.arguments import whole_number
from recommendations.strips.click_through import ClickThrough, click_through

ROW = "{:<24} {:<9} {:<9} {:>8} {:>10} {:>8} {:>7}  {}"


class Command(BaseCommand):
    help = "How often products in strips were seen and clicked, by model, strip, source and position."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--days", type=whole_number(1, 36_500), default=30, metavar="N", help="count the last N days (default 30)"
        )
        parser.add_argument("--json", action="store_true", help="machine-readable output")

    def handle(self, *, days: int, json: bool, **options: Any) -> None:
        since = timezone.localdate() - timedelta(days=days - 1)
        found = click_through(since)
        if not settings.STRIP_CLICKS:
            self.stderr.write("STRIP_CLICKS is off, so nothing is counted.")
        if json:
            self.stdout.write(dumps({"since": since.isoformat(), "rates": [rate.to_json() for rate in found]}))
            return
        if not found:
            self.stdout.write(f"Nothing has been counted since {since}.")
            return
        self.stdout.write(f"Since {since}. Intervals are 95 % Wilson intervals.")
        self.stdout.write(ROW.format("model", "strip", "source", "position", "seen", "clicked", "rate", "interval"))
        for rate in found:
            self.stdout.write(_row(rate))


def _row(found: ClickThrough) -> str:
    low, high = found.interval
    return ROW.format(
        found.model or "–",
        found.strip,
        found.source,
        "all" if found.position is None else found.position,
        f"{found.seen:,}",
        f"{found.clicked:,}",
        "–" if found.rate is None else f"{found.rate:.2%}",
        f"{low:.2%} to {high:.2%}",
    )
