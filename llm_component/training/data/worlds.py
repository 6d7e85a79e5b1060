"""Invented shops: products, services and their facts, drawn anew for each example."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from llm_component.training.data.draws import Text, alternatives, code, invented_word, phrasings, texts

# Labels that begin like this do not fit "The ... of the product is ...".
_NO_NOUN = frozenset(
    [
        "In",
        "Made",
        "Weighs",
        "Holds",
        "Order",
        "Where",
        "Takes",
        "Valid",
        "If",
        "You",
        "We",
        "Not",
        "Can",
        "Done",
        "Until",
        "How",
        "Available",
        "Suitable",
        "Works",
        "Back",
        "Change",
        "Paid",
        "Report",
        "Free",
        "When",
        "Ready",
        "Held",
        "Bring",
        "Crushes",
        "Works",
        "Hot",
        "Answer",
        "Where",
        "Undo",
        "Included",
        "Removable",
    ]
)

_NO_NOUN_ENDS = frozenset({"takes", "for", "until", "within", "from", "to", "expire", "by", "covered", "money", "need"})


@dataclass(frozen=True)
class FactKind:
    """Something one can ask of a subject. `say` holds {p}, {P} and {v}; `yes` and `no` replace it for yes or no."""

    key: str
    labels: tuple[str, ...]
    values: tuple[Text, ...] = ()
    say: tuple[str, ...] = ()
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    near: frozenset[str] = frozenset()

    @property
    def composed(self) -> bool:
        """Whether it was put together at random."""
        return not self.ask

    @property
    def noun_labels(self) -> tuple[str, ...]:
        """Labels that can be asked for by name."""
        return tuple(label for label in self.labels if not _no_noun(label))


def _no_noun(label: str) -> bool:
    words = label.split()
    return words[0] in _NO_NOUN or words[-1] in _NO_NOUN_ENDS


@dataclass(frozen=True)
class Fact:
    """A fact of one subject: what a row of a table says (`label`, `value`) and a sentence with {p} or {P} in it."""

    kind: FactKind
    label: str
    value: str
    sentence: str
    answer: str = ""  # "Yes" or "No"


@dataclass(frozen=True, eq=False)
class Kind:
    """Products or services that have the same sorts of facts."""

    name: str
    facts: Mapping[str, FactKind]
    nouns: tuple[str, ...] = ()
    names: tuple[Text, ...] = ()
    titles: tuple[str, ...] = ()

    @property
    def is_product(self) -> bool:
        return not self.names


@dataclass(frozen=True)
class Subject:
    """What is asked about. `name` is bare ("Belton K3"), `p` stands in a sentence ("the Belton K3")."""

    kind: Kind
    name: str
    p: str
    noun: str = ""
    colour: str = ""
    facts: dict[str, Fact] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        """`text` with the subject in it."""
        return text.replace("{P}", capital(self.p)).replace("{p}", self.p)


def capital(text: str) -> str:
    """`text` with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def label_in_text(label: str) -> str:
    """A label as it stands inside a sentence: lower case, unless it begins with an abbreviation."""
    first = label.partition(" ")[0]
    return label if any(letter.isupper() for letter in first[1:]) else label[:1].lower() + label[1:]


def is_or_are(label: str) -> str:
    """The verb after "The LABEL of the product"."""
    last = re.split(r" (?:of|for|with|in|to|on) | \(", label, maxsplit=1)[0].split()[-1]
    return "are" if last.endswith("s") and not last.endswith(("ss", "us", "is")) else "is"


def _fact_kind(key: str, entry: Mapping[str, Any]) -> FactKind:
    return FactKind(
        key,
        alternatives(entry["label"]),
        texts(entry["v"]) if "v" in entry else (),
        alternatives(entry["say"]) if "say" in entry else (),
        alternatives(entry["yes"]) if "yes" in entry else (),
        alternatives(entry["no"]) if "no" in entry else (),
        alternatives(entry["ask"]),
        frozenset(entry.get("near", ())),
    )


@functools.cache
def product_kinds() -> tuple[Kind, ...]:
    """All kinds of products, with common and own attributes."""
    data = phrasings("products")
    common = {key: _fact_kind(key, entry) for key, entry in data["common"].items()}
    kinds = []
    for name, entry in data["kinds"].items():
        facts = {key: common[key] for key in entry["common"]}
        facts |= {key: _fact_kind(key, own) for key, own in entry["facts"].items()}
        kinds.append(Kind(name, facts, nouns=alternatives(entry["nouns"])))
    return tuple(kinds)


