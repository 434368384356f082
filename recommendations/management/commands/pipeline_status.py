"""What an operator looks at first."""

from __future__ import annotations

from argparse import ArgumentParser
from json import dumps
from typing import Any

from django.core.management.base import BaseCommand

from recommendations.status import pipeline_status


class Command(BaseCommand):
    help = "How many pictures are embedded, waiting, in work and failed, and why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *, json: bool, **options: Any) -> None:
        status = pipeline_status()
        if json:
            self.stdout.write(dumps(status.to_json()))
            return
        self.stdout.write(f"Model       {status.model or 'none yet: made with the first picture'}")
        if status.paused:
            self.stdout.write(self.style.WARNING(f"{status.paused['text']} `manage.py pipeline resume` goes on."))
        for state in ("total", "ready", "pending", "processing", "failed"):
            self.stdout.write(f"{state.capitalize():<11} {getattr(status, state):,}")
        for code, count in sorted(status.failures.items()):
            self.stdout.write(f"  {code}: {count:,}")
        if status.failed:
            self.stdout.write("Try the failed ones again with `manage.py embed_catalog --failed`.")
        if status.oldest_pending_s is not None:
            self.stdout.write(f"The oldest pending picture has waited {status.oldest_pending_s:,.0f} s.")
        if status.recall:
            measured = status.recall["measured_at"][:10]
            self.stdout.write(f"Recall@{status.recall['k']:<4} {status.recall['lowest']:.3f}, measured on {measured}")
        for warning in status.warnings:
            self.stdout.write(self.style.WARNING(warning))
