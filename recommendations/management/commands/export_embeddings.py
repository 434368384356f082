"""The shop's vectors for other programs, and for a second shop with the same pictures."""

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
        "Write the vectors of every picture to a file, .npz or .parquet, with the SKU and the file's SHA-256 beside "
        "each. `python -m ml search` reads it, and `import_embeddings` takes it back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="features.npz or features.parquet")
        parser.add_argument("--model", metavar="NAME", help="default: the active one")

    def handle(self, *, file: Path, **options: Any) -> None:
        model = chosen_model(options["model"])
        try:
            features.check_writable(file)
            found = coverage(model)
            with meter(self.stderr, "Exporting", found.ready) as progress:
                exported = export_features(model, progress.advance)
            if not exported.names:
                raise CommandError(f"There are no vectors of {model.name} yet; see `manage.py embedding_models list`.")
            features.save(file, exported)
        except FeaturesError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror or error}.") from error
        rest = found.total - len(exported.names)
        without = f" {rest:,} pictures have none yet." if rest > 0 else ""
        self.stdout.write(f"{file}: {len(exported.names):,} pictures × {model.dimension}, {model.name}.{without}")
