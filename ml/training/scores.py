"""Classification scores, computed from their definitions."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClassificationScores:
    """Attributes:
    count: pictures with a known label.
    accuracy: share of them predicted correctly.
    precision, recall, f_score, support: float or int [classes]; 0 for a class that was never predicted or never occurs.
    macro_f: mean of `f_score` over the classes that occur.
    weighted_f: the same, weighted by `support`.
    confusion: int [classes, classes]; rows are true classes, columns predicted ones.
    """

    count: int
    accuracy: float
    precision: np.ndarray
    recall: np.ndarray
    f_score: np.ndarray
    support: np.ndarray
    macro_f: float
    weighted_f: float
    confusion: np.ndarray


def classification_scores(truth: np.ndarray, predicted: np.ndarray, classes: int) -> ClassificationScores:
    """Scores of predictions int [n] against labels int [n]; negative labels are left out.

    F is 2·precision·recall / (precision + recall) for each class (van Rijsbergen 1979).
    """
    known = truth >= 0
    truth, predicted = truth[known], predicted[known]
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    right = np.diag(confusion).astype(np.float64)
    support, named = confusion.sum(axis=1), confusion.sum(axis=0)
    precision = right / np.maximum(named, 1)
    recall = right / np.maximum(support, 1)
    f_score = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    there = support > 0
    count = int(known.sum())
    return ClassificationScores(
        count=count,
        accuracy=float(right.sum() / max(count, 1)),
        precision=precision,
        recall=recall,
        f_score=f_score,
        support=support,
        macro_f=float(f_score[there].mean()) if there.any() else 0.0,
        weighted_f=float((f_score * support).sum() / max(count, 1)),
        confusion=confusion,
    )
