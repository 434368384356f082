"""Repairs text search: for what the sweep would do within minutes, and after unusual changes to the database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from catalog.models import SearchText
from catalog.search import indexing
from catalog.search.lexemes import VERSION
from common.progress import meter


class Command(BaseCommand):
    help = (
        "Index products for text search, and count the words that correct misspelt ones. The shop does both itself; "
        "run this to see the result at once, for example after SQL changed many products."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="index every product, not only those that changed")

    def handle(self, *, all: bool, **options: Any) -> None:
        added = indexing.missing()
        if all:
            SearchText.objects.update(version=0)
        waiting = SearchText.objects.filter(version__lt=VERSION).count()
        with meter(self.stderr, "Indexing", waiting) as progress:
            done = indexing.index_stale(advance=progress.advance)
        words = indexing.count_words()
        self.stdout.write(f"{done:,} products indexed, {added:,} of them for the first time; {words:,} words counted.")
