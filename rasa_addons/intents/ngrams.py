"""Character n-grams of words, hashed: what survives of a word with a slip of spelling."""

from __future__ import annotations

from typing import Sequence

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer

SHORTEST, LONGEST = 1, 4  # characters
# Hashed n-grams need no vocabulary, and so few columns are multiplied as a dense matrix: a fit takes a fifth to a tenth
# of the time of counted ones (the accuracy is the same to 0.3 points; docs/decisions/0050).
COLUMNS = 1024

_hashed = HashingVectorizer(
    analyzer="char_wb", ngram_range=(SHORTEST, LONGEST), n_features=COLUMNS, norm="l2", dtype=np.float32
)


def ngram_rows(texts: Sequence[str], weight: float) -> np.ndarray:
    """`(texts, COLUMNS)` float32, each row of length `weight`; `(texts, 0)` where that is 0.

    One length for all, so that a long message does not drown its sentence vector, which has length 1.
    """
    if weight == 0:
        return np.zeros((len(texts), 0), dtype=np.float32)
    return _hashed.transform(texts).toarray() * np.float32(weight)
