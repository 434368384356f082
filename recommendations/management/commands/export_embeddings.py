"""Exports the shop's vectors for other programs, or for a second shop with the same pictures."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.progress import meter
from ml.files import features
from ml.files.features import FeaturesError
from recommendations.embeddings.coverage import coverage
from recommendations.lifecycle.vector_files import export_features
from recommendations.management.arguments import chosen_model


class Command(BaseCommand):
    help = (
        "Write the vector of every picture to a .npz or .parquet file, with the SKU and the SHA-256 of its file. "
        "`python -m ml search` and `import_embeddings` read it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="features.npz or features.parquet")
        parser.add_argument("--model", metavar="NAME", help="embedding model (default: the active one)")

    def handle(self, *, file: Path, **options: Any) -> None:
        model = chosen_model(options["model"])
        try:
            features.check_writable(file)
            found = coverage(model)
            with meter(self.stderr, "Exporting", found.ready) as progress:
                exported = export_features(model, progress.advance)
            if not exported.names:
                raise CommandError(f"{model.name} has no vectors yet. See `manage.py embedding_models list`.")
            features.save(file, exported)
        except FeaturesError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"Cannot write {file}: {error.strerror or error}.") from error
        rest = found.total - len(exported.names)
        without = f" {rest:,} pictures have no vector yet." if rest > 0 else ""
        self.stdout.write(f"{file}: {len(exported.names):,} pictures × {model.dimension}, {model.name}.{without}")
