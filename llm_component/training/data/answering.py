"""Questions about products and services of invented shops, with passages that answer them, or nearly do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from llm_component.protocol import Turn
from llm_component.training.data.asking import (
    draw_fact_kinds,
    draw_kind,
    in_conversation,
    pronouns,
    question_about,
    small_talk,
)
from llm_component.training.data.draws import code, phrasings
from llm_component.training.data.examples import ABSTENTION, Example
from llm_component.training.data.manner import dressed, named
from llm_component.training.data.rendering import MOST_PASSAGES, Draft, Shelf, cited, product_draft, statement
from llm_component.training.data.worlds import (
    Fact,
    FactKind,
    Subject,
    capital,
    conflicting,
    draw_subjects,
    give_facts,
    label_in_text,
)

UNANSWERABLE_SHARE = 0.23


@dataclass(frozen=True)
class Ask:
    """A question in its bare words, and the facts that answer it."""

    words: str
    wanted: tuple[tuple[Subject, Fact], ...]


def make_answer(rng: Random, unanswerable: bool) -> Example:
    """One question with passages and its answer."""
    kind = draw_kind(rng)
    subjects = draw_subjects(kind, rng.choice((1, 2, 2, 3, 3)), rng)
    kinds = draw_fact_kinds(kind, rng.randint(4, 7), rng)
    for subject in subjects:
        give_facts(subject, kinds, rng)
    return answer_about(subjects, kinds, rng, unanswerable)


def answer_about(subjects: Sequence[Subject], kinds: Sequence[FactKind], rng: Random, unanswerable: bool) -> Example:
    """One question about the first of these subjects, all of which have facts of these kinds."""
    if unanswerable:
        return _unanswerable(subjects, rng)
    form = rng.random()
    if form < 0.12 and len(kinds) > 1:
        ask = _two_facts(subjects[0], rng)
    elif form < 0.19 and len(subjects) > 1:
        ask = _comparison(subjects, kinds, rng)
    elif form < 0.23 and len(subjects) > 1:
        ask = _which(subjects, kinds, rng)
    elif form < 0.27 and len(subjects) > 1:
        ask = _of_all(subjects, kinds, rng)
    elif form < 0.33 and (check := _check(subjects[0], rng)) is not None:
        return check
    else:
        facts = list(subjects[0].facts.values())
        closed = [fact for fact in facts if fact.answer]
        return _one_fact(subjects, rng.choice(closed if closed and rng.random() < 0.2 else facts), rng)
    shelf = _shelf(subjects, ask.wanted, rng)
    return _example(dressed(ask.words, rng), ask.wanted, shelf, rng, history=small_talk(rng))


def _one_fact(subjects: Sequence[Subject], fact: Fact, rng: Random) -> Example:
    subject = subjects[0]
    shelf = _shelf(subjects, ((subject, fact),), rng)
    history, words, facts = in_conversation(subjects, fact, rng)
    return _example(dressed(words, rng), ((subject, fact),), shelf, rng, history=history, facts=facts)


def _check(subject: Subject, rng: Random) -> Example | None:
    """Whether a value is what the customer believes: yes or no, with the value that the passage states."""
    facts = [fact for fact in subject.facts.values() if not fact.answer and fact.label in fact.kind.noun_labels]
    if not facts:
        return None
    fact = rng.choice(facts)
    believed = fact.value if rng.random() < 0.5 or not fact.kind.values else rng.choice(fact.kind.values)(rng)
    text = rng.choice(phrasings("manner")["generic"]["check"]).replace("{l}", label_in_text(fact.label))
    text = text.replace("{p}", named(subject, rng, exact=True)).replace("{v}", believed)
    shelf = _shelf((subject,), ((subject, fact),), rng)
    numbers = shelf.numbers(subject, fact)
    said = statement(subject, fact, shelf.drafts[numbers[0] - 1].rows, rng)
    if not said.startswith(capital(fact.value)):  # a value may be a name
        said = said[:1].lower() + said[1:]
    said = f"{'Yes' if believed == fact.value else 'No'}, {said}"
    cites = tuple(sorted(numbers))
    return Example(
        "answer", dressed(text, rng), cited(said, numbers), small_talk(rng), {}, shelf.passages, cites, "shop world"
    )


def _two_facts(subject: Subject, rng: Random) -> Ask:
    first, second = rng.sample(list(subject.facts.values()), 2)
    join = rng.choice(phrasings("manner")["generic"]["two"])
    a = question_about(first, named(subject, rng), rng)
    b = question_about(second, rng.choice(pronouns(subject)), rng)
    return Ask(join.replace("{a}", a).replace("{b}", b), ((subject, first), (subject, second)))


def _comparison(subjects: Sequence[Subject], kinds: Sequence[FactKind], rng: Random) -> Ask:
    kind = rng.choice(kinds)
    first, second = subjects[:2]
    label = label_in_text(rng.choice(kind.noun_labels or kind.labels))
    text = rng.choice(phrasings("manner")["generic"]["compare"]).replace("{l}", label)
    text = text.replace("{p}", named(first, rng, exact=True)).replace("{q}", named(second, rng, exact=True))
    return Ask(text, ((first, first.facts[kind.key]), (second, second.facts[kind.key])))


def _which(subjects: Sequence[Subject], kinds: Sequence[FactKind], rng: Random) -> Ask:
    """Which of them has this value: answered with the fact of the one that has."""
    kind = rng.choice(kinds)
    fact = subjects[0].facts[kind.key]
    if fact.answer or any(other.facts[kind.key].value == fact.value for other in subjects[1:]) or not kind.noun_labels:
        plain = rng.choice(list(subjects[0].facts.values()))
        return Ask(question_about(plain, named(subjects[0], rng, exact=True), rng), ((subjects[0], plain),))
    label = label_in_text(fact.label if fact.label in kind.noun_labels else kind.noun_labels[0])
    text = rng.choice(phrasings("manner")["generic"]["which"]).replace("{l}", label).replace("{v}", fact.value)
    return Ask(text, ((subjects[0], fact),))


def _of_all(subjects: Sequence[Subject], kinds: Sequence[FactKind], rng: Random) -> Ask:
    """The same fact of two or three, as a list."""
    kind = rng.choice(kinds)
    label = label_in_text(rng.choice(kind.noun_labels or kind.labels))
    names = [named(subject, rng, exact=True) for subject in subjects]
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    text = rng.choice(("{l} of {s}", "what is the {l} of {s}", "i need the {l} for {s}", "{s}: {l}"))
    wanted = tuple((subject, subject.facts[kind.key]) for subject in subjects)
    return Ask(text.replace("{l}", label).replace("{s}", listed), wanted)


def _shelf(subjects: Sequence[Subject], wanted: Sequence[tuple[Subject, Fact]], rng: Random) -> Shelf:
    """Passages that hold the wanted facts, and beside them the same facts of others and other facts."""
    shelf = Shelf()
    keys = {fact.kind.key for _, fact in wanted}
    for subject in subjects:
        own = [fact for owner, fact in wanted if owner is subject]
        rest = [fact for fact in subject.facts.values() if not any(fact is fact_ for fact_ in own)]
        if own and len(own) > 1 and rng.random() < 0.5:
            shelf.drafts.append(product_draft(subject, [own[0], *rest[:2]], rng))
            shelf.drafts.append(product_draft(subject, [*own[1:], *rest[2:4]], rng))
        elif own:
            cut = rng.randint(0, len(rest))
            shelf.drafts.append(product_draft(subject, [*own, *rest[:cut][:5]], rng))
            others = [fact for fact in rest[cut:] if fact.kind.key not in keys]
            if others and rng.random() < 0.6:
                shelf.drafts.append(product_draft(subject, others[:5], rng))
        else:  # the near miss: the same attribute of another subject
            same = [fact for fact in rest if fact.kind.key in keys]
            more = [fact for fact in rest if fact.kind.key not in keys][: rng.randint(0, 4)]
            shelf.drafts.append(product_draft(subject, [*same, *more], rng))
    _repeat(shelf, wanted, rng)
    _fill(shelf, subjects, rng)
    while len(shelf.drafts) > MOST_PASSAGES:
        needless = [
            draft for draft in shelf.drafts if not any(own is fact for own in draft.facts for _, fact in wanted)
        ]
        shelf.drafts.remove(needless[-1])
    shelf.shuffled(rng)
    return shelf


def _repeat(shelf: Shelf, wanted: Sequence[tuple[Subject, Fact]], rng: Random) -> None:
    """Now and then a second passage says the same."""
    if rng.random() < 0.04 and len(shelf.drafts) < MOST_PASSAGES:
        subject, fact = rng.choice(list(wanted))
        shelf.drafts.append(product_draft(subject, [fact], rng))


def _fill(shelf: Shelf, subjects: Sequence[Subject], rng: Random) -> None:
    """Add passages about something else until there are three to five; sometimes a search finds fewer."""
    size = rng.choice((1, 2, 3, 3, 3, 4, 4, 4, 5, 5))
    known = {subject.name for subject in subjects}
    while len(shelf.drafts) < size:
        kind = subjects[0].kind if subjects[0].kind.facts and rng.random() < 0.4 else draw_kind(rng)
        (subject,) = draw_subjects(kind, 1, rng)
        if subject.name in known:
            continue
        known.add(subject.name)
        give_facts(subject, draw_fact_kinds(kind, rng.randint(2, 5), rng), rng)
        shelf.drafts.append(product_draft(subject, list(subject.facts.values()), rng))


def _unanswerable(subjects: Sequence[Subject], rng: Random) -> Example:
    """The passages speak of the subject, or of the attribute, but of no subject's attribute that is asked."""
    subject = subjects[0]
    fact = rng.choice(list(subject.facts.values()))
    form = rng.random()
    shelf = Shelf()
    if form < 0.62:  # other facts of the subject
        rest = [own for own in subject.facts.values() if not conflicting(fact.kind, own.kind)]
        if rest:
            shelf.drafts.append(product_draft(subject, rest[:6], rng))
    for other in subjects[1:] if form < 0.92 else ():  # the attribute of others
        more = [own for own in other.facts.values() if own.kind.key != fact.kind.key][: rng.randint(0, 4)]
        shelf.drafts.append(product_draft(other, [other.facts[fact.kind.key], *more], rng))
    _fill(shelf, subjects, rng)
    if not shelf.drafts:
        (stranger,) = draw_subjects(draw_kind(rng), 1, rng)
        give_facts(stranger, draw_fact_kinds(stranger.kind, 3, rng), rng)
        shelf.drafts.append(product_draft(stranger, list(stranger.facts.values()), rng))
    shelf.shuffled(rng)
    if rng.random() < 0.05:
        facts: dict[str, str] = {}
        words, history = rng.choice(phrasings("manner")["outside"]), small_talk(rng)
        if rng.random() < 0.5:
            words += f" ({code(rng)})"
    else:
        history, words, facts = in_conversation(subjects, fact, rng)
    return Example("answer", dressed(words, rng), ABSTENTION, history, facts, shelf.passages, source="shop world")


def _example(
    question: str,
    wanted: Sequence[tuple[Subject, Fact]],
    shelf: Shelf,
    rng: Random,
    *,
    history: tuple[Turn, ...] = (),
    facts: dict[str, str] | None = None,
) -> Example:
    sentences, cites = [], set()
    for subject, fact in wanted:
        numbers = shelf.numbers(subject, fact)
        draft: Draft = shelf.drafts[numbers[0] - 1]
        sentences.append(cited(capital(statement(subject, fact, draft.rows, rng)), numbers))
        cites.update(numbers)
    target = " ".join(sentences)
    numbers_cited = tuple(sorted(cites))
    return Example("answer", question, target, history, facts or {}, shelf.passages, numbers_cited, "shop world")
