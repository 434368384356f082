"""Shows the state of the pipeline."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from json import dumps
from typing import Any

from django.core.management.base import BaseCommand

from common.arguments import number
from recommendations.monitoring.status import PipelineStatus, pipeline_status

LEAST_SECONDS = 1.0
SHARE = 10  # `--watch` may use 1/10 of the database's time
OUTDATED = "{count:,} vectors were made with an earlier decoder. Workers check them in the background."
ERASE = "\x1b[{0}F\x1b[0J"  # move up {0} lines and clear the rest of the screen


class Command(BaseCommand):
    help = "Show how many pictures are ready, pending, processing and failed, the causes, the rate and the time left."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="machine-readable output; one line per update with --watch"
        )
        parser.add_argument(
            "--watch", nargs="?", type=number(0, 86_400), const=2.0, metavar="SECONDS",
            help="update every SECONDS seconds (default 2) until Ctrl-C",
        )  # fmt: skip

    def handle(self, *, json: bool, watch: float | None, **options: Any) -> None:
        if watch is None:
            self.stdout.write(self._text(pipeline_status(), json))
            return
        try:
            self._watch(max(watch, LEAST_SECONDS), json)
        except KeyboardInterrupt:
            return

    def _watch(self, seconds: float, json: bool) -> None:
        drawn = 0
        redraw = not json and self.stdout.isatty()
        while True:
            began = time.monotonic()
            text = self._text(pipeline_status(), json)
            took = time.monotonic() - began
            if redraw and drawn:
                self.stdout.write(ERASE.format(drawn), ending="")
            self.stdout.write(text)
            self.stdout.flush()
            drawn = text.count("\n") + 1
            time.sleep(max(seconds - took, took * SHARE))

    def _text(self, status: PipelineStatus, json: bool) -> str:
        return dumps(status.to_json()) if json else "\n".join(self._lines(status))

    def _lines(self, status: PipelineStatus) -> Iterator[str]:
        yield f"Model       {status.model or 'none yet: the first picture creates it'}"
        for state in ("total", "ready", "pending", "processing", "failed"):
            yield f"{state.capitalize():<11} {getattr(status, state):,}"
        for group in status.reasons:
            yield f"  {group.code}: {group.count:,}. {group.reason.means} {group.reason.remedy}"
            for row in group.examples:
                yield f"    for example {row.image.product.sku}: {row.error}"
        if status.failed:
            yield "Retry them with `manage.py embed_catalog --failed`."
        if status.per_minute:
            yield f"Rate        {status.per_minute:,.0f} a minute"
        if status.missing:
            yield status.outlook
        if status.outdated:
            yield OUTDATED.format(count=status.outdated)
        if status.paused:
            yield self.style.WARNING(f"{status.paused['text']} Resume with `manage.py pipeline resume`.")
        if status.oldest_pending_s is not None:
            yield f"The oldest pending picture has waited {status.oldest_pending_s:,.0f} s."
        if status.recall:
            measured = status.recall["measured_at"][:10]
            yield f"Recall@{status.recall['k']:<4} {status.recall['lowest']:.3f}, measured on {measured}"
        for warning in status.warnings:
            yield self.style.WARNING(warning)
