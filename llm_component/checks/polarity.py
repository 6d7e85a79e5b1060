"""Whether a sentence says yes where its source says no: negation, opposites, bounds, conditions and obligations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from llm_component.checks.clauses import split_clauses
from llm_component.checks.language import content_keys, is_content, is_negator, key, lists, word_set, words
from llm_component.checks.negation import compared_keys, negation_flips
from llm_component.checks.quantities import quantities

# An opposite is claimed only where two sentences say nearly the same: share of the sentence's content words.
ALIGNED_FOR_OPPOSITES = 0.5
# Opposites are looked for around sentences that are aligned nearly as well as the best.
_NEARLY = 0.3
_UPPER = re.compile(
    r"\b(?:at most|up to|no more than|not more than|maximum|no later than|at the latest|or less|or fewer)\b",
    re.IGNORECASE,
)
_LOWER = re.compile(
    r"\b(?:at least|no less than|not less than|minimum|no fewer than|at the earliest|no earlier than|more than|or more"
    r"|and above|or over|or longer)\b",
    re.IGNORECASE,
)
# Straight before a fact.
_LIMIT_LOW = re.compile(
    r"(?:over|above|more than|at least|from|exceeding|upwards of|no less than|longer than)\s*\Z", re.IGNORECASE
)
_LIMIT_HIGH = re.compile(
    r"(?:under|below|less than|at most|up to|no more than|not more than|shorter than|fewer than)\s*\Z", re.IGNORECASE
)
# "A, not B" and "A rather than B"; "not A but B".
_TURNS_DOWN = re.compile(r"(?:,\s?(?:but |and )?not|\band not|\brather than|\binstead of)\s", re.IGNORECASE)
_NOT_BUT = re.compile(r"\bnot\s([^;:.()]{1,120}?)\sbut\s", re.IGNORECASE)
_REACH = 200  # characters, to each side of such words
_BEFORE_IT = re.compile(r"[;:.()]")
_BEHIND_IT = re.compile(r"[;:.(),]")
# Words that place one thing before another, and after it.
_BEFORE = frozenset({"before", "until", "till", "prior"})
_AFTER = frozenset({"after", "once", "when", "soon", "following", "afterwards", "afterward"})
_EVENT_WORDS = 5  # behind "before" or "after": the event that it speaks of


@dataclass(frozen=True)
class Conflict:
    """How a sentence and its source disagree; all false where they do not."""

    negation: bool = False
    opposite: bool = False
    bound: bool = False

    def __bool__(self) -> bool:
        return self.negation or self.opposite or self.bound


@lru_cache(maxsize=8192)
def _forms(text: str) -> frozenset[str]:
    """The words of `text` as they stand, parts of hyphenated ones and words without a plural's s too."""
    return frozenset(
        form for word in words(text) for part in (word, *word.split("-")) for form in (part, part.removesuffix("s"))
    )


def conflict(sentence: str, source_sentences: Sequence[str]) -> Conflict:
    """The disagreement of `sentence` with the sentences of its source that say nearly the same."""
    mine = compared_keys(sentence)
    if not source_sentences or not mine:
        return Conflict()
    aligned = [(len(mine & compared_keys(each)) / len(mine), each) for each in source_sentences]
    # Of two that are equally near the shorter one has less besides.
    share, best = max(aligned, key=lambda pair: (round(pair[0], 3), -len(compared_keys(pair[1]))))
    close = share >= ALIGNED_FOR_OPPOSITES
    negation = negation_flips(sentence, source_sentences)
    return Conflict(
        negation,
        not negation
        and (
            _contrast_swapped(sentence, source_sentences)
            or (
                close
                and _opposites(sentence, best, [each for part, each in aligned if part >= max(0.4, share - _NEARLY)])
            )
        ),
        (close and _bound(sentence) * _bound(best) == -1) or _limits_differ(sentence, source_sentences),
    )


@cache
def _opposite_words() -> tuple[tuple[str, str], ...]:
    pairs = [(str(a), str(b)) for a, b in lists()["antonyms"]]
    for group in lists()["exclusive"]:
        pairs += [(a, b) for a in group.split() for b in group.split() if a < b]
    return tuple(dict.fromkeys([*pairs, *[(b, a) for a, b in pairs]]))


