"""How likely a message belongs to none of the trained intents: signs of it, and a score learned from them.

A classifier is sure of much that it has never seen. Where a message lies beside the training data says more: how near
its nearest neighbours are (Sun et al. 2022, "Out-of-distribution detection with deep nearest neighbors"), and how much
farther it is from every intent's centre than from the middle of all (Ren et al. 2021, relative Mahalanobis distance).
`TrainingSpace` computes these signs from vectors and the classifier's probabilities; `InScopeScore` weighs them.
Examples of what is out of scope need not be at hand: `unseen_intent_rounds` holds whole intents out of training.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

SIGNS = (
    "probability",  # of the best intent
    "margin",  # of the best over the second
    "certainty",  # 1 - entropy / log(labels)
    "nearest",  # cosine to the nearest training example
    "neighbours",  # mean cosine to the nearest few
    "nearest_of_intent",  # cosine to the nearest example of the best intent
    "relative_mahalanobis",  # root of the distance to all, less root of that to the nearest intent's centre
)
# What the score weighs unless told otherwise: on held-out intents no larger choice was better (docs/nlu.md, Measured).
CHOSEN = ("certainty", "nearest", "nearest_of_intent")
NEIGHBOURS = 5
# Share of a round sphere in the covariance: an intent has fewer examples than a vector has dimensions.
SHRINKAGE = 0.3
ROWS_AT_ONCE = 1024  # of a block of cosines
SPACE_FILE, SCORE_FILE = "space.safetensors", "score.json"


class Round(NamedTuple):
    """Positions of the examples to train on, of held-out ones of their intents, and of ones of untrained intents."""

    train: np.ndarray
    known: np.ndarray
    unseen: np.ndarray


def unseen_intent_rounds(targets: np.ndarray, rounds: int, seed: int) -> Iterator[Round]:
    """Splits `targets` `(n,)` so that each example is held out once with its intent trained and once without.

    In each round a group of intents is left out whole, and of the others one part of their examples. The only example
    of an intent is never held out with its intent trained: nothing would be left to train.

    Raises:
        ValueError: fewer than three rounds, or fewer intents than rounds.
    """
    labels = np.unique(targets)
    if not 3 <= rounds <= len(labels):
        raise ValueError(f"{rounds} rounds of {len(labels)} intents: use 3 or more, and at most one an intent")
    generator = np.random.default_rng(seed)
    group = np.empty(labels.max() + 1, dtype=np.int64)
    group[generator.permutation(labels)] = np.arange(len(labels)) % rounds
    fold = np.full(len(targets), rounds)
    for label in labels:
        places = generator.permutation(np.flatnonzero(targets == label))
        if len(places) == 1:
            continue
        # Never the fold in which the intent itself is left out.
        fold[places] = (group[label] + 1 + np.arange(len(places)) % (rounds - 1)) % rounds
    for number in range(rounds):
        unseen = group[targets] == number
        known = fold == number
        yield Round(np.flatnonzero(~unseen & ~known), np.flatnonzero(known), np.flatnonzero(unseen))


@dataclass
class TrainingSpace:
    """The training data as messages are compared with it.

    `vectors` `(n, d)` of length 1 and `targets` `(n,)`; `centres` `(labels, d)` and the mean of all, both multiplied by
    `within` and `overall` `(d, d)`, so that a plain distance there is Mahalanobis'.
    """

    vectors: np.ndarray
    targets: np.ndarray
    within: np.ndarray
    overall: np.ndarray
    centres: np.ndarray
    mean: np.ndarray

    @classmethod
    def fit(cls, vectors: np.ndarray, targets: np.ndarray) -> TrainingSpace:
        """From `(n, d)` vectors and the positions of their intents, `(n,)`.

        Raises:
            ValueError: no examples.
        """
        if not len(vectors):
            raise ValueError("no training examples: nothing can be compared with them")
        labels = np.unique(targets)
        centres = np.stack([vectors[targets == label].mean(axis=0) for label in labels])
        mean = vectors.mean(axis=0)
        within = _whitening(vectors - centres[np.searchsorted(labels, targets)])
        overall = _whitening(vectors - mean)
        arrays = (vectors, targets, within, overall, centres @ within, mean @ overall)
        return cls(*(array.astype(np.int64 if array is targets else np.float32) for array in arrays))

    def signs(self, vectors: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """`(m, d)` vectors of length 1 and `(m, labels)` probabilities → `(m, len(SIGNS))`, higher for in scope."""
        ordered = np.sort(probabilities, axis=1)[:, ::-1]
        entropy = -(probabilities * np.log(np.maximum(probabilities, 1e-12))).sum(axis=1)
        best = probabilities.argmax(axis=1)
        blocks = [
            self._near(vectors[start : start + ROWS_AT_ONCE], best[start : start + ROWS_AT_ONCE])
            for start in range(0, len(vectors), ROWS_AT_ONCE)
        ]
        near = np.concatenate(blocks) if blocks else np.zeros((0, 3))
        columns = (
            ordered[:, 0],
            ordered[:, 0] - ordered[:, 1],
            1.0 - entropy / np.log(probabilities.shape[1]),
            *near.T,
            self._relative_distance(vectors),
        )
        return np.stack(columns, axis=1).astype(np.float32)

    def _near(self, vectors: np.ndarray, best: np.ndarray) -> np.ndarray:
        """Nearest, mean of the nearest few, nearest of the best intent: `(m, 3)` cosines."""
        cosines = vectors @ self.vectors.T
        few = min(NEIGHBOURS, cosines.shape[1])
        nearest = np.partition(cosines, -few, axis=1)[:, -few:]
        # An intent without an example here is as far as can be.
        own = np.where(self.targets[np.newaxis, :] == best[:, np.newaxis], cosines, -1.0).max(axis=1)
        return np.stack([nearest.max(axis=1), nearest.mean(axis=1), own], axis=1)

    def _relative_distance(self, vectors: np.ndarray) -> np.ndarray:
        here = vectors @ self.within
        squares = (here**2).sum(axis=1)[:, np.newaxis] - 2 * here @ self.centres.T + (self.centres**2).sum(axis=1)
        to_intent = np.sqrt(np.maximum(squares.min(axis=1), 0.0))
        to_all = np.linalg.norm(vectors @ self.overall - self.mean, axis=1)
        return np.asarray(to_all - to_intent)


def _whitening(deviations: np.ndarray) -> np.ndarray:
    """`(n, d)` deviations from means → `(d, d)` symmetric root of the inverse of their shrunk covariance."""
    covariance = deviations.T.astype(np.float64) @ deviations / len(deviations)
    scale = np.trace(covariance) / len(covariance) or 1.0  # all examples alike: any distance is far
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * scale * np.eye(len(covariance))
    values, directions = np.linalg.eigh(covariance)
    return np.asarray((directions / np.sqrt(values)) @ directions.T)


@dataclass
class InScopeScore:
    """`expit((signs - mean) / scale · weights + bias)` over the signs named; all of the length of `names`."""

    names: Tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: float

    @classmethod
    def fit(
        cls,
        signs: np.ndarray,
        in_scope: np.ndarray,
        *,
        names: Sequence[str] = CHOSEN,
        sample_weights: Optional[np.ndarray] = None,
    ) -> InScopeScore:
        """From `(n, len(SIGNS))` signs of held-out messages and whether each is in scope, `(n,)` booleans.

        Without `sample_weights`, both kinds weigh the same however many there are.

        Raises:
            ValueError: one of the two kinds is missing, or a sign is unknown.
        """
        unknown = sorted(set(names) - set(SIGNS))
        if unknown:
            raise ValueError(f"unknown signs: {', '.join(unknown)}; there are {', '.join(SIGNS)}")
        if in_scope.all() or not in_scope.any():
            raise ValueError("messages in scope and out of scope are needed to tell them apart")
        chosen = signs[:, [SIGNS.index(name) for name in names]]
        mean, scale = chosen.mean(axis=0), np.maximum(chosen.std(axis=0), 1e-6)
        model = LogisticRegression(class_weight="balanced" if sample_weights is None else None)
        model.fit((chosen - mean) / scale, in_scope, sample_weight=sample_weights)
        return cls(tuple(names), mean, scale, model.coef_[0], float(model.intercept_[0]))

    def __call__(self, signs: np.ndarray) -> np.ndarray:
        """`(n, len(SIGNS))` → `(n,)` from 0 to 1, higher for in scope."""
        chosen = signs[:, [SIGNS.index(name) for name in self.names]]
        return np.asarray(expit((chosen - self.mean) / self.scale @ self.weights + self.bias))


@dataclass
class Novelty:
    """A training space with the score over its signs, saved and loaded as one."""

    space: TrainingSpace
    score: InScopeScore

    def in_scope(self, vectors: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """`(n, d)` vectors and `(n, labels)` probabilities → `(n,)` from 0 (belongs to no intent) to 1."""
        return self.score(self.space.signs(vectors, probabilities))

    def save(self, folder: Path) -> None:
        """Writes both into `folder`, nothing pickled."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: np.ascontiguousarray(array) for name, array in vars(self.space).items()}, folder / SPACE_FILE)
        plain = {
            name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(self.score).items()
        }
        (folder / SCORE_FILE).write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Novelty:
        """Reads what `save` wrote.

        Raises:
            ValueError: the files are of another version of this module.
        """
        said = json.loads((folder / SCORE_FILE).read_text(encoding="utf-8"))
        try:
            arrays = {name: np.asarray(said[name]) for name in ("mean", "scale", "weights")}
            score = InScopeScore(tuple(said["names"]), bias=float(said["bias"]), **arrays)
            return cls(TrainingSpace(**load_file(folder / SPACE_FILE)), score)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{folder} was written by another version ({error}); fit it anew") from error
