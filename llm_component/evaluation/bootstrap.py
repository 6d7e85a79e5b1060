"""Confidence intervals by bootstrap: examples are drawn again and again with replacement, the score computed each time.

Draws depend on the seed and on the number of examples alone, so equal inputs give equal intervals, and two systems
compared on the same examples are compared on the same draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

SAMPLES = 1000
LEVEL = 0.95

# Computes a score from the examples at these indices, `(n,)` int64; an index may come several times.
Statistic = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Interval:
    """A score on all examples with the bounds of its confidence interval (percentiles of the bootstrap)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """The difference of two systems' scores, first less second, with its interval.

    `p`: two-sided, how often the draws lie on the other side of no difference; 1.0 says that nothing is known.
    """

    difference: float
    low: float
    high: float
    p: float


def draws(count: int, samples: int = SAMPLES, seed: int = 1) -> Iterator[np.ndarray]:
    """`samples` times `count` indices below `count`, drawn with replacement."""
    generator = np.random.Generator(np.random.PCG64(seed))
    for _ in range(samples):
        yield generator.integers(0, count, size=count)


def interval_of(
    count: int, statistic: Statistic, *, samples: int = SAMPLES, seed: int = 1, level: float = LEVEL
) -> Interval:
    """The interval of any score over `count` examples. Raises `ValueError` where there is none."""
    if count < 1:
        raise ValueError("no examples: there is nothing to draw from")
    values = np.array([statistic(drawn) for drawn in draws(count, samples, seed)])
    low, high = _bounds(values, level)
    return Interval(float(statistic(np.arange(count))), low, high)


def mean_interval(values: Sequence[float], *, samples: int = SAMPLES, seed: int = 1, level: float = LEVEL) -> Interval:
    """The interval of the mean of one value an example. Raises `ValueError` where there is none."""
    held = np.asarray(values, dtype=np.float64)
    return interval_of(len(held), lambda drawn: float(held[drawn].mean()), samples=samples, seed=seed, level=level)


def ratio_interval(
    counted: Sequence[float], of: Sequence[float], *, samples: int = SAMPLES, seed: int = 1, level: float = LEVEL
) -> Interval:
    """The interval of `sum(counted) / sum(of)`, one pair an example, as of precision; 0 where nothing was counted."""
    above, below = np.asarray(counted, dtype=np.float64), np.asarray(of, dtype=np.float64)

    def ratio(drawn: np.ndarray) -> float:
        whole = float(below[drawn].sum())
        return float(above[drawn].sum()) / whole if whole else 0.0

    return interval_of(len(above), ratio, samples=samples, seed=seed, level=level)


def compare(
    count: int,
    first: Statistic,
    second: Statistic,
    *,
    samples: int = SAMPLES,
    seed: int = 1,
    level: float = LEVEL,
) -> Comparison:
    """The paired bootstrap of two systems on the same examples. Raises `ValueError` where there are none."""
    if count < 1:
        raise ValueError("no examples: there is nothing to draw from")
    differences = np.array([first(drawn) - second(drawn) for drawn in draws(count, samples, seed)])
    everything = np.arange(count)
    low, high = _bounds(differences, level)
    below, above = int((differences <= 0).sum()), int((differences >= 0).sum())
    p = min(1.0, 2.0 * min(below, above) / samples)
    return Comparison(float(first(everything) - second(everything)), low, high, p)


def _bounds(values: np.ndarray, level: float) -> tuple[float, float]:
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)
