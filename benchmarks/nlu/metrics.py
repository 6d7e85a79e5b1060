"""Scores of predicted intents, and how they change with the threshold below which a message counts as out of scope.

Labels are integers here; `REJECTED` stands for "out of scope", wanted or predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.nlu.datasets import OUT_OF_SCOPE

REJECTED = -1
THRESHOLDS = 201  # quantiles of the scores that are tried


@dataclass(frozen=True)
class Point:
    """What one threshold gives; `mcc` is Matthews' coefficient over all labels, out of scope among them (HINT3)."""

    threshold: float
    in_scope_accuracy: float
    oos_recall: float
    mcc: float


def codes(intents: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """Positions of intents in `labels`, `(n,)`; `REJECTED` for `OUT_OF_SCOPE`.

    Raises:
        ValueError: an intent is not among the labels.
    """
    places = {label: place for place, label in enumerate(labels)} | {OUT_OF_SCOPE: REJECTED}
    unknown = sorted(set(intents) - places.keys())
    if unknown:
        raise ValueError(f"not trained, so they can't be recognised: {', '.join(unknown)}")
    return np.array([places[intent] for intent in intents], dtype=np.int64)


def rejecting(predicted: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """The predictions with `REJECTED` where the score lies below the threshold, `(n,)`."""
    return np.where(scores < threshold, REJECTED, predicted)


def in_scope_accuracy(wanted: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the messages of an intent that got it; NaN where there are none."""
    inside = wanted != REJECTED
    return float((wanted == predicted)[inside].mean()) if inside.any() else float("nan")


def oos_recall(wanted: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the messages out of scope that were rejected; NaN where there are none."""
    outside = wanted == REJECTED
    return float((predicted == REJECTED)[outside].mean()) if outside.any() else float("nan")


def mcc(wanted: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Matthews' correlation coefficient for several classes (Gorodkin 2004), 0 where it is not defined.

    Args:
        weights: of the examples, `(n,)`; None: all alike.
    """
    size = int(max(wanted.max(), predicted.max())) + 2
    weights = np.ones(len(wanted)) if weights is None else weights
    right = float(weights[wanted == predicted].sum())
    everything = float(weights.sum())
    truly = np.bincount(wanted + 1, weights, size)
    said = np.bincount(predicted + 1, weights, size)
    below = (everything**2 - float(said @ said)) * (everything**2 - float(truly @ truly))
    return (right * everything - float(truly @ said)) / below**0.5 if below > 0 else 0.0


def macro_f1(wanted: np.ndarray, predicted: np.ndarray) -> float:
    """Mean over the wanted labels of their F1."""
    size = int(max(wanted.max(), predicted.max())) + 2
    hits = np.bincount(wanted[wanted == predicted] + 1, minlength=size)
    both = np.bincount(wanted + 1, minlength=size) + np.bincount(predicted + 1, minlength=size)
    there = np.unique(wanted) + 1
    return float((2 * hits[there] / both[there]).mean())


def curve(wanted: np.ndarray, predicted: np.ndarray, scores: np.ndarray) -> list[Point]:
    """One point a threshold, from rejecting nothing to rejecting nearly all."""
    return [
        Point(
            float(threshold),
            in_scope_accuracy(wanted, found),
            oos_recall(wanted, found),
            mcc(wanted, found),
        )
        for threshold in candidates(scores)
        for found in [rejecting(predicted, scores, threshold)]
    ]


def candidates(scores: np.ndarray) -> np.ndarray:
    """The thresholds that are tried: quantiles of the scores, ascending."""
    return np.unique(np.quantile(scores, np.linspace(0, 1, THRESHOLDS)))


def best_threshold(
    wanted: np.ndarray, predicted: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> tuple[float, float]:
    """The threshold with the highest MCC, and that MCC; of equal ones the lowest threshold.

    The three arrays come from training folds or a validation part, never from a test part.
    """
    found = [
        (mcc(wanted, rejecting(predicted, scores, threshold), weights), -threshold) for threshold in candidates(scores)
    ]
    value, negative = max(found)
    return -float(negative), float(value)
