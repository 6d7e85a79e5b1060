"""What the training data says about a message: kernel ridge regression on sentence vectors and n-grams.

It scores each intent of the dialogue and each kind of turn that is none. The scores of the training messages themselves
come from the closed form of leaving one out (Rasmussen & Williams 2006, "Gaussian Processes for Machine Learning",
eq. 5.12), so that a second model can be fitted on scores like those of unseen messages without any refitting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg
import scipy.sparse
from sklearn.feature_extraction.text import HashingVectorizer

from rasa_addons.routing.text_signs import plain

# Chosen on tests/nlu/routing_dev.yml among 21 settings (docs/decisions/0051-routing-learned.md).
WIDTH = 1.0  # of the vectors' part: exp(-WIDTH (1 - cosine))
NGRAM_WEIGHT = 0.3  # of the cosines of character and of word n-grams beside it
RIDGE = 0.1
COLUMNS = 2**16  # hashed: n-grams need no vocabulary

_HASHED = (
    HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), n_features=COLUMNS, alternate_sign=False),
    HashingVectorizer(
        analyzer="word", ngram_range=(1, 2), n_features=COLUMNS, alternate_sign=False, token_pattern=r"\S+"
    ),
)


@dataclass(frozen=True)
class Evidence:
    """The training messages and what they weigh: a score is the kernel times `weights` `(messages, labels)`.

    `vectors` `(messages, d)` have length 1, `ngrams` are `(messages, 2 COLUMNS)`, `targets` `(messages,)` are indices
    into `labels`.
    """

    labels: list[str]
    vectors: np.ndarray
    ngrams: scipy.sparse.csr_matrix
    targets: np.ndarray
    weights: np.ndarray

    @classmethod
    def fit(cls, texts: Sequence[str], labels: Sequence[str], vectors: np.ndarray) -> tuple[Evidence, np.ndarray]:
        """The evidence of different `texts`, and their own scores `(messages, labels)` with each left out.

        `vectors` is `(messages, d)`, rows of length 1. Solved in float64: about `messages`³ multiplications, some
        seconds for four thousand.
        """
        names = sorted(set(labels))
        targets = np.asarray([names.index(label) for label in labels])
        wanted = np.eye(len(names), dtype=np.float64)[targets]
        ngrams = ngram_rows(texts)
        kernel = _kernel(vectors, ngrams, vectors, ngrams).astype(np.float64)
        kernel[np.diag_indices_from(kernel)] += RIDGE
        factor, lower = scipy.linalg.cho_factor(kernel, lower=True, overwrite_a=True)
        inverse = scipy.linalg.cho_solve((factor, lower), np.eye(len(texts)))
        weights = inverse @ wanted
        left_out = wanted - weights / np.diag(inverse)[:, np.newaxis]
        return cls(names, vectors, ngrams, targets, weights.astype(np.float32)), left_out.astype(np.float32)

    @cached_property
    def rows(self) -> dict[str, np.ndarray]:
        """The indices of the messages of each label."""
        return {label: np.flatnonzero(self.targets == index) for index, label in enumerate(self.labels)}

    def scores(self, text: str, vector: np.ndarray) -> np.ndarray:
        """About 1 for the label of a message, about 0 for others: `(labels,)`. `vector` is `(d,)`, of length 1."""
        row = _kernel(vector[np.newaxis, :], ngram_rows([text]), self.vectors, self.ngrams)[0]
        return np.asarray(row @ self.weights)


def ngram_rows(texts: Sequence[str]) -> scipy.sparse.csr_matrix:
    """`(texts, 2 COLUMNS)`: character and word n-grams, each half of a row of length 1."""
    said = [plain(text) for text in texts]
    return scipy.sparse.hstack([hashed.transform(said) for hashed in _HASHED], format="csr", dtype=np.float32)


def _kernel(
    vectors: np.ndarray, ngrams: scipy.sparse.csr_matrix, others: np.ndarray, other_ngrams: scipy.sparse.csr_matrix
) -> np.ndarray:
    """`(messages, others)`."""
    shared = (ngrams @ other_ngrams.T).toarray()
    return np.asarray(np.exp(-WIDTH * (1 - vectors @ others.T)) + NGRAM_WEIGHT * shared)