def _opposites(sentence: str, best: str, near: Sequence[str]) -> bool:
    """Whether one of two opposites stands in the sentence and the other in its place in the source, while no source
    sentence that is nearly as near (`near`) has the first."""
    mine, theirs = _forms(sentence), _forms(best)
    around = frozenset().union(*(_forms(each) for each in near))
    for first, second in ((_BEFORE, _AFTER), (_AFTER - {"when"}, _BEFORE)):
        event = _events(sentence, first)
        if event and event & _events(best, second) and not any(event & _events(each, first) for each in near):
            return _odd_negators(sentence, best) == 0
    return any(
        a in mine and a not in around and b in theirs and b not in mine
        and _odd_negators(_clause_with(sentence, a), _clause_with(best, b)) == 0
        for a, b in _opposite_words()
    )  # fmt: skip


@lru_cache(maxsize=8192)
def _contrasts(text: str) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """What `text` affirms and denies in one breath, as content keys: "at dispatch, not when you pre-order"."""
    plain = text.replace("n't", " not")
    pairs = [
        (_just_before(plain, match.start()), _just_behind(plain, match.end())) for match in _TURNS_DOWN.finditer(plain)
    ]
    for match in _NOT_BUT.finditer(plain):
        pairs.append((f"{_just_before(plain, match.start())} {_just_behind(plain, match.end())}", match[1]))
    keys = [(frozenset(content_keys(affirmed)), frozenset(content_keys(denied))) for affirmed, denied in pairs]
    return tuple((one - other, other - one) for one, other in keys if one - other and other - one)


def _just_before(text: str, place: int) -> str:
    return _BEFORE_IT.split(text[max(place - _REACH, 0) : place])[-1]


def _just_behind(text: str, place: int) -> str:
    return _BEHIND_IT.split(text[place : place + _REACH])[0]


def _contrast_swapped(sentence: str, source_sentences: Sequence[str]) -> bool:
    """Whether what `sentence` affirms is denied in a contrast of the source, and what it denies affirmed there."""
    return any(
        affirmed & their_denied and denied & their_affirmed
        for affirmed, denied in _contrasts(sentence)
        for each in source_sentences
        for their_affirmed, their_denied in _contrasts(each)
    )


def _events(text: str, prepositions: frozenset[str]) -> frozenset[str]:
    """Content keys of the few words behind the first of `prepositions`."""
    said = words(text)
    place = next((index for index, word in enumerate(said) if word in prepositions), None)
    if place is None:
        return frozenset()
    return frozenset(key(word) for word in said[place + 1 : place + 1 + _EVENT_WORDS] if is_content(word))


def _odd_negators(one: str, other: str) -> int:
    return sum(is_negator(word) for text in (one, other) for word in words(text)) % 2


def _clause_with(text: str, word: str) -> str:
    """The first clause of `text` that has the word: only the negators beside an opposite count."""
    return next((part for part in split_clauses(text) if word in _forms(part)), text)


def _limits_differ(sentence: str, source_sentences: Sequence[str]) -> bool:
    """Whether a fact is a lower limit in the sentence ("over £200") and only ever an upper one in the source, or the
    reverse."""
    mine = _limits(sentence)
    if not mine:
        return False
    theirs: dict[tuple[str, str], set[int]] = {}
    for each in source_sentences:
        for fact, limit in _limits(each, every=True):
            theirs.setdefault(fact, set()).add(limit)
    return any(theirs.get(fact) == {-limit} for fact, limit in mine)


@lru_cache(maxsize=8192)
def _limits(text: str, every: bool = False) -> tuple[tuple[tuple[str, str], int], ...]:
    """Facts of `text` with 1 for a lower limit, -1 for an upper one, and with `every` 0 for those that are neither."""
    found = []
    for fact in quantities(text):
        limit = int(bool(_LIMIT_LOW.search(text, 0, fact.start))) - int(bool(_LIMIT_HIGH.search(text, 0, fact.start)))
        if limit or every:
            found.append((fact.key, limit))
    return tuple(found)


def _bound(text: str) -> int:
    return int(_UPPER.search(text) is not None) - int(_LOWER.search(text) is not None)


def cues(text: str, name: str) -> frozenset[str]:
    """The cue words of one list (conditions, obligation, option, universal) that stand in `text`."""
    return frozenset(words(text)) & word_set(name)
