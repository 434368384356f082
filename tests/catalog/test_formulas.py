"""Formulas in the catalog are harmless in an exported table, and unchanged when it is imported again."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from catalog.models import Product
from tests.catalog.conftest import row

FORMULA = "=cmd|' /C calc'!A1"


@pytest.mark.slow
@pytest.mark.case
def test_a_formula_is_neutralised_on_export_and_restored_on_import(
    db: None, kaggle_folder: Callable[..., Path], tmp_path: Path
) -> None:
    texts = [FORMULA, "@SUM(1+1)*2", "'=1", "-5 dress", "Dress"]
    folder = kaggle_folder([row(str(number), productDisplayName=text) for number, text in enumerate(texts)])
    call_command("import_catalog", folder, stdout=StringIO(), stderr=StringIO())
    assert list(Product.objects.order_by("sku").values_list("title", flat=True)) == [
        "=" + FORMULA[1:],
        *texts[1:2],
        "=1",
        *texts[3:],
    ]
    kept = dict(Product.objects.order_by("sku").values_list("sku", "title"))
    out = tmp_path / "out"
    call_command("export_training_set", out, stdout=StringIO(), stderr=StringIO())
    with (out / "styles.csv").open(newline="", encoding="utf-8") as file:
        written = {line["id"]: line["productDisplayName"] for line in csv.DictReader(file)}
    assert written["0"] == f"'{FORMULA}"
    assert not [text for text in written.values() if text[0] in "=+-@"]
    Product.objects.all().delete()
    call_command("import_catalog", out, stdout=StringIO(), stderr=StringIO())
    assert dict(Product.objects.values_list("sku", "title")) == kept
