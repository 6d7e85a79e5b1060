"""Agreement of facts between a text and its source: quantities, dates, codes, contact details and names.

`missing_facts(source, text)` and `added_facts(source, text)` serve wherever a text is said anew (summary, rephrasing);
`unsupported_facts` is what the gate asks about one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from llm_component.checks.language import lists, stem, word_set, words
from llm_component.checks.quantities import Fact, quantities

DATE_KINDS = frozenset({"date", "month", "year", "weekday", "weekdays", "time"})
# What a customer may have given: it identifies something and claims nothing about the shop's terms.
_IDENTIFYING = frozenset({"code", "email", "phone", "url"})
_LEAST_ORDER_NUMBER = 1000
_NAME = re.compile(r"[A-Z][\w'’]*(?:-[A-Z0-9]\w*)*|[a-z]+[A-Z]\w*")
_JOINT = re.compile(r"(?<=[a-z])(?=[A-Z])")
_JOINED = re.compile(r"\b[A-Za-z]+[a-z][A-Z][A-Za-z]*\b")
_CAPITALISED = re.compile(r"\b[A-Z][a-z]+(?:[ \t]+(?:(?:of|and|for|the)[ \t]+){0,2}[A-Z][a-z]+)+")
_SENTENCE_START = re.compile(r"(?:^|[.!?…:;\n|•*\"“‘'(]|\s[-–—])\s*(?:\d+[.)]\s*|[-*]\s*)?\Z")
_CALENDAR = re.compile(
    r"(?:mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun)(?:day|sday|nesday|rsday|urday)?s?"
    r"|jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
    r"|am|pm|gbp|usd|eur|kw|w|ghz|mb|gb|db|c", re.IGNORECASE
)  # fmt: skip
# A lone number may be the lower end of a source's range only as such: "from 3 days", not "within 3 days".
_LOWER = re.compile(
    r"(?:from|at least|minimum(?: of)?|earliest|over|above|more than|no less than|between|starting at|least|than|after"
    r"|before)\s*[£$€]?\Z",
    re.IGNORECASE,
)


_LONGEST_ABBREVIATION = 4


@dataclass(frozen=True)
class Source:
    """What a text may rest on, taken apart once: its facts, and the words that a name may be."""

    facts: tuple[Fact, ...]
    keys: frozenset[tuple[str, str]]
    names: frozenset[str]


@lru_cache(maxsize=1024)
def source_of(text: str) -> Source:
    """Takes `text` apart; kept for equal texts."""
    found = tuple(quantities(text))
    return Source(found, frozenset(fact.key for fact in found), frozenset(_name_keys(text)))


def names(text: str) -> list[str]:
    """Words with a capital where no sentence starts: products, brands, places, abbreviations; no months, no days."""
    found: list[str] = []
    plain = word_set("plain_capitals")
    matches = list(_NAME.finditer(text))
    for index, match in enumerate(matches):
        said = match.group().replace("’", "'")
        bare = said.removesuffix("'s").rstrip("'")
        if said in plain or bare in plain or (len(bare) == 1) or _CALENDAR.fullmatch(bare):
            continue
        if _SENTENCE_START.search(text, 0, match.start()) and not _looks_like_name(text, matches, index, bare):
            continue
        found.append(bare)
    return found


def _looks_like_name(text: str, matches: Sequence[re.Match[str]], index: int, said: str) -> bool:
    """Whether the first word of a sentence is a name all the same: capitals inside it, or a name straight behind it."""
    if sum(letter.isupper() for letter in said) > 1:
        return not said.isupper() or len(said) <= _LONGEST_ABBREVIATION  # "CHECK the label" shouts
    if index + 1 == len(matches) or said.lower() in word_set("stop") | word_set("plain_starts"):
        return False
    following = matches[index + 1]
    gap = text[matches[index].end() : following.start()]
    return (
        gap == " "
        and not _CALENDAR.fullmatch(following.group())
        and following.group() not in word_set("plain_capitals")
        and following.group() != "I"
    )


def unsupported_facts(
    text: str, sources: Iterable[str], given: Iterable[str] = (), verified: Iterable[str] = ()
) -> list[Fact]:
    """The facts of `text` that stand in none of `sources`.

    `given` is what the customer said: order numbers, codes and contact details may come from there, and so may a
    name, though only into a sentence that denies something ("we do not deliver to France"). `verified` are facts of
    the conversation, from which anything may come.
    """
    allowed = [source_of(each) for each in (*sources, *verified)]
    keys = {key for source in allowed for key in source.keys}
    bounds: dict[tuple[str, str], set[str]] = {}
    for source in allowed:
        for fact in source.facts:
            bounds.setdefault(fact.key, set()).add(fact.bound)
    said = [source_of(each) for each in given]
    identifying = {fact.key for source in said for fact in source.facts if _identifies(fact)}
    missing: list[Fact] = []
    for fact in source_of(text).facts:
        if fact.key in identifying:
            continue
        if fact.kind == "weekdays":
            # Another last day for the same first one; a range that the source tells day by day is checked by its days.
            if fact.key not in keys and any(kind == "weekdays" and value[:3] == fact.value[:3] for kind, value in keys):
                missing.append(fact)
        elif fact.key in keys:
            if not fact.bound and bounds[fact.key] == {"low"} and not _LOWER.search(text, 0, fact.start):
                missing.append(fact)
        elif not fact.soft or _contradicted(fact, allowed):
            missing.append(fact)
    known = {name for source in allowed for name in source.names}
    asked = {name for source in said for name in source.names} if _denies(text) else set()
    for name in names(text):
        if not any(part in known or part in asked for part in _forms(name)):
            missing.append(Fact("name", name, name))
    return missing


def missing_facts(source: str, text: str) -> list[Fact]:
    """The facts and names of `source` that `text` does not say."""
    said = source_of(text)
    lost = [
        fact
        for fact in source_of(source).facts
        if fact.key not in said.keys and not fact.soft and fact.kind != "weekdays"
    ]
    return lost + [
        Fact("name", name, name) for name in names(source) if not any(part in said.names for part in _forms(name))
    ]


def added_facts(source: str, text: str) -> list[Fact]:
    """The facts and names of `text` that do not stand in `source`."""
    return unsupported_facts(text, [source])


def _identifies(fact: Fact) -> bool:
    if fact.kind == "number":
        return fact.value.isdigit() and int(fact.value) >= _LEAST_ORDER_NUMBER
    return fact.kind in _IDENTIFYING


def _contradicted(fact: Fact, sources: Sequence[Source]) -> bool:
    """Whether a source says another number of the same noun or unit: "two codes" against "one code"."""
    for source in sources:
        for other in source.facts:
            same = other.noun == fact.noun if fact.kind == "number" else other.value.endswith(" " + fact.noun)
            if same and fact.noun and other.kind == fact.kind and other.value != fact.value:
                return True
    return False


def _denies(text: str) -> bool:
    return any(word in word_set("negators") or word.endswith("n't") or word == "only" for word in words(text))


def _name_keys(text: str) -> Iterable[str]:
    """What a name may be called after `text`: its words, the parts of words grown together ("CrispAir",
    "CampusFind"), and initials ("IRS" of "Internal Revenue Service")."""
    parts = [_JOINT.sub(" ", match.group()) for match in _JOINED.finditer(text)]
    for word in words(" ".join([text, *parts])):
        yield from _forms(word)
    for match in _CAPITALISED.finditer(text):
        initials = "".join(word[0] for word in match.group().split() if word[0].isupper())
        for start in range(len(initials) - 1):
            longest = min(start + _LONGEST_ABBREVIATION, len(initials))
            yield from (initials[start:end] for end in range(start + 2, longest + 1))


@lru_cache(maxsize=16384)
def _forms(name: str) -> tuple[str, ...]:
    """The words that count as the same name: without case, without plural, and the abbreviations of the list."""
    lowered = name.lower().replace("’", "'").removesuffix("'s")
    forms = {lowered, stem(lowered), lowered.removesuffix("s"), lowered.replace("-", "")}
    if name.isupper():  # initials are kept in capitals, so that "it" is no abbreviation
        forms.add(name)
    if len(lowered) > 5:  # "European" and "Europe"
        forms.update({lowered.removesuffix("an"), lowered.removesuffix("n")})
    for group in lists()["same_names"]:
        if lowered in group.split():
            forms.update(group.split())
    if "-" in lowered:
        forms.update({part for part in (lowered.split("-")[0],) if len(part) > 3})
    return tuple(forms)
