"""Facts written down as passages, and answers that rest on them with their citations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from llm_component.training.data.draws import phrasings
from llm_component.training.data.examples import Passage
from llm_component.training.data.worlds import Fact, Subject, capital, is_or_are, label_in_text

MOST_PASSAGES = 5


@dataclass
class Draft:
    """A passage in the making: which facts of which subject it states, and in which form."""

    passage: Passage
    subject: Subject | None = None
    facts: tuple[Fact, ...] = ()
    rows: bool = False


@dataclass
class Shelf:
    """The passages of one example in their final order."""

    drafts: list[Draft] = field(default_factory=list)

    def shuffled(self, rng: Random) -> None:
        """Put the passages into an order, often with the right one early, as a search gives them."""
        rng.shuffle(self.drafts)

    @property
    def passages(self) -> tuple[Passage, ...]:
        return tuple(draft.passage for draft in self.drafts)

    def numbers(self, subject: Subject, fact: Fact) -> list[int]:
        """The numbers of the passages that state this fact of this subject, from 1."""
        return [
            number
            for number, draft in enumerate(self.drafts, 1)
            if draft.subject is subject and any(own is fact for own in draft.facts)
        ]


def product_draft(subject: Subject, facts: Sequence[Fact], rng: Random) -> Draft:
    """A passage that states these facts of a subject: prose, rows, a table or a list."""
    data = phrasings("manner")
    product = subject.kind.is_product
    title, heading = _headings(subject, rng)
    form = rng.random()
    rows = form >= (0.55 if product else 0.72)
    order = list(facts)
    rng.shuffle(order)
    if not rows:
        text = _prose(subject, order, rng)
    elif form < 0.82:
        text = "\n".join(f"{fact.label}: {fact.value}" for fact in order)
    elif form < 0.91:
        body = "\n".join(f"| {fact.label} | {fact.value} |" for fact in order)
        head = rng.choice(("| Detail | Value |", "| Feature | " + (subject.name if product else "What applies") + " |"))
        text = f"{head}\n|---|---|\n{body}"
    else:
        text = "\n".join(f"- {fact.label}: {fact.value}" for fact in order)
    if product and rng.random() < 0.25:
        filler = subject.fill(rng.choice(data["fillers"]))
        text = f"{text}\n\n{filler}" if rows else f"{text} {filler}" if rng.random() < 0.5 else f"{filler} {text}"
    return Draft(Passage(title, heading, text), subject, tuple(facts), rows)


def _headings(subject: Subject, rng: Random) -> tuple[str, str]:
    data = phrasings("manner")
    if not subject.kind.is_product:
        named = capital(subject.p)
        title = rng.choice(subject.kind.titles)
        return (title, named) if rng.random() < 0.7 else (named, rng.choice(data["policy_headings"]))
    heading = rng.choice(data["headings"])
    form = rng.random()
    if form < 0.45:
        return subject.name, heading
    if form < 0.7:
        return f"{subject.name} {subject.noun}", heading
    if form < 0.85:
        return f"{rng.choice(('Specifications of', 'About', 'Details of'))} {subject.p}", heading
    return f"{capital(subject.noun)}: {subject.name}", f"{heading} of {subject.p}" if heading else ""


def _prose(subject: Subject, facts: Sequence[Fact], rng: Random) -> str:
    """Sentences; from the second one on, products often are only "it"."""
    sentences = []
    for place, fact in enumerate(facts):
        sentence = fact.sentence
        if place and subject.kind.is_product and sentence.startswith("{P} ") and rng.random() < 0.55:
            sentence = f"It {sentence[4:]}"
        sentences.append(subject.fill(sentence))
    return " ".join(sentences)


def statement(subject: Subject, fact: Fact, rows: bool, rng: Random) -> str:
    """The sentence that answers with this fact, near to the words of the passage."""
    if fact.answer:
        if fact.sentence.startswith("{P} "):
            return subject.fill(f"{fact.answer}, {{p}} {fact.sentence[4:]}")
        return f"{fact.answer}. {subject.fill(fact.sentence)}"
    if rows and fact.label in fact.kind.noun_labels and rng.random() < 0.6:
        label = label_in_text(fact.label)
        return subject.fill(f"The {label} of {{p}} {is_or_are(label)} {fact.value}.")
    return subject.fill(fact.sentence)


def cited(sentence: str, numbers: Sequence[int]) -> str:
    """A sentence with the passages that say so."""
    return f"{sentence} {''.join(f'[{number}]' for number in numbers)}"
