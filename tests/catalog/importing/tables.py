"""Tables for the command to import, and what it prints."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Product
from tests.pictures import picture

HEADER = ("sku", "title", "image")
COAT = ("A1", "Red coat", "coat.png")


def run(path: Path, *, failing: str = "", **options: object) -> tuple[str, str]:
    """What the command prints; `failing` is the error with which it must end."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(CommandError, match=failing) if failing else nullcontext():
        call_command("import_catalog", path, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def refused(path: Path, **options: object) -> str:
    with pytest.raises(CommandError) as caught:
        run(path, **options)
    assert caught.value.returncode == 2
    assert not Product.objects.exists()
    return str(caught.value)


def png(seed: int = 0) -> bytes:
    return picture(seed=seed, format="PNG")


Write = Callable[..., Path]
