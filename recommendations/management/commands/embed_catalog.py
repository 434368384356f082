"""Embeds pictures in this process, with a progress bar: for a first backfill, or a machine without workers."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from recommendations.embeddings import claims
from recommendations.embeddings.coverage import coverage
from recommendations.lifecycle.switching import ensure_active_model
from recommendations.management.indexing import meter_with_index
from recommendations.models import EmbeddingModel, ModelState
from recommendations.monitoring.status import model_warnings
from recommendations.pipeline import in_hand, nudges, renewing, shutdown, worker


class Command(BaseCommand):
    help = (
        "Compute missing embeddings of product pictures. It is safe to interrupt this command, to repeat it, and to "
        "run it next to workers: each picture is claimed by one process."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--missing", action="store_true", help="pictures without an embedding (the default)")
        which.add_argument("--failed", action="store_true", help="also retry failed pictures")
        which.add_argument("--all", action="store_true", help="compute every embedding again")
        parser.add_argument(
            "--model", metavar="NAME", help="a model that is building, ready or active (default: the active one)"
        )
        parser.add_argument("--enqueue", action="store_true", help="leave the work to the workers")

    def handle(self, *, failed: bool, all: bool, enqueue: bool, **options: Any) -> None:
        try:
            model = self._kept(options["model"]) if options["model"] else ensure_active_model(log=self.stderr.write)
            if failed or all:
                claims.retry(model, everything=all)
            claims.add_missing_rows(model)
            if enqueue:
                nudges.nudge_bulk()
                self.stdout.write("Workers embed these pictures. `manage.py pipeline_status` shows their progress.")
                return
            meter = meter_with_index(self.stderr, "Embedding", claims.unfinished(model))
            with meter as progress, shutdown.on_signals(in_hand.give_back):
                drained = worker.drain(model=model, advance=progress.advance)
                if not drained.halt:
                    renewing.renew(model=model)
            if drained.halt:
                raise worker.Halted(drained.halt)
        except (*worker.UNAVAILABLE, worker.Halted) as error:
            raise CommandError(str(error)) from error
        status = coverage(model)
        self.stdout.write(
            f"{progress.done:,} pictures embedded with {model.name}, {progress.rate:,.0f}/s. "
            f"Total: {status.ready:,} ready, {status.failed:,} failed, {status.processing:,} in progress elsewhere."
        )
        if status.outdated:
            self.stdout.write(f"{status.outdated:,} of the vectors are of an earlier decoder.")
        for code, count in sorted(status.failures.items()):
            self.stdout.write(f"  failed: {count:,} {code}")
        for warning in model_warnings(model) if model.state == ModelState.ACTIVE else []:
            self.stderr.write(warning)

    def _kept(self, name: str) -> EmbeddingModel:
        model = EmbeddingModel.objects.kept().filter(name=name).first()
        if model is None:
            raise CommandError(
                f"No building, ready or active model is named {name!r}. See `manage.py embedding_models list`."
            )
        return model
