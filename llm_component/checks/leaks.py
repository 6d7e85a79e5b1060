"""Whether a sentence gives away how the model was instructed: the system prompt's words, its marks, talk of itself."""

from __future__ import annotations

import re
from collections.abc import Iterable

from llm_component.checks.language import patterns, words

RUN = 8  # words in a row that a sentence and the system prompt share: less than that may be chance
SHARE = 0.6  # of the sentence's runs of four words, for sentences that change a word here and there
_SHORT_RUN = 4
_LEAST_RUNS = 3
# What the prompt quotes is meant to be said: the abstention sentence, the shop's name.
_QUOTED = re.compile(r"\"[^\"\n]{3,400}\"|“[^”\n]{3,400}”")


class LeakDetector:
    """Knows one system prompt, and the texts whose words may be said in any case (passages, question, contact)."""

    def __init__(self, system_prompt: str, open_texts: Iterable[str] = ()) -> None:
        open_words = [words(text) for text in (*open_texts, *_QUOTED.findall(system_prompt))]
        self._long = _runs(words(_QUOTED.sub(" . ", system_prompt)), RUN)
        self._short = _runs(words(_QUOTED.sub(" . ", system_prompt)), _SHORT_RUN)
        for each in open_words:
            self._long -= _runs(each, RUN)
            self._short -= _runs(each, _SHORT_RUN)
        self._open = " ".join(" ".join(each) for each in open_words)

    def leaks(self, sentence: str) -> bool:
        """Whether `sentence` repeats the system prompt, holds a prompt's marks, or speaks of instructions or models."""
        if any(pattern.search(sentence) for pattern in patterns("delimiters")):
            return True
        for pattern in patterns("instructions"):
            match = pattern.search(sentence)
            if match and " ".join(words(match.group())) not in self._open:
                return True
        said = words(sentence)
        if _runs(said, RUN) & self._long:
            return True
        short = _runs(said, _SHORT_RUN)
        return len(short) >= _LEAST_RUNS and len(short & self._short) >= SHARE * len(short)


def _runs(said: list[str], length: int) -> set[tuple[str, ...]]:
    return {tuple(said[start : start + length]) for start in range(len(said) - length + 1)}
