"""Embed in this process, with a progress bar: for a first backfill, or a machine without workers."""

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
from recommendations.pipeline import in_hand, nudges, shutdown, worker


class Command(BaseCommand):
    help = (
        "Compute the embeddings that product pictures lack. Safe to interrupt, to run again and to run beside "
        "the workers: each picture is claimed by one of them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--missing", action="store_true", help="what has none yet (the default)")
        which.add_argument("--failed", action="store_true", help="also what failed, afresh")
        which.add_argument("--all", action="store_true", help="everything, afresh")
        parser.add_argument("--model", metavar="NAME", help="for a model being built or ready; default: the active one")
        parser.add_argument("--enqueue", action="store_true", help="leave it to the workers")

    def handle(self, *, failed: bool, all: bool, enqueue: bool, **options: Any) -> None:
        try:
            model = self._kept(options["model"]) if options["model"] else ensure_active_model(log=self.stderr.write)
            if failed or all:
                claims.retry(model, everything=all)
            claims.add_missing_rows(model)
            if enqueue:
                nudges.nudge_bulk()
                self.stdout.write("Left to the workers; `manage.py pipeline_status` shows how far they are.")
                return
            meter = meter_with_index(self.stderr, "Embedding", claims.unfinished(model))
            with meter as progress, shutdown.on_signals(in_hand.give_back):
                drained = worker.drain(model=model, advance=progress.advance)
            if drained.halt:
                raise worker.Halted(drained.halt)
        except (*worker.UNAVAILABLE, worker.Halted) as error:
            raise CommandError(str(error)) from error
        status = coverage(model)
        self.stdout.write(
            f"{progress.done:,} pictures embedded with {model.name}, {progress.rate:,.0f}/s. "
            f"In all: {status.ready:,} ready, {status.failed:,} failed, {status.processing:,} with other workers."
        )
        for code, count in sorted(status.failures.items()):
            self.stdout.write(f"  failed: {count:,} {code}")
        for warning in model_warnings(model) if model.state == ModelState.ACTIVE else []:
            self.stderr.write(warning)

    def _kept(self, name: str) -> EmbeddingModel:
        model = EmbeddingModel.objects.kept().filter(name=name).first()
        if model is None:
            raise CommandError(f"No model {name!r} is being built, ready or active. See `embedding_models list`.")
        return model
