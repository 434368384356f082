"""The words of a real catalog that once found nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import call_command

from catalog.models import Product
from tests.catalog.search.conftest import Search

#: What is in the title, number or category of the products that each word is about.
WORDS = {
    "soccer": "soccer", "football": "soccer", "only": r"\bonly\b", "crayon": "crayon", "oliver": r"s\.oliver",
    "us polo": r"u\.s\. polo", "59297": "59297", "footwear": "footwear", "tshirt": "t-?shirt", "t-shirt": "t-?shirt",
    "t shirt": "t-?shirt", "gray": "gr[ae]y", "socer": "soccer", "olivr": r"s\.oliver", "pants": "trousers",
}  # fmt: skip


@pytest.mark.case
@pytest.mark.casefile
@pytest.mark.slow
def test_every_reported_word_finds_its_products_first(search: Search, synonyms: None, case_folder: Path) -> None:
    call_command("import_catalog", case_folder / "20-text-search-words.zip")
    wrong = {}
    for words, pattern in WORDS.items():
        theirs = {
            product.sku for product in Product.objects.all()
            if re.search(pattern, f"{product.title} {product.sku} {product.category.address}", re.I)
        }  # fmt: skip
        found = search(words)
        if not theirs or not set(found[: min(len(theirs), 24)]) <= theirs or len(found) < min(len(theirs), 24):
            wrong[words] = found
    assert wrong == {}
