"""The switch of the pipeline: before a change to the database or the media storage, or to leave its cores to others."""

from __future__ import annotations

from argparse import ArgumentParser
from getpass import getuser
from typing import Any

from django.core.management.base import BaseCommand

from recommendations.pipeline import control


class Command(BaseCommand):
    help = (
        "Pause or resume the embedding of pictures, on every host at once. Uploads are accepted all the same; their "
        "pictures stay pending until the pipeline goes on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        action = parser.add_subparsers(dest="action", required=True, metavar="pause|resume")
        pause = action.add_parser("pause", help="workers finish what they have in hand, within seconds, and rest")
        pause.add_argument("--bulk-only", action="store_true", help="uploads are embedded all the same")
        pause.add_argument(
            "--reason", default="", metavar="TEXT", help="for those who wonder; `pipeline_status` says it"
        )
        action.add_parser("resume", help="workers go on")

    def handle(self, *, action: str, **options: Any) -> None:
        if action == "pause":
            made = control.pause(by=_user(), reason=options["reason"], bulk_only=options["bulk_only"])
            self.stdout.write(str(made))
        elif control.resume():
            self.stdout.write("The pipeline goes on.")
        else:
            self.stdout.write("The pipeline was not paused.")


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return ""
