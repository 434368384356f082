"""Imports vectors that `python -m ml embed` computed, for example on a faster machine."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from common.arguments import not_negative
from ml.files import features
from ml.files.features import FeaturesError
from recommendations.embeddings.coverage import coverage
from recommendations.lifecycle import vector_files
from recommendations.lifecycle.artifacts import ModelUnavailable
from recommendations.lifecycle.switching import LifecycleError
from recommendations.lifecycle.vector_files import Matched, TransferError
from recommendations.management.indexing import meter_with_index
from recommendations.models import EmbeddingModel, ModelState

NAMED = 10  # unmatched names shown


class Command(BaseCommand):
    help = (
        "Import the vectors of a features file from `python -m ml embed` or `export_embeddings`. Pictures are matched "
        "by the SHA-256 of the file, the file name, or a name that contains the product's SKU. Pictures that already "
        "have a vector from the model keep it, so repeating the import is harmless."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="features.npz or features.parquet")
        parser.add_argument(
            "--model", metavar="NAME", help="refuse vectors from another model (default: the model named in the file)"
        )
        parser.add_argument("--activate", action="store_true", help="complete the model, then switch to it")
        parser.add_argument(
            "--sample", type=not_negative, default=vector_files.SAMPLE, metavar="N",
            help="pictures to embed again and compare first, 0 for none (default: %(default)s)",
        )  # fmt: skip

    def handle(self, *, file: Path, activate: bool, sample: int, **options: Any) -> None:
        try:
            read = features.load(file)
            model = vector_files.model_for(read, options["model"], self.stderr.write)
            matched = vector_files.match(read)
            if not matched.images:
                raise TransferError(
                    f"None of its {len(read.names):,} names matches a picture of this shop (e.g. {read.names[0]})."
                    if read.names
                    else "It contains no vectors."
                )
            with meter_with_index(self.stderr, "Importing", len(matched.images)) as progress:
                written = vector_files.store(read, matched, model, sample=sample, advance=progress.advance)
        except TransferError as error:
            raise CommandError(f"{file}: {error}") from error
        except (FeaturesError, ModelUnavailable, LifecycleError) as error:
            raise CommandError(str(error)) from error
        self._report(matched, model, written, len(read.names))
        if activate and model.state != ModelState.ACTIVE:
            for action in ("build", "activate"):
                call_command("embedding_models", action, model.name, stdout=self.stdout, stderr=self.stderr)

    def _report(self, matched: Matched, model: EmbeddingModel, written: int, names: int) -> None:
        how = ", ".join(f"{count:,} by {RULES[rule]}" for rule, count in matched.found.items())
        self.stdout.write(
            f"{sum(matched.found.values()):,} of {names:,} names matched ({how}). {written:,} vectors of {model.name} "
            f"written; {len(matched.images) - written:,} pictures already had one."
        )
        if matched.unmatched:
            self.stderr.write(f"{len(matched.unmatched):,} names match no picture of this shop:")
            for name in matched.unmatched[:NAMED]:
                self.stderr.write(f"  {name}")
        model.refresh_from_db()
        missing = coverage(model).missing
        rest = f", {missing:,} pictures left" if missing else ""
        self.stdout.write(f"{model.name} is {model.state}{rest}.")


RULES = {"digest": "checksum", "file": "stored file", "sku": "SKU"}
