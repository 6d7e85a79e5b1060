"""A multinomial logistic regression: fitted, kept as plain arrays.

The objective is scikit-learn's: the weighted sum of cross-entropies plus ||weights||² / (2 C). It is minimised here, in
float32 products, because a fit may start from weights that are there already and must cope with labels that have no
example in a fold, and because it takes half the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

import numpy as np
import scipy.optimize
from safetensors import SafetensorError  # type: ignore[attr-defined]  # defined in its Rust part
from safetensors.numpy import load_file, save_file
from scipy.special import log_softmax

WEIGHTS_FILE = "head.safetensors"
MOST_STEPS = 300  # of L-BFGS
TOLERANCE = 1e-3  # of the largest entry of the gradient, as in scikit-learn
FLAT = 1e-9  # a step that lowers the loss by a smaller share ends the fit: float32 products show no finer difference


@dataclass
class LinearModel:
    """`logits = features @ weights + bias`, float32: weights `(features, labels)`, bias `(labels,)`."""

    weights: np.ndarray
    bias: np.ndarray

    @classmethod
    def fit(
        cls,
        features: np.ndarray,
        targets: np.ndarray,
        label_count: int,
        *,
        inverse_regularisation: float,
        start: Optional[LinearModel] = None,
    ) -> LinearModel:
        """Fits `(n, features)` to `targets` `(n,)`, indices below `label_count`; rare labels weigh as much as others.

        Args:
            start: weights to begin from, of the same shapes.
        """
        n, columns = features.shape
        weight_of = class_weights(targets, label_count)[targets]
        everyone = np.arange(n)

        def objective(flat: np.ndarray) -> Tuple[float, np.ndarray]:
            parameters = flat.reshape(columns + 1, label_count)
            small = parameters.astype(np.float32)
            logs = log_softmax(features @ small[:-1] + small[-1], axis=1)
            loss = -float((weight_of * logs[everyone, targets]).sum(dtype=np.float64))
            error = np.exp(logs)
            error[everyone, targets] -= 1.0
            error *= weight_of[:, np.newaxis]
            gradient = np.concatenate([features.T @ error, error.sum(axis=0, keepdims=True)]).astype(np.float64)
            gradient[:-1] += parameters[:-1] / inverse_regularisation
            loss += float((parameters[:-1] ** 2).sum()) / (2 * inverse_regularisation)
            return loss, gradient.ravel()

        first = np.zeros((columns + 1, label_count))
        if start is not None:
            first = np.concatenate([start.weights, start.bias[np.newaxis, :]]).astype(np.float64)
        options = {"maxiter": MOST_STEPS, "gtol": TOLERANCE, "ftol": FLAT}
        found = scipy.optimize.minimize(objective, first.ravel(), jac=True, method="L-BFGS-B", options=options)
        parameters = found.x.reshape(columns + 1, label_count).astype(np.float32)
        return cls(parameters[:-1], parameters[-1])

    def logits(self, features: np.ndarray) -> np.ndarray:
        """`(n, features)` → `(n, labels)`, float32, before any temperature."""
        return np.asarray(features @ self.weights + self.bias)

    def save(self, folder: Path) -> None:
        """Writes the weights to `head.safetensors`."""
        tensors = {"weights": self.weights, "bias": self.bias}
        save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, folder / WEIGHTS_FILE)

    @classmethod
    def load(cls, folder: Path) -> LinearModel:
        """Reads what `save` wrote. Raises `ValueError` where the file is no such one."""
        try:
            return cls(**load_file(folder / WEIGHTS_FILE))
        except (SafetensorError, TypeError) as error:
            raise ValueError(
                f"{folder / WEIGHTS_FILE} holds no linear model ({error}); train the model anew"
            ) from error


def class_weights(targets: np.ndarray, label_count: int) -> np.ndarray:
    """`(labels,)`, float32: n / (labels · count), so that each label weighs the same; 0 for one without examples."""
    counts = np.bincount(targets, minlength=label_count)
    present = counts > 0
    weights = np.zeros(label_count, dtype=np.float32)
    weights[present] = len(targets) / (present.sum() * counts[present])
    return weights
