"""A linear-chain CRF (Lafferty et al. 2001) over words, trained and run by crfsuite; knows nothing of Rasa."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pycrfsuite

from rasa_addons.entities.features import word_features
from rasa_addons.entities.lookups import LookupTables
from rasa_addons.entities.words import Word, split_words

OUTSIDE = "O"
_WEIGHTS = "weights.crfsuite"
_KNOWLEDGE = "knowledge.json"


@dataclass(frozen=True)
class Span:
    """`text[start:end]` is of `kind`; `confidence` is the least probable of its words' labels, from 0 to 1."""

    start: int
    end: int
    kind: str
    confidence: float = 1.0


@dataclass(frozen=True)
class Knowledge:
    """What features are made from beside the text: regular expressions, lookup tables, words that are no slips."""

    patterns: Mapping[str, Sequence[str]]
    tables: Mapping[str, Sequence[str]]
    ordinary: Sequence[str]


@dataclass(frozen=True)
class CrfSettings:
    """Regularisation (weights of the L1 and the L2 norm) and the most steps of L-BFGS."""

    l1: float = 0.05
    l2: float = 0.01
    iterations: int = 100


class EntityTagger:
    """Labels the words of a text and joins equal neighbours to spans."""

    def __init__(self, tagger: pycrfsuite.Tagger, weights: bytes, knowledge: Knowledge) -> None:
        self._tagger = tagger
        self._weights = weights
        self._knowledge = knowledge
        self._patterns = _compiled(knowledge)
        self._lookups = LookupTables(knowledge.tables, knowledge.ordinary)

    def spans(self, text: str) -> list[Span]:
        """The spans of a text in order; none overlap."""
        words = split_words(text)
        if not words:
            return []
        self._tagger.set(word_features(text, words, self._patterns, self._lookups))
        tags = self._tagger.tag()
        sure = [self._tagger.marginal(tag, position) for position, tag in enumerate(tags)]
        return _spans_of(words, tags, sure)

    def named(self, text: str, table: str) -> list[Span]:
        """Where the text names something of a lookup table beyond doubt, slips of spelling allowed.

        Beyond doubt are two or more words of one name, one of them in names of this table alone.
        """
        words = split_words(text)
        runs = self._lookups.runs([word.text for word in words])
        return [
            Span(words[run.start].start, words[run.end - 1].end, table)
            for run in runs
            if run.table == table and run.telling and run.end - run.start > 1
        ]

    def save(self, folder: Path) -> None:
        """Writes the weights in crfsuite's own format and all else as JSON."""
        (folder / _WEIGHTS).write_bytes(self._weights)
        (folder / _KNOWLEDGE).write_text(json.dumps(asdict(self._knowledge)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> EntityTagger:
        """Reads what `save` wrote. Raises `FileNotFoundError` where nothing was."""
        knowledge = Knowledge(**json.loads((folder / _KNOWLEDGE).read_text(encoding="utf-8")))
        return cls._of((folder / _WEIGHTS).read_bytes(), knowledge)

    @classmethod
    def _of(cls, weights: bytes, knowledge: Knowledge) -> EntityTagger:
        tagger = pycrfsuite.Tagger()
        tagger.open_inmemory(weights)
        return cls(tagger, weights, knowledge)

    @classmethod
    def train(
        cls,
        examples: Sequence[tuple[str, Sequence[Span]]],
        knowledge: Knowledge,
        settings: CrfSettings,
        folder: Path,
    ) -> EntityTagger:
        """Trains on texts and their spans; `folder` takes crfsuite's file. Same examples, same weights.

        Raises:
            ValueError: no example has a span.
        """
        if not any(spans for _, spans in examples):
            raise ValueError("No training example has an entity: there is nothing to learn.")
        patterns, lookups = _compiled(knowledge), LookupTables(knowledge.tables, knowledge.ordinary)
        trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
        trainer.set_params({"c1": settings.l1, "c2": settings.l2, "max_iterations": settings.iterations})
        for text, spans in examples:
            words = split_words(text)
            if words:
                trainer.append(word_features(text, words, patterns, lookups), tags_of(words, spans))
        file = folder / _WEIGHTS
        trainer.train(str(file))
        return cls._of(file.read_bytes(), knowledge)


def tags_of(words: Sequence[Word], spans: Sequence[Span]) -> list[str]:
    """The label of each word: B-kind begins a span, I-kind goes on, O is none. A word partly in a span counts."""
    tags = [OUTSIDE] * len(words)
    for span in spans:
        inside = [index for index, word in enumerate(words) if word.start < span.end and span.start < word.end]
        for index in inside:
            tags[index] = f"{'B' if index == inside[0] else 'I'}-{span.kind}"
    return tags


def _spans_of(words: Sequence[Word], tags: Sequence[str], sure: Sequence[float]) -> list[Span]:
    found: list[Span] = []
    for word, tag, confidence in zip(words, tags, sure, strict=True):
        if tag == OUTSIDE:
            continue
        place, kind = tag.split("-", 1)
        if place == "I" and found and found[-1].kind == kind and _follows(found[-1], word, words):
            last = found.pop()
            found.append(Span(last.start, word.end, kind, min(last.confidence, confidence)))
        else:
            found.append(Span(word.start, word.end, kind, confidence))
    return found


def _follows(span: Span, word: Word, words: Sequence[Word]) -> bool:
    """Whether no other word stands between."""
    return not any(span.end <= other.start < word.start for other in words)


def _compiled(knowledge: Knowledge) -> dict[str, re.Pattern[str]]:
    return {
        name: re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)
        for name, patterns in knowledge.patterns.items()
    }
