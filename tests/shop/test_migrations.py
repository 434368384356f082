"""Every change of a model has its migration."""

import pytest
from django.core.management import call_command
from django.db import connections


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)  # exits with 1 if one is
    assert "postgresql" in connections.settings["default"]["ENGINE"], "other threads of this process still connect"
