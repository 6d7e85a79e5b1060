"""Multinomial logistic regression kept as plain arrays, and its probabilities for examples that were held out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

STEPS = 100  # of L-BFGS; more change no decision
TOLERANCE = 3e-3


@dataclass(frozen=True)
class SoftmaxRegression:
    """`softmax(features @ weights + bias)`: weights `(features, labels)`, bias `(labels,)`, float32."""

    labels: list[str]
    weights: np.ndarray
    bias: np.ndarray

    @classmethod
    def fit(
        cls,
        features: np.ndarray,
        labels: Sequence[str],
        *,
        inverse_regularisation: float,
        weights: np.ndarray,
    ) -> SoftmaxRegression:
        """Fits on `(examples, features)`, each example weighed by `weights` `(examples,)`.

        Raises:
            ValueError: fewer than two labels: there is nothing to tell apart.
        """
        if len(set(labels)) < 2:
            raise ValueError("a classifier needs examples of at least two labels")
        model = LogisticRegression(
            C=inverse_regularisation,
            max_iter=STEPS,
            tol=TOLERANCE,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is meant
            model.fit(features, list(labels), sample_weight=weights)
        coefficients, bias = model.coef_.T, model.intercept_
        if coefficients.shape[1] == 1:  # scikit-learn keeps one column for two labels
            coefficients, bias = np.hstack([-coefficients / 2, coefficients / 2]), np.r_[-bias / 2, bias / 2]
        return cls([str(name) for name in model.classes_], coefficients.astype(np.float32), bias.astype(np.float32))

    def logits(self, features: np.ndarray) -> np.ndarray:
        """`(examples, features)` → `(examples, labels)`."""
        return np.asarray(features @ self.weights + self.bias)

    def probabilities(self, features: np.ndarray, temperature: float = 1.0) -> np.ndarray:
        """`(examples, features)` → `(examples, labels)`; rows sum to one."""
        return np.asarray(softmax(self.logits(features) / temperature, axis=1))


def held_out_folds(
    labels: Sequence[str], groups: Sequence[str], folds: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Indices `(train, held out)` of each fold; labels spread evenly, examples of one group stay together."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a label with fewer examples than folds is in some of them only
        yield from StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(
            groups, list(labels), list(groups)
        )


def held_out_probabilities(
    features: np.ndarray,
    labels: Sequence[str],
    order: Sequence[str],
    *,
    inverse_regularisation: float,
    folds: int,
    seed: int,
    weights: np.ndarray,
    groups: Sequence[str],
) -> np.ndarray:
    """`(examples, labels)` in the order of `order`: probabilities from models fitted without the example's group."""
    result = np.zeros((len(labels), len(order)), dtype=np.float32)
    names = np.asarray(labels)
    for train, held_out in held_out_folds(labels, groups, folds, seed):
        model = SoftmaxRegression.fit(
            features[train],
            names[train].tolist(),
            inverse_regularisation=inverse_regularisation,
            weights=weights[train],
        )
        columns = np.asarray([list(order).index(label) for label in model.labels])
        result[np.ix_(held_out, columns)] = model.probabilities(features[held_out])
    return result
