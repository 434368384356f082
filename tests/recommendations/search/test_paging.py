from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommendations.search.cursor import DEPTH, BadCursor, from_cursor, to_cursor


@pytest.mark.slow
@given(st.frozensets(st.integers(1, 2**62), max_size=300))
def test_a_cursor_gives_back_what_went_into_it(shown: frozenset[int]) -> None:
    assert from_cursor(to_cursor(shown)) == shown


def test_a_cursor_of_the_deepest_page_fits_into_an_address() -> None:
    assert len(to_cursor(range(5_000_000, 5_000_000 + 900 * DEPTH, 900))) < 4000


@pytest.mark.parametrize("text", ["%", "ü", "gA", "a", "_" * 40, "AAAA" * DEPTH, "A" * 3_000_000])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadCursor, match="not a cursor"):
        from_cursor(text)
