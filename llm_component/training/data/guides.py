"""Instructions, faults, lights and rules of invented shops, asked about and answered from passages."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from llm_component.training.data.asking import draw_fact_kinds, draw_kind
from llm_component.training.data.draws import Text, alternatives, phrasings, texts
from llm_component.training.data.examples import ABSTENTION, Example, Passage
from llm_component.training.data.manner import dressed
from llm_component.training.data.rendering import MOST_PASSAGES, cited, product_draft
from llm_component.training.data.worlds import capital, draw_subjects, give_facts, product_name


@dataclass(frozen=True)
class Piece:
    """A passage and the sentences that it answers with; `words` ask for them."""

    passage: Passage
    sentences: tuple[str, ...]
    words: str


@functools.cache
def _rules() -> tuple[tuple[tuple[Text, ...], tuple[Text, ...]], ...]:
    entries = phrasings("policies")["rules"]
    return tuple((tuple(Text(say) for say in entry["say"]), texts(entry["ask"])) for entry in entries)


@functools.cache
def _text(text: str) -> Text:
    return Text(text)


def make_guide(rng: Random, unanswerable: bool) -> Example:
    """One example on instructions, a fault or a light of a product."""
    make = rng.choice((_howto, _howto, _fault, _light))
    data = phrasings("guides")
    noun = rng.choice(alternatives(data["nouns"]))
    name, brand, line = product_name(rng)
    other = product_name(rng, brand, line if rng.random() < 0.5 else "")[0]
    place = rng.randrange(64)
    wanted = make(rng, name, noun, place)
    pieces = [make(rng, other, noun, place)] if other != name and rng.random() < 0.6 else []
    rest = rng.choice([function for function in (_howto, _fault, _light) if function is not make])
    pieces.append(rest(rng, name, noun, place + 3))
    if make is not _light and rng.random() < 0.5:
        pieces.append(make(rng, name, noun, place + 1 + rng.randrange(3)))
    return _example(wanted, pieces, rng, unanswerable, "shop guide")


def make_rule(rng: Random, unanswerable: bool) -> Example:
    """One example on a rule of the shop."""
    rules = _rules()
    place = rng.randrange(len(rules))
    wanted = _rule(rng, place, alone=rng.random() < 0.5, unlike=place)
    far = [(place + rng.randint(2, len(rules) - 2)) % len(rules) for _ in range(rng.randint(1, 2))]
    return _example(
        wanted, [_rule(rng, other, alone=False, unlike=place) for other in far], rng, unanswerable, "shop rule"
    )


def _example(wanted: Piece, others: Sequence[Piece], rng: Random, unanswerable: bool, source: str) -> Example:
    passages = [piece.passage for piece in others]
    passages = [passage for passage in passages if passage.text != wanted.passage.text][: MOST_PASSAGES - 1]
    if not unanswerable:
        passages.append(wanted.passage)
    product_only = source == "shop rule"
    while len(passages) < 3 or (len(passages) < MOST_PASSAGES and rng.random() < 0.35):
        kind = draw_kind(rng)
        if product_only and not kind.is_product:
            continue
        (subject,) = draw_subjects(kind, 1, rng)
        give_facts(subject, draw_fact_kinds(kind, rng.randint(2, 4), rng), rng)
        passages.append(product_draft(subject, list(subject.facts.values()), rng).passage)
    rng.shuffle(passages)
    question = dressed(wanted.words, rng)
    if unanswerable:
        return Example("answer", question, ABSTENTION, passages=tuple(passages), source=source)
    number = passages.index(wanted.passage) + 1
    target = " ".join(cited(sentence, [number]) for sentence in wanted.sentences)
    return Example("answer", question, target, passages=tuple(passages), cites=(number,), source=source)


def _rule(rng: Random, place: int, *, alone: bool, unlike: int) -> Piece:
    rules = _rules()
    say, ask = rules[place]
    sentence = rng.choice(say)(rng)
    text = [sentence]
    if not alone:
        for _ in range(rng.randint(1, 2)):
            far = (place + rng.randint(2, len(rules) - 2)) % len(rules)
            if abs(far - unlike) > 1:
                text.insert(rng.randint(0, len(text)), rng.choice(rules[far][0])(rng))
    kinds = phrasings("policies")["kinds"]
    title = rng.choice(alternatives(rng.choice(list(kinds.values()))["titles"]))
    heading = rng.choice(phrasings("manner")["policy_headings"])
    return Piece(Passage(title, heading, " ".join(text)), (sentence,), rng.choice(ask)(rng))


def _put(text: str, name: str, noun: str) -> str:
    p = f"the {name}"
    return text.replace("{P}", capital(p)).replace("{p}", p).replace("{n}", noun)


def _words(ask: str, name: str, noun: str, rng: Random) -> str:
    form = rng.random()
    called = (
        f"the {name}" if form < 0.4 else name if form < 0.65 else f"my {name}" if form < 0.85 else f"my {noun} {name}"
    )
    return rng.choice(alternatives(ask)).replace("{p}", called).replace("{n}", f"{name} {noun}")


def _titles(entry_title: str, name: str, noun: str, rng: Random) -> tuple[str, str]:
    title = _put(entry_title, name, noun)
    form = rng.random()
    if form < 0.5:
        return title, ""
    return (f"{name} {noun}", title) if form < 0.8 else (f"Help with the {name}", title)


def _howto(rng: Random, name: str, noun: str, place: int) -> Piece:
    entries = phrasings("guides")["howtos"]
    entry = entries[place % len(entries)]
    button = rng.choice(alternatives(phrasings("guides")["buttons"]))
    steps = [_put(_text(step)(rng).replace("{b}", button), name, noun) for step in entry["steps"]]
    if rng.random() < 0.2:
        steps = steps[:2]
    form = rng.random()
    if form < 0.6:
        text = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
    elif form < 0.75:
        text = "\n".join(f"- {step}" for step in steps)
    else:
        text = " ".join(steps)
    title, heading = _titles(entry["title"], name, noun, rng)
    return Piece(Passage(title, heading, text), tuple(steps), _words(entry["ask"], name, noun, rng))


def _fault(rng: Random, name: str, noun: str, place: int) -> Piece:
    entries = phrasings("guides")["faults"]
    entry = entries[place % len(entries)]
    say = list(texts(entry["say"]))
    rng.shuffle(say)
    sentences = tuple(_put(one(rng), name, noun) for one in say[: rng.choice((1, 2, 2))])
    title, heading = _titles(entry["title"], name, noun, rng)
    return Piece(Passage(title, heading, " ".join(sentences)), sentences, _words(entry["ask"], name, noun, rng))


def _light(rng: Random, name: str, noun: str, place: int) -> Piece:
    data = phrasings("guides")["lights"]
    head = rng.choice(data["heads"])
    signals: dict[str, tuple[str, str]] = {}
    for cause in rng.sample(data["causes"], rng.randint(2, 5)):
        signals[rng.choice(texts(data["signals"]))(rng)] = (cause, _text(rng.choice(data["remedies"]))(rng))
    signal = rng.choice(list(signals))
    cause, remedy = signals[signal]
    if rng.random() < 0.7:
        rows = [f"| {key} | {what} | {help_} |" for key, (what, help_) in signals.items()]
        text = "\n".join([f"| {' | '.join(head)} |", "|---|---|---|", *rows])
    else:
        text = "\n".join(f"{key}: {what}. {help_}." for key, (what, help_) in signals.items())
    title, heading = _titles(rng.choice(("Error codes of {p}", "Lights of {p}", "Messages on {p}")), name, noun, rng)
    sentences = (f"{signal} means: {cause}.", f"{remedy}.")
    words = _words(data["ask"], name, noun, rng).replace("{s}", signal if rng.random() < 0.6 else signal.lower())
    return Piece(Passage(title, heading, text), sentences, words)
