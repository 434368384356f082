"""Isotonic regression: the non-decreasing step function that is nearest to the observations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

#: Scores are pooled into this many equally full bins before the regression: the stored curve stays small, and one odd
#: pair among thousands makes no separate step.
BINS = 100


@dataclass(frozen=True)
class Curve:
    """A non-decreasing, piecewise linear function, constant before its first and after its last knot.

    Attributes:
        scores: float64 [n], ascending.
        values: float64 [n], non-decreasing, 0 to 1.
    """

    scores: np.ndarray
    values: np.ndarray

    def __call__(self, score: float) -> float:
        return float(np.interp(score, self.scores, self.values))

    def at(self, scores: np.ndarray) -> np.ndarray:
        """float64 [n]."""
        return np.interp(scores, self.scores, self.values)

    def first_score_of(self, value: float) -> float | None:
        """The lowest score at which the curve reaches `value`; None if it never does."""
        place = int(np.searchsorted(self.values, value))
        if place == len(self.values):
            return None
        if place == 0:
            return float(self.scores[0])
        left, right = self.values[place - 1], self.values[place]
        step = self.scores[place] - self.scores[place - 1]
        return float(self.scores[place - 1] + step * (value - left) / (right - left))

    def to_json(self) -> dict[str, list[float]]:
        return {
            "scores": [round(float(score), 5) for score in self.scores],
            "values": [round(float(value), 5) for value in self.values],
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        return cls(np.asarray(found["scores"], float), np.asarray(found["values"], float))


def pool_adjacent_violators(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The non-decreasing float64 [n] with the smallest weighted sum of squared differences from `values`, float [n]
    (Ayer et al. 1955; Robertson, Wright and Dykstra, "Order Restricted Statistical Inference", 1.2).

    Neighbours in the wrong order are replaced by their mean until none are.
    """
    means: list[float] = []
    totals: list[float] = []
    lengths: list[int] = []
    for value, weight in zip(values, weights, strict=True):
        mean, total, length = float(value), float(weight), 1
        while means and means[-1] >= mean:
            before, weight_before = means.pop(), totals.pop()
            mean = (mean * total + before * weight_before) / (total + weight_before)
            total += weight_before
            length += lengths.pop()
        means.append(mean)
        totals.append(total)
        lengths.append(length)
    return np.repeat(means, lengths)


def fit(scores: np.ndarray, outcomes: np.ndarray, *, bins: int = BINS) -> Curve:
    """The mean outcome as a function of the score.

    It is interpolated between the centres of the regression's steps, so that two scores rarely get the same value.

    Args:
        scores: float [n], n at least 1.
        outcomes: [n], 0 to 1.
    """
    order = np.argsort(scores, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    centres, means, totals = np.array([(scores[part].mean(), outcomes[part].mean(), len(part)) for part in parts]).T
    steps = pool_adjacent_violators(means, totals)
    first = np.flatnonzero(np.diff(steps, prepend=-1.0) > 0)
    ends = np.append(first[1:], len(steps))
    knots = [np.average(centres[start:end], weights=totals[start:end]) for start, end in zip(first, ends, strict=True)]
    return Curve(np.array(knots), steps[first])


def calibration_error(predicted: np.ndarray, outcomes: np.ndarray, *, bins: int = 10) -> float:
    """Expected calibration error (Naeini, Cooper and Hauskrecht 2015): |mean outcome - mean prediction| in equally wide
    bins of the predictions, averaged over the bins by their number of pairs.

    Args:
        predicted: float [n], 0 to 1, n at least 1.
        outcomes: [n], 0 or 1.
    """
    places = np.minimum((predicted * bins).astype(int), bins - 1)
    gaps = np.zeros(bins)
    np.add.at(gaps, places, outcomes - predicted)
    return float(np.abs(gaps).sum() / len(predicted))
