"""Pauses and resumes the pipeline, for work on the database or media storage, or to free its cores."""

from __future__ import annotations

from argparse import ArgumentParser
from getpass import getuser
from typing import Any

from django.core.management.base import BaseCommand

from recommendations.pipeline import control


class Command(BaseCommand):
    help = (
        "Pause or resume embedding on every host at once. Uploads are still accepted; their pictures stay pending "
        "until the pipeline resumes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        action = parser.add_subparsers(dest="action", required=True, metavar="pause|resume")
        pause = action.add_parser("pause", help="workers finish or release claimed pictures within seconds, then wait")
        pause.add_argument("--bulk-only", action="store_true", help="keep embedding uploads")
        pause.add_argument("--reason", default="", metavar="TEXT", help="shown by `pipeline_status` and in the admin")
        action.add_parser("resume", help="let workers continue")

    def handle(self, *, action: str, **options: Any) -> None:
        if action == "pause":
            made = control.pause(by=_user(), reason=options["reason"], bulk_only=options["bulk_only"])
            self.stdout.write(str(made))
        elif control.resume():
            self.stdout.write("Pipeline resumed.")
        else:
            self.stdout.write("The pipeline was not paused.")


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return ""
