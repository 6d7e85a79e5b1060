"""Rows for masked-language modelling: pairs of texts of which the second follows or not, and words to be guessed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llm_component.training.data.corpus import Corpus
from llm_component.training.rows import FOLLOWS, IGNORED, RANDOM, Row

MOST_AHEAD = 4  # random pairs may be so many more than true ones, then a true one comes


@dataclass(frozen=True)
class Masking:
    """Which tokens are masked, and by what: 80 % the mask, 10 % a random token, 10 % themselves.

    `ordinary` are the ids that a random token is drawn from: all but special ones.
    """

    mask_id: int
    ordinary: np.ndarray
    special: frozenset[int]
    share: float = 0.15

    @classmethod
    def of(cls, tokenizer: Any, share: float) -> Masking:
        """For a tokenizer with a mask token."""
        special = frozenset(tokenizer.all_special_ids)
        ordinary = np.array([number for number in range(len(tokenizer)) if number not in special])
        return cls(int(tokenizer.mask_token_id), ordinary, special, share)

    def apply(self, ids: Sequence[int], generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The ids with some masked, and the labels: what stood there, `IGNORED` elsewhere."""
        masked = np.array(ids, dtype=np.int64)
        labels = np.full(len(masked), IGNORED, dtype=np.int64)
        candidates = np.flatnonzero(~np.isin(masked, list(self.special)))
        if not len(candidates):
            return masked, labels
        count = max(1, round(len(candidates) * self.share))
        chosen = generator.choice(candidates, size=count, replace=False)
        labels[chosen] = masked[chosen]
        fate = generator.random(count)
        masked[chosen[fate < 0.8]] = self.mask_id
        drawn = chosen[(fate >= 0.8) & (fate < 0.9)]
        masked[drawn] = generator.choice(self.ordinary, size=len(drawn))
        return masked, labels


@dataclass(frozen=True)
class _Pair:
    """Two stretches of the corpus as positions of tokens."""

    first: tuple[int, int]
    second: tuple[int, int]
    label: int


class MaskedPairs:
    """`[CLS] A [SEP] B [SEP]` with B the text after A in half of the pairs, else from another document.

    Sentences are packed until a pair is full; sentences of A's document that a random B has taken the place of come
    again in the next pair, so that no text is lost.
    """

    def __init__(
        self, corpus: Corpus, masking: Masking, *, start: int, end: int, length: int, seed: int, pairs: bool = True
    ) -> None:
        self._corpus = corpus
        self._masking = masking
        self._start, self._end = start, end
        self._room = length - (3 if pairs else 2)
        self._seed = seed
        self._pairs = pairs

    def rows(self, epoch: int, skip: int = 0) -> Iterator[Row]:
        for number, pair in enumerate(self._plan(epoch)):
            if number >= skip:
                yield self._row(pair, np.random.default_rng([self._seed, epoch, number]))

    def _row(self, pair: _Pair, generator: np.random.Generator) -> Row:
        tokens = self._corpus.tokens
        first = tokens[pair.first[0] : pair.first[1]].astype(np.int64)
        ids = [self._start, *first.tolist(), self._end]
        segments = [0] * len(ids)
        if self._pairs:
            second = tokens[pair.second[0] : pair.second[1]].astype(np.int64)
            ids += [*second.tolist(), self._end]
            segments += [1] * (len(second) + 1)
        masked, labels = self._masking.apply(ids, generator)
        return Row(ids=masked, labels=labels, segments=segments, label=pair.label)  # type: ignore[arg-type]

    def _bounds(self, document: int) -> np.ndarray:
        """Where the sentences of a document begin, and its end without the separator."""
        start, stop = self._corpus.documents[document], self._corpus.documents[document + 1] - 1
        low, high = np.searchsorted(self._corpus.sentences, [start, stop])
        return np.append(self._corpus.sentences[low:high], stop)

    def _plan(self, epoch: int) -> Iterator[_Pair]:
        drawn = random.Random(f"{self._seed}:{epoch}")
        order = list(range(len(self._corpus)))
        drawn.shuffle(order)
        ahead = 0  # random pairs minus true ones
        for document in order:
            bounds = self._bounds(document)
            at = 0
            while at < len(bounds) - 1:
                until = min(at + 2, len(bounds) - 1)  # two at least, so that one can follow the other
                while until < len(bounds) - 1 and bounds[until + 1] - bounds[at] <= self._room:
                    until += 1
                if not self._pairs:
                    yield _Pair(_within(bounds[at], bounds[until], self._room), (0, 0), FOLLOWS)
                    at = until
                    continue
                alone = until - at < 2
                if alone and (ahead >= MOST_AHEAD or len(order) < 2):
                    at = until  # a sentence with nothing after it would tip the balance
                    continue
                cut = until if alone else drawn.randint(at + 1, until - 1)
                random_one = alone or (ahead < MOST_AHEAD and len(order) > 1 and drawn.random() < 0.5)
                if random_one:
                    room = max(self._room - int(bounds[cut] - bounds[at]), self._room // 4)
                    second = self._elsewhere(document, room, drawn)
                    ahead += 1
                    at, first = cut, bounds[[at, cut]]
                else:
                    second = (int(bounds[cut]), int(bounds[until]))
                    ahead -= 1
                    at, first = until, bounds[[at, cut]]
                room = self._room - min(second[1] - second[0], self._room // 2)
                kept = _within(first[0], first[1], room, from_end=True)
                second = _within(*second, self._room - (kept[1] - kept[0]))
                yield _Pair(kept, second, RANDOM if random_one else FOLLOWS)

    def _elsewhere(self, document: int, room: int, drawn: random.Random) -> tuple[int, int]:
        """A stretch of whole sentences of another document."""
        other = drawn.randrange(len(self._corpus) - 1)
        other += other >= document
        bounds = self._bounds(other)
        at = drawn.randrange(max(1, len(bounds) - 1))
        until = min(at + 1, len(bounds) - 1)
        while until < len(bounds) - 1 and bounds[until + 1] - bounds[at] <= room:
            until += 1
        return int(bounds[at]), int(bounds[until])


def _within(start: Any, stop: Any, room: int, from_end: bool = False) -> tuple[int, int]:
    start, stop = int(start), int(stop)
    if stop - start <= room:
        return start, stop
    return (stop - room, stop) if from_end else (start, start + room)
