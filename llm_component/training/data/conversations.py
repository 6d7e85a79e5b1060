"""Invented conversations with a shop, and what a colleague who takes them over has to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from llm_component.protocol import Turn
from llm_component.training.data.draws import Text, alternatives, invented_word, phrasings
from llm_component.training.data.examples import Example
from llm_component.training.data.manner import mistyped
from llm_component.training.data.worlds import capital, product_name


@dataclass
class _Talk:
    """The turns so far; two messages of one side in a row become one."""

    rng: Random
    turns: list[Turn] = field(default_factory=list)

    def user(self, text: str) -> None:
        rng = self.rng
        if rng.random() < 0.3:
            text = text.lower() if not any(letter.isupper() for letter in text[1:]) else text
        elif rng.random() < 0.3:
            text = capital(text)
        if rng.random() < 0.2:
            text = mistyped(text, rng, names=False)
        if rng.random() < 0.25 and text[-1] not in "?!.":
            text += rng.choice(("!", ".", "...", "!!"))
        self._add("user", text)

    def shop(self, text: str) -> None:
        self._add("assistant", text)

    def _add(self, role: str, text: str) -> None:
        if self.turns and self.turns[-1].role == role:
            joint = ". " if self.turns[-1].content[-1] not in "?!.," else " "
            text = f"{self.turns.pop().content}{joint}{text}"
        self.turns.append(Turn("user" if role == "user" else "assistant", text))


def _said(pair: list[str], rng: Random) -> tuple[str, str]:
    """What the customer writes, and what the note says of it."""
    text, core = Text(pair[0]).with_core(rng)
    return text, pair[1].replace("{1}", core)


def make_summary(rng: Random) -> Example:
    """One conversation with its note."""
    data = phrasings("conversations")
    topic = data["topics"][rng.choice(list(data["topics"]))]
    product, noun = product_name(rng)[0], rng.choice(alternatives(data["nouns"]))
    if rng.random() < 0.4:
        product = f"{product} {noun}"
    order = str(rng.randint(1000, 99999))
    values = {"{p}": product, "{n}": noun, "{o}": order}
    reason, reason_note = (_fill(text, values) for text in _said(rng.choice(topic["reasons"]), rng))
    wish, wish_note = _said(rng.choice(topic["wishes"]), rng)
    tried = [_said(pair, rng) for pair in rng.sample(topic["tried"], rng.choice((0, 1, 1, 1, 2)))]
    person = rng.random() < 0.35
    talk = _Talk(rng)
    if rng.random() < 0.6:
        talk.user(rng.choice(data["greet"]))
        talk.shop(rng.choice(data["greeted"]))
    told_none = _tell(talk, values, reason, wish, tried, person)
    target = data["target"]
    sentences = [_fill(rng.choice(alternatives(target["about"])), values), _fill(reason_note, values)]
    if tried:
        sentences.append(
            _fill(rng.choice(alternatives(target["tried"])), {"{t}": " and ".join(note for _, note in tried)})
        )
    elif told_none:
        sentences.append(target["none"])
    sentences.append(_fill(target["wish"], {"{w}": wish_note}))
    if person:
        sentences.append(target["person"])
    return Example("summary", "", " ".join(sentences), tuple(talk.turns), source="shop conversation")


def _tell(
    talk: _Talk, values: dict[str, str], reason: str, wish: str, tried: list[tuple[str, str]], person: bool
) -> bool:
    """Let the customer tell all of it, in one of many orders; True if they said that nothing was tried."""
    rng, data = talk.rng, phrasings("conversations")
    told_none = False
    steps = ["reason", "order", "product"]
    rng.shuffle(steps)
    steps += ["tried", "wish"] if rng.random() < 0.6 else ["wish", "tried"]
    together = rng.random() < 0.35  # the first message says much at once
    for place, step in enumerate(steps):
        if not (together and place in (1, 2)) and talk.turns and talk.turns[-1].role == "user":
            talk.shop(rng.choice(data[f"ask_{step}"]))
        if step == "reason":
            talk.user(reason)
        elif step == "wish":
            talk.user(wish)
        elif step == "product":
            talk.user(_fill(rng.choice(data["tell_product"]), values))
        elif step == "order":
            _tell_order(talk, values)
        elif tried:
            for text, _ in tried:
                talk.user(text)
        elif rng.random() < 0.5:
            talk.shop(rng.choice(data["ask_tried"]))
            talk.user(rng.choice(data["not_tried"]))
            told_none = True
        if rng.random() < 0.22:
            said, replied = rng.choice(data["noise"])
            words = {"{x}": rng.choice(alternatives(data["nouns"])), "{t}": invented_word(rng)}
            talk.user(_fill(Text(said)(rng), words))
            talk.shop(_fill(replied, words))
    if person:
        talk.user(rng.choice(data["want_person"]))
    talk.shop(rng.choice(data["hand_over"]))
    return told_none


def _tell_order(talk: _Talk, values: dict[str, str]) -> None:
    """The order number; now and then a wrong one first, which is put right."""
    rng, data = talk.rng, phrasings("conversations")
    if rng.random() > 0.12:
        talk.user(_fill(rng.choice(data["tell_order"]), values))
        return
    wrong = {**values, "{w}": str(rng.randint(1000, 99999))}
    for place, text in enumerate(rng.choice(data["correct_order"])):
        (talk.shop if place % 2 else talk.user)(_fill(text, wrong))


def _fill(text: str, values: dict[str, str]) -> str:
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text
