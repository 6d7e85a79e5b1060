"""A multinomial logistic regression over dense and sparse features, saved as plain arrays.

Fitted by scikit-learn; kept as one weight matrix and a bias in an `.npz` beside a JSON list of labels, so
that loading a model never unpickles anything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import List, Sequence, Tuple, Union

import numpy as np
import scipy.sparse
from sklearn.linear_model import LogisticRegression

Matrix = Union[np.ndarray, scipy.sparse.csr_matrix]


@dataclass
class LinearModel:
    """`softmax(x @ weights + bias)`: weights `(features, labels)`, bias `(labels,)`."""

    labels: List[str]
    weights: np.ndarray
    bias: np.ndarray

    @classmethod
    def fit(cls, features: Matrix, labels: Sequence[str], *, inverse_regularisation: float, seed: int) -> LinearModel:
        """Fits on `(examples, features)`; classes are weighted inversely to their frequency.

        Raises:
            ValueError: fewer than two labels: there is nothing to tell apart.
        """
        names = sorted(set(labels))
        if len(names) < 2:
            raise ValueError("A classifier needs examples of at least two intents.")
        model = LogisticRegression(
            C=inverse_regularisation, class_weight="balanced", max_iter=300, tol=1e-3, random_state=seed
        )
        model.fit(features, list(labels))
        weights, bias = model.coef_.T, model.intercept_
        if len(names) == 2:  # scikit-learn keeps one column for two classes
            weights = np.concatenate([-weights / 2, weights / 2], axis=1)
            bias = np.concatenate([-bias / 2, bias / 2])
        return cls(list(model.classes_), weights.astype(np.float32), bias.astype(np.float32))

    def probabilities(self, features: Matrix) -> np.ndarray:
        """`(examples, features)` → `(examples, labels)`, rows sum to one."""
        logits = np.asarray(features @ self.weights) + self.bias
        logits -= logits.max(axis=1, keepdims=True)
        exponents = np.exp(logits)
        return exponents / exponents.sum(axis=1, keepdims=True)

    def ranking(self, features: Matrix) -> List[Tuple[str, float]]:
        """Labels with their probabilities for one example, most probable first."""
        row = self.probabilities(features)[0]
        return [(self.labels[index], float(row[index])) for index in np.argsort(-row)]

    def save(self, folder: Path) -> None:
        np.savez(folder / "weights.npz", weights=self.weights, bias=self.bias)
        (folder / "labels.json").write_text(json.dumps(self.labels), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> LinearModel:
        with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
            weights, bias = arrays["weights"], arrays["bias"]
        labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        return cls(labels, weights, bias)
