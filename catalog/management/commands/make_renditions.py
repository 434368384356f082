"""Makes renditions of pictures now instead of waiting for a worker."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.media import rendition_files, renditions
from common.progress import meter


class Command(BaseCommand):
    help = (
        "Make missing renditions: the smaller AVIF and WebP copies of pictures that pages show. Workers do so too "
        "when no picture waits to be embedded. Use it after a restore, because renditions are not backed up."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="make all renditions again, not only missing ones")

    def handle(self, *, all: bool, **_: Any) -> None:
        try:
            with meter(self.stderr, "Comparing", len(rendition_files.SHARDS)) as progress:
                rendition_files.sweep(advance=progress.advance)
            if all:
                renditions.start_over()
            renditions.try_again()
            with meter(self.stderr, "Making renditions", renditions.waiting().count()) as progress:
                made = renditions.make(advance=progress.advance)
        except renditions.RenditionsUnavailable as error:
            raise CommandError(f"{error}. Run the command again to continue.") from error
        except OSError as error:
            raise CommandError(f"The media storage does not answer: {error}") from error
        self.stdout.write(
            f"{made.done:,} pictures done; {made.failed:,} cannot be read or decoded and are shown as they are."
        )
