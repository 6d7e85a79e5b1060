"""Mends slips of spelling towards the words of the training texts; what is a word already stays as it is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from rapidfuzz import process
from rapidfuzz.distance import OSA

SHORTEST = 4  # letters: any slip makes another word of a shorter one
LONG_WORD = 8  # letters from which a word may have two slips
FEWEST_USES = 2  # in the training texts: what stands there once may be a slip itself
_REMEMBERED = 20_000  # words whose mending is kept, so that a stream of strange words fills no memory

# Words of letters alone, none that is part of an address, a model's name or a figure.
_WORD = re.compile(r"(?<![\w@.'’-])[^\W\d_]+(?![\w@]|[.'’-]\w)")


class SpellingCorrector:
    """Mends words it does not know.

    Args:
        trained: words of the training texts in small letters that a slip may have meant, the most used first.
        known: further words that are right as they are, in the order in which they are tried after the trained ones.
    """

    def __init__(self, trained: Sequence[str], known: Sequence[str]) -> None:
        self.trained = list(trained)
        self.known = list(known)
        self._right = frozenset(self.trained) | frozenset(self.known)
        self._mended: dict[str, str] = {}

    def corrected(self, text: str) -> str:
        """The text with its slips mended, in small letters where a word was changed."""
        return _WORD.sub(lambda match: self._word(match[0]), text)

    def _word(self, word: str) -> str:
        lower = word.casefold()
        if len(lower) < SHORTEST or lower in self._right:
            return word
        if lower not in self._mended:
            if len(self._mended) >= _REMEMBERED:
                self._mended.clear()
            most = 2 if len(lower) >= LONG_WORD else 1
            self._mended[lower] = _nearest(lower, self.trained, most) or _nearest(lower, self.known, 1) or lower
        mended = self._mended[lower]
        return word if mended == lower else mended


def _nearest(word: str, candidates: Sequence[str], most: int) -> str | None:
    """The candidate with the fewest slips; among equals one with the same first letter, then the first."""
    found = process.extract(word, candidates, scorer=OSA.distance, score_cutoff=most, limit=None)
    if not found:
        return None
    best, _, _ = min(found, key=lambda match: (match[1], match[0][0] != word[0], match[2]))
    return best


def words_by_use(texts: Iterable[str]) -> list[tuple[str, int]]:
    """The words of letters alone in small letters with their number of uses, the most used first."""
    counts = Counter(match[0].casefold() for text in texts for match in _WORD.finditer(text))
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
