"""Sentences cut into clauses, with what each negates."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from llm_component.checks.language import is_content, is_negator, key, stem, word_set, words

_STARTS = (
    r"and|but|so|or|nor|as|then|it|you|we|they|there|this|which|who|nobody|please|if|unless|when|because|since|while"
    r"|although|provided|even"
)
_CLAUSE = re.compile(
    rf"[;:!?|\n()–—]|\.(?!\d)|,(?=\s+(?:{_STARTS})\b)"
    r"|\b(?:but|whereas|although|though|because|unless|if|when|so that|provided|even)\b"
    r"|\band (?=(?:you|we|it|they|there)\b)|^(?:yes|no),",
    re.IGNORECASE,
)
# Phrases with a negator that turn nothing round.
_NO_FLIP = re.compile(
    r"\b(?:not only|no matter|no problem|why not|no doubt|no sooner|whether or not|if not|or not|nothing but"
    r"|no longer than|no later than|no more than|not more than|no less than|no fewer than|not least|no earlier than"
    r"|don't forget|do not forget|don't worry|need not worry|at once)\b",
    re.IGNORECASE,
)
NO_LONGER = re.compile(
    r"\b(?:too (?:late|early|large|small|big|far|heavy|little) (?:to|for)|no longer|no more|any longer|any more"
    r"|anymore)\b",
    re.IGNORECASE,
)
# "If the spot is wet, the driver ...": the comma behind what comes first.
_LEADING = re.compile(
    r"^(\W*(?:if|when|once|unless|after|before|until|as|while|although|since|because|for|with|without|within|in|on|at)"
    r"\b[^,;]*),(?!\d)",
    re.IGNORECASE,
)
# The same without a comma: "if you delay your benefits you may not be eligible".
_LEADING_BARE = re.compile(
    r"^(\W*(?:if|when|once|unless|after|before|until)\b(?:\s+[\w'-]+){3,}?)"
    r"(?=\s+(?:you|we|they|it)\s+(?:may|can|cannot|can't|will|won't|must|should)\b)",
    re.IGNORECASE,
)
_LEAD = re.compile(r"(\W*\w[\w'-]*(?: \w[\w'-]*){0,5}):\s")
# What they negate is the clause, not the word behind them.
_PRONOUNS = frozenset({"nothing", "nobody", "none", "nowhere"})
# They turn round a noun, not the clause.
_OF_NOUNS = frozenset({"no", "without", "nor", "neither", "none"})
_BESIDE = 3  # content words to each side of a negator's head
# Said with or without a negator: no charge.
_FREE = re.compile(
    r"\b(?:(?:at|for|with) no (?:extra |further |additional )?(?:charge|cost|fee)s?"
    r"|without (?:any |extra |further )*(?:charge|cost|fee)s?|free of charge|for free|for nothing"
    r"|or nothing|costs? (?:you )?nothing|pay nothing|nothing to pay|no (?:extra )?charge)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Clause:
    """One clause: content keys, keys that stand behind a negator, the first such key of each negator, the keys beside
    that one, and the words of negative sense that may make up for a negator."""

    keys: frozenset[str]
    negated: frozenset[str]
    heads: frozenset[str]
    beside: frozenset[str]
    negative_words: frozenset[str]
    negators: int
    of_verbs: int


@lru_cache(maxsize=8192)
def clauses(text: str) -> tuple[Clause, ...]:
    """The clauses of `text` that have content words."""
    plain = _FREE.sub(" free ", text.replace("’", "'"))
    plain = NO_LONGER.sub(_not_longer, _NO_FLIP.sub(" ", plain))
    plain = _LEADING_BARE.sub(r"\1;", _LEADING.sub(r"\1;", plain))
    lead = _LEAD.match(plain)
    if lead is None:
        return tuple(found for part in _CLAUSE.split(plain) if part and (found := _clause(part)).keys)
    # "Packed: you can still cancel": what is before the colon belongs to each clause behind it.
    about = _clause(lead[1])
    return tuple(
        replace(
            found,
            keys=found.keys | about.keys,
            negated=found.negated | about.negated,
            heads=found.heads | about.heads,
            beside=found.beside | about.beside,
            negators=found.negators + about.negators,
            of_verbs=found.of_verbs + about.of_verbs,
        )
        for part in _CLAUSE.split(plain[lead.end() :])
        if part and (found := _clause(part)).keys
    )


def _not_longer(match: re.Match[str]) -> str:
    return "not" if match.group().lower().startswith(("no ", "too ")) else ""


def split_clauses(text: str) -> list[str]:
    """`text` cut where clauses meet."""
    return [part for part in _CLAUSE.split(text) if part and part.strip()]


def _clause(text: str) -> Clause:
    order: list[str] = []
    places: list[int] = []  # of heads in `order`
    keys: set[str] = set()
    negated: set[str] = set()
    heads: set[str] = set()
    inside = awaiting = False
    negators = of_verbs = 0
    for word in words(text):
        if is_negator(word):
            # "nothing" behind its verb negates what stands before it.
            # "not without" takes back; "not for this and cannot" does not.
            inside, awaiting, negators = (
                not (inside and word == "without"),
                word not in _PRONOUNS or not keys,
                negators + 1,
            )
            of_verbs += word not in _OF_NOUNS
            if word in _PRONOUNS:
                negated |= keys
            continue
        for part in word.split("-"):
            if not part or not is_content(part):
                continue
            each = key(part)
            keys.add(each)
            if inside:
                negated.add(each)
                if awaiting:
                    heads.add(each)
                    places.append(len(order))
            order.append(each)
            awaiting = False
    negative = {stem(word) for word in words(text) if word in word_set("negative_words")}
    if "free" in words(text):
        negative.add("free")
    beside = {each for place in places for each in order[max(place - _BESIDE, 0) : place + _BESIDE + 1]}
    return Clause(
        frozenset(keys),
        frozenset(negated),
        frozenset(heads),
        frozenset(beside),
        frozenset(negative),
        negators,
        of_verbs,
    )