@functools.cache
def service_kinds() -> tuple[Kind, ...]:
    """All kinds of services, stores and conditions."""
    return tuple(
        Kind(
            name,
            {key: _fact_kind(key, own) for key, own in entry["facts"].items()},
            names=texts(entry["names"]),
            titles=alternatives(entry["titles"]),
        )
        for name, entry in phrasings("policies")["kinds"].items()
    )


@functools.cache
def _composed() -> tuple[Sequence[str], Sequence[tuple[str, tuple[Text, ...]]]]:
    data = phrasings("products")["composed"]
    return data["modifiers"], [(head, texts(value)) for head, value in data["heads"]]


def composed_fact_kind(rng: Random) -> FactKind:
    """An attribute put together at random ("Rear hole spacing"), which must be read, not known."""
    modifiers, heads = _composed()
    head, values = rng.choice(heads)
    label = f"{rng.choice(modifiers)} {head}"
    own = label_in_text(label)
    article = "an" if own[0] in "aeiou" else "a"
    say = ("The {l} of {p} is {v}.", f"{{P}} has {article} {{l}} of {{v}}.", "The {l} is {v} for {p}.")
    return FactKind(f"composed {label}", (label,), values, tuple(text.replace("{l}", own) for text in say))


def draw_fact(kind: FactKind, rng: Random) -> Fact:
    """A fact of this kind with a value of its own."""
    label = rng.choice(kind.labels)
    if kind.yes:
        holds = rng.random() < 0.5
        sentence = rng.choice(kind.yes if holds else kind.no)
        return Fact(kind, label, "Yes" if holds else "No", sentence, "Yes" if holds else "No")
    value = rng.choice(kind.values)(rng)
    sentence = rng.choice(kind.say).replace("{v}", value)
    return Fact(kind, label, value, capital(sentence))


def product_name(rng: Random, brand: str = "", line: str = "") -> tuple[str, str, str]:
    """Name, brand and line of an invented product; siblings share brand and line."""
    brand = brand or invented_word(rng)
    parts = phrasings("parts")
    if not line:
        form = rng.random()
        line = rng.choice(parts["lines"]) if form < 0.5 else code(rng) if form < 0.75 else invented_word(rng)
    tail = rng.random()
    if tail < 0.35:
        name = f"{brand} {line} {rng.choice((rng.randint(1, 12), rng.randint(2, 90) * 10, rng.randint(20, 99) * 100))}"
    elif tail < 0.7:
        name = f"{brand} {line} {rng.choice(parts['suffixes'])}"
    else:
        name = f"{brand} {line}"
    return name, brand, line


def draw_subjects(kind: Kind, count: int, rng: Random) -> list[Subject]:
    """`count` different subjects of one kind, without facts; products often share a brand and a line."""
    found: dict[str, Subject] = {}
    if not kind.is_product:
        while len(found) < count:
            p = rng.choice(kind.names)(rng)
            found.setdefault(p, Subject(kind, p.removeprefix("the ").removeprefix("a ").removeprefix("an "), p))
        return list(found.values())
    name, brand, line = product_name(rng)
    while len(found) < count:
        noun, colour = rng.choice(kind.nouns), ""
        if name in found:
            kin = rng.random()
            first = next(iter(found))
            if kin < 0.15 and not found[first].colour:
                colour = rng.choice(phrasings("parts")["colours"])
                name = f"{first} {capital(colour)}"
            else:
                name, _, _ = product_name(rng, brand if kin < 0.7 else "", line if kin < 0.45 else "")
        if name not in found:
            found[name] = Subject(kind, name, f"the {name}", noun, colour)
    return list(found.values())


def give_facts(subject: Subject, kinds: Sequence[FactKind], rng: Random) -> None:
    """Give the subject a fact of each of these kinds."""
    for kind in kinds:
        subject.facts[kind.key] = draw_fact(kind, rng)


def conflicting(asked: FactKind, other: FactKind) -> bool:
    """Whether a fact of one kind could be taken for an answer about the other."""
    if asked.key == other.key or other.key in asked.near or asked.key in other.near:
        return True
    if asked.composed == other.composed:
        return False
    return bool(_label_words(asked) & _label_words(other))


def _label_words(kind: FactKind) -> set[str]:
    return {word.casefold() for label in kind.labels for word in label.split()}
