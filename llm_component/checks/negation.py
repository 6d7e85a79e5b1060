"""Whether a sentence negates what its source affirms, or the reverse: compared clause by clause."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from llm_component.checks.clauses import NO_LONGER, Clause, clauses
from llm_component.checks.language import content_keys, key, stem

# A flip is claimed only where two sentences say nearly the same: share of the content words of the sentence, or of
# one clause of it that has at least as many.
ALIGNED = 0.5
_LEAST_OF_CLAUSE = 3
# A source sentence that agrees about the negated word clears the sentence if it is aligned nearly as well.
_NEARLY = 0.3
# Where no head of a negator is shared: as many content words, this share of the clause's, and as many of those that
# stand beside the negator.
_LEAST_SHARED = 3
_SAME_CLAUSE = 0.75
_LEAST_BESIDE = 2
# Units say nothing of what a clause is about.
_UNITS = frozenset({stem(word) for word in ["second", "minute", "hour", "day", "week", "month", "year", "working"]})
_COSTS = ("cost", "pay")


@lru_cache(maxsize=8192)
def compared_keys(text: str) -> frozenset[str]:
    """The content keys of `text` by which sentences are aligned."""
    return frozenset(content_keys(NO_LONGER.sub(" ", text)))


def negation_flips(sentence: str, source_sentences: Sequence[str]) -> bool:
    """Whether a word is negated in `sentence` only, or in the source only.

    The word is the first content word behind a negator (its head). It counts as affirmed on the other side only where
    its clause there has no negator at all: "we take no cash" and "cash is not taken" agree. A word of negative sense
    in one of the two clauses ("refused", "only") may make up for the negator, and nothing is claimed.
    """
    mine = compared_keys(sentence)
    shares = [len(mine & compared_keys(each)) / len(mine) for each in source_sentences] if mine else []
    return any(_clause_flips(clause, source_sentences, shares) for clause in clauses(sentence))


def _clause_flips(mine: Clause, source_sentences: Sequence[str], shares: Sequence[float]) -> bool:
    if len(mine.keys) >= _LEAST_OF_CLAUSE:
        shares = [
            max(share, len(mine.keys & compared_keys(each)) / len(mine.keys))
            for share, each in zip(shares, source_sentences, strict=True)
        ]
    top = max(shares, default=0.0)
    if top < ALIGNED:
        return False
    flipped = agreed = 0.0
    for share, each in zip(shares, source_sentences, strict=True):
        if share < ALIGNED:
            continue
        for theirs in clauses(each):
            verdict = _compare(mine, theirs)
            if verdict > 0:
                flipped = max(flipped, share)
            elif verdict < 0:
                agreed = max(agreed, share)
    return flipped > 0 and flipped >= top - _NEARLY and agreed < flipped - 1e-9


def _compare(mine: Clause, theirs: Clause) -> int:
    """1 where the clauses contradict each other about a negated word, -1 where they agree about one, else 0."""
    shared = (mine.keys & theirs.keys) - _UNITS
    if mine.negators and theirs.negators:
        same = len(shared) >= _SAME_CLAUSE * len(mine.keys | theirs.keys)
        if same and len(shared) >= 2 and (mine.negators - theirs.negators) % 2:
            return 1
        if _one_verb_more(mine, theirs) and len(shared) >= max(2, _SAME_CLAUSE * min(len(mine.keys), len(theirs.keys))):
            return 1
        if mine.of_verbs and theirs.of_verbs and len(shared) >= 3 and len(mine.beside & theirs.beside) >= _LEAST_BESIDE:
            return -1
        return -1 if mine.heads & theirs.beside or theirs.heads & mine.beside else 0
    if not mine.negators and not theirs.negators:
        return -1 if len(shared) >= max(2, _SAME_CLAUSE * len(mine.keys)) else 0
    negative = mine if mine.negators else theirs
    if _made_up(mine.negative_words ^ theirs.negative_words, negative.heads, mine.negated | theirs.negated):
        return 0
    if (
        negative.of_verbs % 2
        and len(shared) >= max(_LEAST_SHARED, _SAME_CLAUSE * len(mine.keys))
        and len(shared & negative.beside) >= _LEAST_BESIDE
    ):
        return 1
    if not negative.heads & (theirs if mine.negators else mine).keys:
        return 0
    # The clauses have to be about the same: a head alone is too little.
    return 1 if len(shared) >= 2 or shared == mine.keys else 0


def _one_verb_more(mine: Clause, theirs: Clause) -> bool:
    """Whether both negate a noun alike and one its verb besides: "cannot sell without VAT", "sell without VAT"."""
    of_nouns = mine.negators - mine.of_verbs, theirs.negators - theirs.of_verbs
    return of_nouns[0] == of_nouns[1] > 0 and sorted((mine.of_verbs, theirs.of_verbs)) == [0, 1]


def denies_alone(sentence: str, source_sentences: Sequence[str]) -> bool:
    """Whether `sentence` negates a verb, and no source sentence with one of the words beside it negates anything."""
    return any(
        clause.of_verbs
        and not any(
            theirs.negators or theirs.negative_words
            for each in source_sentences
            if (clause.beside or clause.keys) & compared_keys(each)
            for theirs in clauses(each)
        )
        for clause in clauses(sentence)
    )


def _made_up(one_sided: frozenset[str], heads: frozenset[str], keys: frozenset[str]) -> bool:
    """Whether a word of negative sense on one side may stand for the negator: "no charge" and "free"."""
    if "free" in one_sided and not keys & {key(word) for word in _COSTS}:
        one_sided = one_sided - {"free"}
    return bool(one_sided - heads)
