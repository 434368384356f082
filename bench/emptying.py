"""Emptying a shop that benchmarks filled."""

from __future__ import annotations

from datetime import timedelta

from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection

from catalog.media import high_water
from catalog.media.files import rowless_files
from catalog.models import Synonyms
from catalog.search.defaults import SYNONYMS


def empty_shop() -> None:
    """Remove rows, files and vector indexes; keep the database and the files that `bench` keeps next to it."""
    call_command("flush", interactive=False, verbosity=0)
    Synonyms.objects.bulk_create(Synonyms(words=words) for words in SYNONYMS)
    for name in [*rowless_files(older_than=timedelta(seconds=-1)), high_water.NAME]:
        default_storage.delete(name)
    _drop_vector_indexes()


def _drop_vector_indexes() -> None:
    """An emptied table keeps its indexes, and model numbers start again from 1."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'embedding_hnsw_model_%%'")
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP INDEX "{name}"')
