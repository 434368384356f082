"""Pictures divided into training, validation and test, so that no product is on two sides, and no background.

Forty percent of the rows of the fashion set share their display name with another row, and two percent have the same
picture under another id: a split by id would test on what the model was trained on. Every fifth photo of the
second-hand set shares its background with another.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.files import replacing
from ml.datasets.joining import joined
from ml.datasets.reading import DatasetError, Sample

SIDES = ("train", "val", "test")
# Of a side: with a larger group, its figures would be those of one product. Ten pictures are always allowed.
_LARGEST_SHARE, _ALWAYS = 0.02, 10
# Of a side: many products before one background say more than one product, but should not be most of a side.
_LARGEST_BACKGROUND = 0.25


@dataclass(frozen=True)
class Split:
    """Attributes: sides, name of a picture → "train", "val" or "test"; held_out_types, never trained on."""

    sides: Mapping[str, str]
    held_out_types: tuple[str, ...] = field(default=())


def groups_of(samples: Sequence[Sample], digests: Sequence[str]) -> np.ndarray:
    """int [n]: equal numbers for pictures that share a display name or pixels, directly or through others."""
    first: dict[tuple[str, str], int] = {}
    pairs = []
    for index, (sample, digest) in enumerate(zip(samples, digests, strict=True)):
        for key in ([("name", sample.group)] if sample.group else []) + [("pixels", digest)]:
            pairs.append((index, first.setdefault(key, index)))
    return joined(len(samples), pairs)


def split(
    samples: Sequence[Sample],
    groups: np.ndarray,
    *,
    backgrounds: np.ndarray | None = None,
    val: float = 0.05,
    test: float = 0.1,
    seed: int = 0,
    hold_out: int = 0,
) -> Split:
    """Divide by group at random; the last group of a type stays in training.

    Args:
        groups: int [n], from `groups_of`: pictures of one product.
        backgrounds: int [n], from `backgrounds_of`: pictures with the same background stay together too. Those of many
            pictures are taken for validation and test only if a side would otherwise stay less than half full.
        val, test: shares of the pictures, 0 to 1.
        hold_out: number of types, each of 20 to 300 pictures, that go to "test" completely, to measure types that
            the model was never trained on.

    Raises:
        DatasetError: shares out of range, or nothing left to train on.
    """
    if not (0 <= val < 1 and 0 <= test < 1 and val + test < 1):
        raise DatasetError(f"Shares for validation and test must be from 0 to below 1 together, not {val} and {test}.")
    random = np.random.default_rng(seed)
    types = [sample.labels.get("type", "") for sample in samples]
    counts = {name: types.count(name) for name in sorted(set(types))}
    eligible = [name for name, count in counts.items() if name and 20 <= count <= 300]  # "": the type is not known
    held_out = tuple(sorted(random.permutation(eligible)[:hold_out].tolist())) if hold_out else ()
    products = _sizes(groups)
    if backgrounds is not None:
        groups = _together(groups, backgrounds)
    members: dict[int, list[int]] = {}
    for index, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(index)
    left = {name: len({group for group, type_ in zip(groups.tolist(), types, strict=True) if type_ == name})
            for name in counts}  # fmt: skip
    sides = np.full(len(samples), "train", dtype="<U5")
    wanted = {"test": test * len(samples), "val": val * len(samples)}
    taken = {"test": 0, "val": 0}
    large = []
    for key in random.permutation(sorted(members)).tolist():
        indices = members[key]
        if any(types[index] in held_out for index in indices):
            sides[indices] = "test"
            continue
        side = next((name for name in ("test", "val") if taken[name] < wanted[name]), None)
        present = {types[index] for index in indices}
        if side is None or min(left[name] for name in present) < 2:
            continue
        if products[indices].max() > max(_ALWAYS, _LARGEST_SHARE * wanted[side]):
            continue
        if len(indices) > max(_ALWAYS, _LARGEST_BACKGROUND * wanted[side]):
            large.append(indices)
            continue
        for name in present:
            left[name] -= 1
        sides[indices] = side
        taken[side] += len(indices)
    for indices in sorted(large, key=len):
        side = next((name for name in ("test", "val") if taken[name] < wanted[name] / 2), None)
        present = {types[index] for index in indices}
        if side and min(left[name] for name in present) > 1:
            for name in present:
                left[name] -= 1
            sides[indices] = side
            taken[side] += len(indices)
    if not (sides == "train").any():
        raise DatasetError("Nothing is left to train on: reduce the shares for validation and test.")
    return Split(dict(zip((sample.name for sample in samples), sides.tolist(), strict=True)), held_out)


def _together(groups: np.ndarray, backgrounds: np.ndarray) -> np.ndarray:
    """int [n]: equal numbers for pictures that share a product or a background, directly or through others."""
    first: dict[tuple[str, int], int] = {}
    pairs = []
    for index, keys in enumerate(zip(groups.tolist(), backgrounds.tolist(), strict=True)):
        pairs += [(index, first.setdefault(key, index)) for key in zip(("product", "background"), keys, strict=True)]
    return joined(len(groups), pairs)


def _sizes(groups: np.ndarray) -> np.ndarray:
    """int [n]: the number of pictures in the group of each."""
    _, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return counts[inverse]


def write_split(path: Path, chosen: Split) -> None:
    """Write JSON, completely or not at all."""
    with replacing(path) as draft:
        draft.write_text(
            json.dumps({"held_out_types": list(chosen.held_out_types), "sides": dict(chosen.sides)}, indent=0)
        )


def read_split(path: Path) -> Split:
    """Read what `write_split` wrote.

    Raises:
        DatasetError: the file cannot be used.
    """
    try:
        document = json.loads(path.read_text())
        sides = {str(name): str(side) for name, side in document["sides"].items()}
        unknown = set(sides.values()) - set(SIDES)
        if unknown:
            raise ValueError(f"unknown sides {', '.join(sorted(unknown))}")
        return Split(sides, tuple(document.get("held_out_types", ())))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{path} is not a split file ({error}). Make one with `python -m ml split DATA -o {path}`."
        ) from error
