"""Contact sheets of an evaluation: the results of random queries, and of the worst."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from ml.datasets import Sample
from ml.evaluation.protocol import Answer
from ml.evaluation.questions import Question
from ml.files.sheets import Tile, contact_sheet, missing
from ml.pictures.codec import ImageRejected, decode

ROWS = 8


def at_random(question: Question, answer: Answer, *, title: str, seed: int) -> Image.Image:
    """`ROWS` random queries, the same for every system, so that sheets can be compared."""
    order = np.random.default_rng(seed).permutation(len(question.own))
    return _sheet(question, answer, order[:ROWS], title)


def worst(question: Question, answer: Answer, *, title: str) -> Image.Image:
    """For each class, the query with the fewest relevant results, worst first."""
    notion = question.notions[0]
    precision = answer.measured.values[notion.name]["precision@10"]
    behind = answer.measured.values[notion.name]["r_precision"]
    rows = [row for row in range(len(precision)) if not math.isnan(precision[row])]
    rows.sort(key=lambda row: (precision[row], behind[row], row))
    first_of_class: dict[int, int] = {}
    for row in rows:
        first_of_class.setdefault(int(notion.queries[row]), row)
    chosen = sorted(first_of_class.values(), key=rows.index)[:ROWS]
    return _sheet(question, answer, chosen, title)


def _sheet(question: Question, answer: Answer, rows: Sequence[int] | np.ndarray, title: str) -> Image.Image:
    notion = question.notions[0]
    drawn = []
    for row in rows:
        relevant = notion.relevant(np.array([row]))[0]
        asks = question.queries.samples[int(row)]
        tiles = [_tile(asks, None)]
        for position in answer.measured.lists[row]:
            tiles.append(_tile(question.gallery.samples[int(position)], bool(relevant[position])))
        drawn.append(tiles)
    return contact_sheet(drawn, title=title)


def _tile(sample: Sample, good: bool | None) -> Tile:
    caption = "\n".join(filter(None, (sample.labels.get("type"), sample.labels.get("colour"))))
    try:
        return Tile(decode(sample.read()), caption, good)
    except (ImageRejected, OSError):  # deleted since it was measured
        return missing(caption)
