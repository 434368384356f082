"""Groups of synonyms as staff type them."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from catalog.models import Synonyms


@pytest.fixture
def group(db: None) -> Synonyms:
    Synonyms.objects.all().delete()
    return Synonyms.objects.create(words="T-shirt, tee, tee shirt")


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" ,trousers,, pants , ", "trousers, pants"), ("Trousers, pants, trousers", "Trousers, pants"),
        ("tee   top,shirt\u00a0top", "tee top, shirt top"), ("tee, polo", "tee, polo"), ("-, a, b", "a, b"),
    ],
)  # fmt: skip
def test_spaces_commas_and_repetitions_are_tidied(group: Synonyms, typed: str, stored: str) -> None:
    synonyms = Synonyms(words=typed)
    synonyms.full_clean()
    assert synonyms.words == stored


@pytest.mark.parametrize("typed", ["T-shirt, tee, tee shirt", "tee shirt, TEE"])
def test_a_group_that_another_contains_is_refused(group: Synonyms, typed: str) -> None:
    with pytest.raises(ValidationError, match="The group “T-shirt, tee, tee shirt” already has these words"):
        Synonyms(words=typed).full_clean()
    group.full_clean()  # not itself


@pytest.mark.parametrize("typed", ["trousers", "trousers, , ", "trousers, Trousers", ", -"])
def test_a_group_needs_two_expressions(group: Synonyms, typed: str) -> None:
    with pytest.raises(ValidationError, match="at least two"):
        Synonyms(words=typed).full_clean()
