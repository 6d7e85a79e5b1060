"""Whether a sentence says yes where its source says no: negation, opposites, bounds, conditions and obligations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from llm_component.checks.clauses import NO_LONGER, Clause, clauses, split_clauses
from llm_component.checks.language import content_keys, is_content, is_negator, key, lists, stem, word_set, words
from llm_component.checks.quantities import quantities

# A flip is claimed only where two sentences say nearly the same: shares of the sentence's content words.
ALIGNED = 0.5
ALIGNED_FOR_OPPOSITES = 0.5
# A source sentence that agrees about the negated word clears the sentence if it is aligned nearly as well.
_NEARLY = 0.3
# Where no head of a negator is shared: as many content words, and this share of the clause's.
_LEAST_SHARED = 4
_SAME_CLAUSE = 0.75
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
# Words that place one thing before another, and after it.
_BEFORE = frozenset({"before", "until", "till", "prior"})
_AFTER = frozenset({"after", "once", "when", "soon", "following", "afterwards", "afterward"})
_EVENT_WORDS = 5  # behind "before" or "after": the event that it speaks of
# Units say nothing of what a clause is about.
_UNITS = frozenset({stem(word) for word in ["second", "minute", "hour", "day", "week", "month", "year", "working"]})
_COSTS = ("cost", "pay")


@dataclass(frozen=True)
class Conflict:
    """How a sentence and its source disagree; all false where they do not."""

    negation: bool = False
    opposite: bool = False
    bound: bool = False

    def __bool__(self) -> bool:
        return self.negation or self.opposite or self.bound


@lru_cache(maxsize=8192)
def _keys(text: str) -> frozenset[str]:
    return frozenset(content_keys(NO_LONGER.sub(" ", text)))


@lru_cache(maxsize=8192)
def _forms(text: str) -> frozenset[str]:
    """The words of `text` as they stand, parts of hyphenated ones and words without a plural's s too."""
    return frozenset(
        form for word in words(text) for part in (word, *word.split("-")) for form in (part, part.removesuffix("s"))
    )


def conflict(sentence: str, source_sentences: Sequence[str]) -> Conflict:
    """The disagreement of `sentence` with the sentences of its source that say nearly the same."""
    mine = _keys(sentence)
    if not source_sentences or not mine:
        return Conflict()
    aligned = [(len(mine & _keys(each)) / len(mine), each) for each in source_sentences]
    # Of two that are equally near the shorter one has less besides.
    share, best = max(aligned, key=lambda pair: (round(pair[0], 3), -len(_keys(pair[1]))))
    close = share >= ALIGNED_FOR_OPPOSITES
    negation = _negation_flips(sentence, aligned)
    return Conflict(
        negation,
        close
        and not negation
        and _opposites(sentence, best, [each for part, each in aligned if part >= max(0.4, share - _NEARLY)]),
        (close and _bound(sentence) * _bound(best) == -1) or _limits_differ(sentence, source_sentences),
    )


def _negation_flips(sentence: str, aligned: Sequence[tuple[float, str]]) -> bool:
    """Whether a word is negated on one side only.

    The word is the first content word behind a negator (its head). It counts as affirmed on the other side only where
    its clause there has no negator at all: "we take no cash" and "cash is not taken" agree. A word of negative sense
    in one of the two clauses ("refused", "only") may make up for the negator, and nothing is claimed.
    """
    top = max(share for share, _ in aligned)
    if top < ALIGNED:
        return False
    for mine in clauses(sentence):
        flipped = agreed = 0.0
        for share, each in aligned:
            if share < ALIGNED:
                continue
            for theirs in clauses(each):
                verdict = _compare(mine, theirs)
                if verdict > 0:
                    flipped = max(flipped, share)
                elif verdict < 0:
                    agreed = max(agreed, share)
        if flipped > 0 and flipped >= top - _NEARLY and agreed < flipped - 1e-9:
            return True
    return False


def _compare(mine: Clause, theirs: Clause) -> int:
    """1 where the clauses contradict each other about a negated word, -1 where they agree about one, else 0."""
    shared = (mine.keys & theirs.keys) - _UNITS
    if mine.negators and theirs.negators:
        same = len(shared) >= _SAME_CLAUSE * len(mine.keys | theirs.keys)
        if same and len(shared) >= 2 and (mine.negators - theirs.negators) % 2:
            return 1
        if mine.of_verbs and theirs.of_verbs and len(shared) >= 3:
            return -1
        return -1 if mine.heads & theirs.keys or theirs.heads & mine.keys else 0
    if not mine.negators and not theirs.negators:
        return -1 if len(shared) >= max(2, _SAME_CLAUSE * len(mine.keys)) else 0
    heads, other = (mine.heads, theirs) if mine.negators else (theirs.heads, mine)
    if _made_up(mine.negative_words ^ theirs.negative_words, heads, mine.negated | theirs.negated):
        return 0
    if max(mine.of_verbs, theirs.of_verbs) % 2 and len(shared) >= max(_LEAST_SHARED, _SAME_CLAUSE * len(mine.keys)):
        return 1
    if not heads & other.keys:
        return 0
    # The clauses have to be about the same: a head alone is too little.
    return 1 if len(shared) >= 2 or shared == mine.keys else 0


def _made_up(one_sided: frozenset[str], heads: frozenset[str], keys: frozenset[str]) -> bool:
    """Whether a word of negative sense on one side may stand for the negator: "no charge" and "free"."""
    if "free" in one_sided and not keys & {key(word) for word in _COSTS}:
        one_sided = one_sided - {"free"}
    return bool(one_sided - heads)


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
