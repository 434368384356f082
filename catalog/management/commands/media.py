"""Compares media files with rows of pictures, and manages the quarantine."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from datetime import date, timedelta
from json import dumps
from pathlib import Path
from typing import IO, Any

from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError

from catalog.media import files, high_water, quarantine
from catalog.models import MediaState
from common.arguments import whole_number
from common.progress import meter

NAMED = 20  # in the terminal; --json lists more

HELP = """\
Compare the files of the media storage with the rows of pictures, and manage the quarantine.

A file that no row names is not deleted but moved to quarantine. It returns automatically if a row names it again, for
example after a newer backup was restored, and is deleted after MEDIA_QUARANTINE_DAYS. If the database is older than its
media storage, nothing is quarantined or deleted until a person confirms the database.
"""
EPILOG = """\
After a restore:
  manage.py media check             list missing files and check that the database is the newest
  manage.py media restore           return files from quarantine that pictures name again
  manage.py media sweep --confirm   accept a database that is older on purpose

If a product was deleted by mistake and there is no backup:
  manage.py media export FOLDER     copy all files out of quarantine, to upload them again
"""


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        kwargs.setdefault("formatter_class", RawDescriptionHelpFormatter)
        return super().create_parser(prog_name, subcommand, epilog=EPILOG, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        check = actions.add_parser("check", help="list pictures without a file and count files without a row")
        check.add_argument(
            "--json", action="store_true", help=f"machine-readable output with up to {files.NAMED:,} file names"
        )
        sweep = actions.add_parser("sweep", help="do what the daily task does: check, restore, quarantine, delete")
        sweep.add_argument(
            "--confirm", action="store_true", help="accept this database although it is older or lacks rows"
        )
        listed = actions.add_parser("list", help="list the files in quarantine")
        listed.add_argument("--json", action="store_true", help="machine-readable output")
        actions.add_parser("restore", help="return files now that pictures name again")
        export = actions.add_parser("export", help="copy files out of quarantine; they stay there")
        export.add_argument("folder", metavar="FOLDER", type=Path, help="created if missing")
        export.add_argument("names", metavar="NAME", nargs="*", help="as `list` shows them; default: all")
        purge = actions.add_parser("purge", help="delete files in quarantine permanently")
        purge.add_argument("names", metavar="NAME", nargs="*", help="as `list` shows them")
        purge.add_argument(
            "--older-than", metavar="DAYS", type=whole_number(0, 36500), help="all files quarantined at least DAYS ago"
        )
        purge.add_argument("--yes", action="store_true", help="delete them; without it, only count them")

    def handle(self, *, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(options)
        except OSError as error:
            raise CommandError(f"The media storage does not answer: {error}") from error

    def _check(self, options: dict[str, Any]) -> None:
        behind = self._behind()
        with meter(self.stderr, "Comparing", len(files.SHARDS)) as progress:
            found = files.check(advance=progress.advance)
        kept = quarantine.count()
        if options["json"]:
            told = {
                "pictures": found.pictures,
                "lost": found.lost,
                "lost_names": found.lost_names,
                "rowless": len(found.rowless),
                "quarantined": kept,
                "rows_behind": behind,
            }
            self.stdout.write(dumps(told))
        else:
            self.stdout.write(
                f"{found.pictures:,} pictures, {found.lost:,} without their file. "
                f"{len(found.rowless):,} files without a row, {kept:,} in quarantine."
            )
            for name in found.lost_names[:NAMED]:
                self.stdout.write(f"  lost: {name}")
            if found.lost > NAMED:
                self.stdout.write(f"  and {found.lost - NAMED:,} more; --json lists {len(found.lost_names):,}.")
            if behind:
                self.stderr.write(behind)
        if found.lost or behind:
            raise CommandError(
                "Restore the files from a backup, or upload the pictures again."
                if found.lost
                else "The database is not the newest.",
                returncode=1,
            )

    def _sweep(self, options: dict[str, Any]) -> None:
        try:
            with meter(self.stderr, "Comparing", len(files.SHARDS)) as progress:
                swept = files.sweep(confirmed=options["confirm"], advance=progress.advance)
        except (high_water.RowsWentBackwards, files.SuspiciousSweep) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{swept.returned:,} files returned from quarantine, {swept.set_aside:,} quarantined, {swept.deleted:,} "
            f"deleted after their time. {swept.found.lost:,} of {swept.found.pictures:,} pictures have no file."
        )

    def _list(self, options: dict[str, Any]) -> None:
        if options["json"]:
            kept = [{"name": name, "since": day.isoformat()} for day, name in _kept()]
            self.stdout.write(dumps(kept))
            return
        shown = 0
        for day, name in _kept():
            self.stdout.write(f"{day:%Y-%m-%d}  {name}")
            shown += 1
        self.stdout.write(f"{shown:,} file{'' if shown == 1 else 's'} in quarantine.")

    def _restore(self, _: dict[str, Any]) -> None:
        with meter(self.stderr, "Checking", quarantine.count()) as progress:
            returned = files.bring_back(advance=progress.advance)
        self.stdout.write(f"{len(returned):,} files returned because pictures name them again.")

    def _export(self, options: dict[str, Any]) -> None:
        chosen = list(_chosen(options["names"]))
        with meter(self.stderr, "Copying", len(chosen)) as progress:
            for day, name in chosen:
                with default_storage.open(quarantine.place(day, name)) as file:
                    _copy(file, options["folder"] / name)
                progress.advance()
        self.stdout.write(f"{len(chosen):,} files copied into {options['folder']}.")

    def _purge(self, options: dict[str, Any]) -> None:
        age = options["older_than"]
        if (age is None) == (not options["names"]):
            raise CommandError("Name files, or use --older-than DAYS (0 for all).")
        before = None if age is None else quarantine.today() - timedelta(days=age)
        chosen = [(day, name) for day, name in _chosen(options["names"]) if before is None or day <= before]
        if not options["yes"]:
            self.stdout.write(f"{len(chosen):,} files would be deleted permanently. Add --yes to delete them.")
            return
        with meter(self.stderr, "Deleting", len(chosen)) as progress:
            for day, name in chosen:
                quarantine.delete(day, name)
                progress.advance()
        MediaState.objects.filter(pk=1).update(quarantined=quarantine.count())
        self.stdout.write(f"{len(chosen):,} files deleted permanently.")

    def _behind(self) -> str:
        try:
            high_water.keep(wait=True)
        except high_water.RowsWentBackwards as error:
            return str(error)
        return ""


def _copy(file: IO[bytes], target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as copy:
            shutil.copyfileobj(file, copy)
    except OSError as error:
        raise CommandError(f"Cannot write {target}: {error.strerror}. Name another folder.") from error


def _kept() -> Iterator[tuple[date, str]]:
    for day in quarantine.days():
        for name in quarantine.contents(day):
            yield day, name


def _chosen(names: list[str]) -> Iterator[tuple[date, str]]:
    """The files in quarantine with these names, or all of them if none is given.

    Raises:
        CommandError: one is not in quarantine.
    """
    wanted = set(names)
    for day, name in _kept():
        if not names or name in wanted:
            wanted.discard(name)
            yield day, name
    if wanted:
        raise CommandError(f"Not in quarantine: {', '.join(sorted(wanted))}. See `manage.py media list`.")
