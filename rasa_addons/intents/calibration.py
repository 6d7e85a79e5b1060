"""Temperature scaling: probabilities that mean what they say (Guo et al. 2017, "On Calibration of Modern Neural
Networks", section 4.2), fitted on examples that the model under test has not seen."""

from __future__ import annotations

import warnings
from typing import Callable, Iterator, Tuple

import numpy as np
import scipy.optimize
from scipy.special import log_softmax
from sklearn.model_selection import StratifiedKFold

# Measured: 0.6 to 0.8. Without a bound, few examples that are all recognised would make every probability 1.
COLDEST, HOTTEST = 0.25, 20.0
BINS = 10  # of the calibration error, as in Guo et al.

FoldLogits = Callable[[np.ndarray, np.ndarray], np.ndarray]


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """The T > 0 for which `softmax(logits / T)` has the least negative log-likelihood.

    `logits` is `(n, labels)`, `targets` `(n,)`. 1.0 without examples.
    """
    if len(targets) == 0:
        return 1.0
    rows = np.arange(len(targets))

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[rows, targets].mean())

    found = scipy.optimize.minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def stratified_folds(targets: np.ndarray, folds: int, seed: int) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
    """Indices `(train, held out)` of each fold; fewer folds where no label has that many examples, none below two."""
    folds = min(folds, int(np.bincount(targets).max()))
    if folds < 2:
        return
    with warnings.catch_warnings():
        # A label with fewer examples than folds is in some of them only, which is all one can do.
        warnings.simplefilter("ignore", UserWarning)
        yield from StratifiedKFold(folds, shuffle=True, random_state=seed).split(targets, targets)


def held_out_temperature(targets: np.ndarray, fold_logits: FoldLogits, *, folds: int, seed: int) -> float:
    """The temperature over all folds: each example is scored by a model that was fitted without its fold.

    Args:
        fold_logits: gives `(held out, labels)` for indices `(train, held out)`.
    """
    logits, wanted = [], []
    for train, held_out in stratified_folds(targets, folds, seed):
        # What no example was trained on can be predicted by no temperature.
        known = held_out[np.isin(targets[held_out], targets[train])]
        logits.append(fold_logits(train, known))
        wanted.append(targets[known])
    return fit_temperature(np.concatenate(logits), np.concatenate(wanted)) if logits else 1.0


def expected_calibration_error(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The mean gap between confidence and accuracy over `BINS` bins of confidence, weighted by their examples."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [
        abs(confidence[bins == each].mean() - right[bins == each].mean()) * (bins == each).mean()
        for each in np.unique(bins)
    ]
    return float(sum(gaps))
