"""Labelled pictures for training and evaluation: read, decode once, split without leaks."""

from ml.datasets.backgrounds import backgrounds_of
from ml.datasets.families import FAMILIES, family_of
from ml.datasets.prepared import Prepared, prepare
from ml.datasets.reading import TASKS, DatasetError, Sample, open_set, usual_side
from ml.datasets.splits import SIDES, Split, groups_of, read_split, split, write_split

__all__ = [
    "FAMILIES",
    "SIDES",
    "TASKS",
    "DatasetError",
    "Prepared",
    "Sample",
    "Split",
    "backgrounds_of",
    "family_of",
    "groups_of",
    "open_set",
    "prepare",
    "read_split",
    "split",
    "usual_side",
    "write_split",
]
