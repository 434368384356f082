"""Seeded chance: the same key always gives the same drawing."""

from random import Random


def seeded(*key: object) -> Random:
    """A source of chance for a key, such as a seed, a kind and a number.

    A string seeds through SHA-512, so it does not depend on Python's per-process hashing.
    """
    return Random("/".join(map(str, key)))  # noqa: S311 - it draws petals and picks colours, it guards nothing
