"""A conversation as its events tell it: for people, without codes; for a language model, without customers' data.

What a language model may read: the customer's own words, without codes, email addresses and long numbers, and of the
assistant's messages only what names no data of an order or an account. The response generation marks each message
with what may be read of it (`SHARED`); a message without the mark is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

# In a bot message's metadata: true, where a language model may read it as it is, or the words that it may read.
SHARED = "shared"
# What stands for a value that a language model does not get.
LEFT_OUT = "…"
CODE_GIVEN = "(code)"

MOST_TURNS = 12
MOST_CHARACTERS = 4000  # about 1,000 tokens: room for the passages is worth more than old turns
LONGEST_TURN = 800

_CODE = re.compile(r"\d{3}|(\d\W?){6}")
_EMAIL = re.compile(r"[^\s@,;:<>()\"]+@[\w-]+(?:\.[\w-]+)+")
_NUMBER = re.compile(r"\+?\d(?:[ ()./-]{0,2}\d){8,}")  # nine digits and more: phones, cards, accounts


@dataclass(frozen=True)
class Utterance:
    """One message. `event` is the tracker's event that it comes from."""

    role: Literal["user", "assistant"]
    text: str
    event: Mapping[str, Any]


def utterances(events: Iterable[Mapping[str, Any]]) -> Iterator[Utterance]:
    """What both sides said, oldest first. What was typed where a code was asked for reads "(code)"."""
    asked_for_code = False
    for event in events:
        kind = event.get("event")
        if kind == "slot" and event.get("name") == "requested_slot":
            asked_for_code = event.get("value") == "verification_code"
        text = (event.get("text") or "").strip()
        if kind == "user" and text:
            code = asked_for_code and _CODE.search(text)
            yield Utterance("user", CODE_GIVEN if code else text, event)
        elif kind == "bot" and text:
            yield Utterance("assistant", text, event)


def forms_run(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the forms that were started, each once, in their order."""
    names = (event.get("name") for event in events if event.get("event") == "active_loop")
    return list(dict.fromkeys(str(name) for name in names if name))


def without_personal_data(text: str) -> str:
    """`text` without email addresses and numbers of nine digits and more."""
    return _NUMBER.sub("(number)", _EMAIL.sub("(email address)", text))


def shared_turns(
    events: Sequence[Mapping[str, Any]],
    most_turns: int = MOST_TURNS,
    most_characters: int = MOST_CHARACTERS,
) -> list[tuple[Literal["user", "assistant"], str]]:
    """What a language model may read of the running session, oldest first; of too much, the newest is kept."""
    titles: dict[str, str] = {}
    turns: list[tuple[Literal["user", "assistant"], str]] = []
    for said in utterances(_of_this_session(events)):
        text = _shared(said, titles)
        if text:
            turns.append((said.role, text[:LONGEST_TURN]))
    kept: list[tuple[Literal["user", "assistant"], str]] = []
    room = most_characters
    for turn in reversed(turns[-most_turns:]):
        room -= len(turn[1])
        if room < 0:
            break
        kept.append(turn)
    return kept[::-1]


def _of_this_session(events: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The events since the conversation last began."""
    starts = [i for i, event in enumerate(events) if event.get("event") in ("session_started", "restart")]
    return events[starts[-1] :] if starts else events


def _shared(said: Utterance, titles: dict[str, str]) -> str:
    """What may be read of a message; empty for none. `titles` collects the buttons' titles by payload."""
    if said.role == "user":
        # A pressed button is a payload; the customer saw its title.
        text = titles.get(said.text, "") if said.text.startswith("/") else said.text
        return without_personal_data(text)
    for button in (said.event.get("data") or {}).get("buttons") or []:
        titles[str(button.get("payload"))] = str(button.get("title") or "")
    metadata = said.event.get("metadata") or {}
    mark = (metadata.get("metadata") or {}).get(SHARED)
    if mark is True:
        return said.text
    return mark if isinstance(mark, str) else ""
