"""Questions in their bare words, alone or after a conversation that they lean on, and made whole again."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from llm_component.protocol import Turn
from llm_component.training.data.draws import phrasings
from llm_component.training.data.examples import Example
from llm_component.training.data.manner import asked, dressed, named, whole
from llm_component.training.data.rendering import statement
from llm_component.training.data.worlds import (
    Fact,
    FactKind,
    Kind,
    Subject,
    composed_fact_kind,
    draw_subjects,
    give_facts,
    is_or_are,
    label_in_text,
    product_kinds,
    service_kinds,
)

COMPOSED_SHARE = 0.22  # of attributes of products are put together at random
FOLLOW_UP_SHARE = 0.3
_SUBJECT = "\x01"  # stands for the subject in a question that is still to be put to it


def draw_kind(rng: Random) -> Kind:
    """A kind of products (two times in three) or services."""
    return rng.choice(product_kinds() if rng.random() < 0.66 else service_kinds())


def draw_fact_kinds(kind: Kind, count: int, rng: Random) -> list[FactKind]:
    """Sorts of facts of a kind, some of them put together at random."""
    kinds = rng.sample(list(kind.facts.values()), min(count, len(kind.facts)))
    if not kind.is_product:
        return kinds
    drawn = [composed_fact_kind(rng) if rng.random() < COMPOSED_SHARE else own for own in kinds]
    return list({own.key: own for own in drawn}.values())


def question_about(fact: Fact, subject: str, rng: Random) -> str:
    """The bare question for this fact of something that is called `subject`."""
    generic = phrasings("manner")["generic"]
    labels = fact.kind.noun_labels
    by_label = labels and not fact.answer and (not fact.kind.ask or rng.random() < 0.25)
    if by_label or not fact.kind.ask:
        label = label_in_text(rng.choice(labels) if labels and fact.label not in labels else fact.label)
        text = asked(rng.choice(generic["value"]).replace("{l}", label), subject)
    else:
        text = asked(rng.choice(fact.kind.ask), subject)
    if rng.random() < 0.07 and text.startswith(("what", "how", "when", "where", "which", "who")):
        text = text.rstrip("?")
    return text


def in_conversation(
    subjects: Sequence[Subject], fact: Fact, rng: Random
) -> tuple[tuple[Turn, ...], str, dict[str, str]]:
    """What was said before, the question in its bare words, and known facts: alone, or only clear from before."""
    subject = subjects[0]
    if rng.random() > FOLLOW_UP_SHARE:
        facts = {"order number": str(rng.randint(1000, 99999))} if rng.random() < 0.06 else {}
        return small_talk(rng), question_about(fact, named(subject, rng), rng), facts
    if rng.random() < 0.12:
        return (), _with_pronoun(subject, fact, rng)[0], {"product": subject.name}
    history, words, _ = follow_up(subjects, fact, rng)
    return history, words, {}


def follow_up(subjects: Sequence[Subject], fact: Fact, rng: Random) -> tuple[tuple[Turn, ...], str, str]:
    """An exchange, a question that is only clear after it, and the question as it would stand alone."""
    subject, follow = subjects[0], phrasings("manner")["follow"]
    form = rng.random()
    others = [other for other in subject.facts.values() if other is not fact]
    if form < 0.4 and len(subjects) > 1:
        other = subjects[1]
        before = other.facts[fact.kind.key]
        pattern = question_about(before, _SUBJECT, rng)
        first = pattern.replace(_SUBJECT, named(other, rng, exact=True))
        short = f"the {subject.colour} one" if subject.colour else named(subject, rng, exact=True)
        words = rng.choice(follow["other"]).replace("{q}", short)
        return _exchange(dressed(first, rng), other, before, rng), words, pattern.replace(_SUBJECT, subject.p)
    if others:
        before = rng.choice(others)
        first = question_about(before, named(subject, rng, exact=True), rng)
        history = _exchange(dressed(first, rng), subject, before, rng)
        if form < 0.7 and fact.label in fact.kind.noun_labels and not fact.answer:
            label = label_in_text(fact.label)
            alone = f"what {is_or_are(label)} the {label} of {subject.p}"
            return history, rng.choice(follow["label"]).replace("{l}", label), alone
        if rng.random() < 0.25:
            history += _pair(rng)
    else:
        opening = f"i have a question about {named(subject, rng, exact=True)}"
        history = (Turn("user", opening), Turn("assistant", "Of course, what would you like to know?"))
    return history, *_with_pronoun(subject, fact, rng)


def _with_pronoun(subject: Subject, fact: Fact, rng: Random) -> tuple[str, str]:
    """A question that says "it", and the same with the subject."""
    for _ in range(8):
        pattern = question_about(fact, _SUBJECT, rng)
        if not pattern.startswith(_SUBJECT):
            break
    else:
        pattern = f"what is the {label_in_text(fact.label)} of {_SUBJECT}"
    return pattern.replace(_SUBJECT, rng.choice(pronouns(subject))), pattern.replace(_SUBJECT, subject.p)


def make_rewrite(rng: Random) -> Example:
    """A question after a conversation, and the same question as it would stand alone."""
    kind = draw_kind(rng)
    subjects = draw_subjects(kind, rng.choice((2, 3)), rng)
    kinds = draw_fact_kinds(kind, rng.randint(2, 5), rng)
    for subject in subjects:
        give_facts(subject, kinds, rng)
    fact = rng.choice(list(subjects[0].facts.values()))
    if rng.random() < 0.28:  # already whole, after talk about something else
        alone = question_about(fact, named(subjects[0], rng, exact=True), rng)
        before = rng.choice(list(subjects[1].facts.values()))
        first = question_about(before, named(subjects[1], rng, exact=True), rng)
        history = _exchange(dressed(first, rng), subjects[1], before, rng)
        return Example("rewrite", dressed(alone, rng), whole(alone), history, source="shop rewrite")
    history, words, alone = follow_up(subjects, fact, rng)
    return Example("rewrite", dressed(words, rng), whole(alone), history, source="shop rewrite")


def _exchange(question: str, subject: Subject, fact: Fact, rng: Random) -> tuple[Turn, ...]:
    return Turn("user", question), Turn("assistant", statement(subject, fact, rng.random() < 0.5, rng))


def pronouns(subject: Subject) -> list[str]:
    """Words that stand for a subject that was named before."""
    pronouns = ["it", "it", "that one", "this one"]
    return [*pronouns, f"the {subject.noun}", f"this {subject.noun}"] if subject.noun else pronouns


def _pair(rng: Random) -> tuple[Turn, ...]:
    said, replied = rng.choice(phrasings("manner")["follow"]["small_talk"])
    return Turn("user", said), Turn("assistant", replied)


def small_talk(rng: Random) -> tuple[Turn, ...]:
    """Now and then an exchange about nothing, mostly none."""
    return _pair(rng) if rng.random() < 0.08 else ()
