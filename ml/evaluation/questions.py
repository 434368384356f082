"""The questions of an evaluation: the queries, the gallery, and which results are relevant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.evaluation import baselines
from ml.evaluation.pictures import PictureSet

TITLES = {
    "type": "type",
    "colour": "colour",
    "family": "colour family",
    "type_and_colour": "type and colour",
    "gender": "gender",
    "kind": "same class",
}


@dataclass(frozen=True)
class Notion:
    """A notion of relevance.

    Attributes:
        name: a key of `TITLES`.
        queries: int [q], the class of each query, −1 if not known.
        gallery: int [n], the class of each picture of the gallery, −1 if not known.
        classes: names of the queries' classes.
        found: names of the gallery's classes.
        allowed: bool [classes, found], which class is relevant to which; None: only the same class.
    """

    name: str
    queries: np.ndarray
    gallery: np.ndarray
    classes: tuple[str, ...]
    found: tuple[str, ...]
    allowed: np.ndarray | None = None

    def relevant(self, rows: slice | np.ndarray) -> np.ndarray:
        """bool [rows, n]: which pictures of the gallery are relevant to these queries."""
        asked = self.queries[rows]
        if self.allowed is None:
            return (asked[:, None] == self.gallery) & (asked >= 0)[:, None]
        return self.allowed[asked][:, self.gallery] & (asked >= 0)[:, None] & (self.gallery >= 0)

    def among(self, positions: np.ndarray) -> "Notion":
        """The same notion for a part of the gallery."""
        return Notion(self.name, self.queries, self.gallery[positions], self.classes, self.found, self.allowed)


@dataclass(frozen=True)
class Question:
    """Queries, the gallery they search, and the notions of relevance.

    Attributes:
        own: int [q], the position of each query in the gallery, −1 if it is not there.
        thumbnails: float32 [q, 16, 16, 3] and [n, 16, 16, 3], of the queries and of the gallery.
    """

    gallery: PictureSet
    queries: PictureSet
    own: np.ndarray
    notions: tuple[Notion, ...]
    thumbnails: tuple[np.ndarray, np.ndarray]


def within(pictures: PictureSet, positions: np.ndarray) -> Question:
    """Queries and gallery from the same set.

    Raises:
        ValueError: no task has two labels, so there is nothing to distinguish.
    """
    queries = pictures.only(positions)
    tasks = [task for task in ("type", "colour", "family", "gender") if any(pictures.labels(task))]
    notions = {task: _same(task, queries.labels(task), pictures.labels(task)) for task in tasks}
    if "type" in notions and "colour" in notions:
        both = [_pairs(part.labels("type"), part.labels("colour")) for part in (queries, pictures)]
        notions["type_and_colour"] = _same("type_and_colour", *both)
    if all(len(notion.found) < 2 for notion in notions.values()):
        only = f", {next(iter(notions.values())).found[0]!r}" if notions else ""
        raise ValueError(
            f"All pictures of {pictures.name} have the same class{only}, so there is nothing to measure. "
            "Use a set with at least two classes."
        )
    ordered = [notions[name] for name in TITLES if name in notions]
    thumbnails = _thumbnails(pictures)
    return Question(pictures, queries, positions, tuple(ordered), (thumbnails[positions], thumbnails))


def across(gallery: PictureSet, queries: PictureSet, class_map: Mapping[str, Sequence[str]]) -> Question:
    """Queries from another set, for pictures of a matching class.

    Args:
        class_map: type of a query → matching types of the gallery; a type without any is left out.

    Raises:
        ValueError: the map lacks every type of the queries, or names no type of the gallery.
    """
    asked = queries.labels("type")
    classes = tuple(sorted({label for label in asked if class_map.get(label)}))
    if not classes:
        raise ValueError(f"The class map has none of the classes of {queries.name}: {_some(sorted(set(asked)))}.")
    found = tuple(sorted(set(gallery.labels("type")) - {""}))
    unknown = sorted({name for label in classes for name in class_map[label]} - set(found))
    if len(unknown) == len({name for label in classes for name in class_map[label]}):
        raise ValueError(f"The class map names no type of {gallery.name}; it names {_some(unknown)}.")
    allowed = np.array([[name in class_map[label] for name in found] for label in classes])
    positions = np.flatnonzero([label in classes for label in asked])
    queries = queries.only(positions)
    keys = np.array([classes.index(label) for label in queries.labels("type")])
    in_gallery = _numbers(gallery.labels("type"), found)
    notion = Notion("kind", keys, in_gallery, classes, found, allowed)
    thumbnails = _thumbnails(queries), _thumbnails(gallery)
    return Question(gallery, queries, np.full(len(queries), -1), (notion,), thumbnails)


def _same(name: str, queries: Sequence[str], gallery: Sequence[str]) -> Notion:
    classes = tuple(sorted(set(gallery) - {""}))
    return Notion(name, _numbers(queries, classes), _numbers(gallery, classes), classes, classes)


def _numbers(labels: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    known = {label: number for number, label in enumerate(classes)}
    return np.array([known.get(label, -1) for label in labels])


def _pairs(types: Sequence[str], colours: Sequence[str]) -> list[str]:
    return [f"{colour} {name}" if name and colour else "" for name, colour in zip(types, colours, strict=True)]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _thumbnails(pictures: PictureSet) -> np.ndarray:
    return baselines.thumbnails(pictures.pixels(baselines.INPUT_SIZE, baselines.FIT)[0])
