"""Knows the abstention sentence, and sentences said before, also where the model changed a comma or a capital."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher

from llm_component.checks.sentences import CITATION, split_sentences
from llm_component.compact.source import ABSTENTION

LIKENESS = 0.9  # of the letters; "I am sorry" for "I'm sorry" passes, another sentence does not
LEAST_WORDS = 3  # a shorter first sentence ("Sorry.") is no abstention by itself
LOOP = 3  # a sentence said so often, or so many sentences said again, is a model that turns in circles
_NOT_LETTERS = re.compile(r"[\W_]+")


def letters(text: str) -> str:
    """The letters and digits of `text` without case and marks, words apart."""
    return _NOT_LETTERS.sub(" ", CITATION.sub(" ", text).replace("'", "").replace("’", "")).strip().casefold()


class Abstention:
    """Compares sentences with the profile's abstention, and with the compact model's."""

    def __init__(self, abstention: str) -> None:
        sentences = [letters(sentence) for sentence in split_sentences(abstention)]
        telling = [sentence for sentence in sentences if len(sentence.split()) >= LEAST_WORDS]
        self._said = {said for said in (letters(abstention), *telling[:1]) if said}
        self._plain = letters(ABSTENTION)

    def matches(self, sentence: str) -> bool:
        """Whether `sentence` is the abstention, or its first sentence."""
        said = letters(sentence)
        # Letter by letter: "I do know." is hardly less like it than a misspelling.
        return said == self._plain or any(
            said == known or SequenceMatcher(None, said, known, autojunk=False).ratio() >= LIKENESS
            for known in self._said
        )


class Repetitions:
    """Counts sentences that come again."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._again = 0

    def again(self, sentence: str) -> bool:
        """Whether `sentence` was said before; remembers it."""
        key = letters(sentence)
        self._seen[key] += 1
        repeated = self._seen[key] > 1
        self._again += repeated
        return repeated

    def looping(self, sentence: str) -> bool:
        """Whether the model only repeats itself by now."""
        return self._seen[letters(sentence)] >= LOOP or self._again >= LOOP
