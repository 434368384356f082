"""Searches by photo in a terminal."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog import refusals
from ml.pictures.codec import ImageRejected
from ml.pictures.decoding import DecoderUnavailable
from recommendations.lifecycle.artifacts import ModelUnavailable
from recommendations.management.arguments import add_search_arguments, search_request_of, write_results
from recommendations.querysets import DISTANCES
from recommendations.search.query_vectors import NoColourPart
from recommendations.search.service import search_photo


class Command(BaseCommand):
    help = "List the products most similar to a photo."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        add_search_arguments(parser)
        parser.add_argument("--metric", choices=sorted(DISTANCES), help="default: the model's metric")

    def handle(self, *, file: Path, json: bool, **options: Any) -> None:
        request = search_request_of(options)
        try:
            data = file.read_bytes()
        except OSError as error:
            raise CommandError(f"Cannot read {file}: {error.strerror}.") from error
        try:
            results = search_photo(data, request, door=refusals.COMMAND)
        except ImageRejected as error:
            raise CommandError(f"{file}: {error.message} [{error.code}]") from error
        except NoColourPart as error:
            raise CommandError(str(error)) from error
        except DecoderUnavailable as error:
            raise CommandError(f"{error} ({error.details})") from error
        except ModelUnavailable as error:
            raise CommandError(f"{error} Run `manage.py embed_catalog` first.") from error
        write_results(self.stdout, results, as_json=json)
