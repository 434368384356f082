"""Counts in messages."""


def counted(count: int, one: str, several: str = "") -> str:
    """`1 product`, `2,000 products`, `3 entries` for 3, "entry" and "entries"."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
