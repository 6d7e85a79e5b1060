"""Cleans what a customer typed before anything reads it."""

from __future__ import annotations

import json
import unicodedata
from typing import Iterable, Iterator, Optional, Sequence

from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.core.events import BotUttered, Event

# Joiners, which Arabic and Indic writing and emoji need; between other characters they only hide text.
_JOINERS = {"\u200c", "\u200d"}
_WITHOUT_JOINERS = ("LATIN", "GREEK", "CYRILLIC", "DIGIT", "CJK", "HIRAGANA", "KATAKANA", "HANGUL")
# Letters, marks and symbols that show nothing: the categories below do not tell them from others.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    map(chr, range(0xE0100, 0xE01F0))  # variation selectors that only hide bytes
)
_LEFT_OUT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
# A thumb alone is a yes or a no; the classifier has never seen one.
THUMBS = {"👍": "yes", "👎": "no"}
_KEPT_CONTROLS = {"\n", "\t"}


def clean_text(text: str) -> str:
    """Normal form C, without control, zero-width, direction-override and tag characters, trimmed.

    A message that consists of nothing else comes back empty, one that is a thumb as the word for it.
    """
    normalised = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    kept = [character for character in normalised if _is_shown(character) or character in _JOINERS]
    cleaned = unicodedata.normalize("NFC", "".join(_without_idle_joiners(kept))).strip()
    return THUMBS.get(cleaned, cleaned)


def _is_shown(character: str) -> bool:
    if character in _KEPT_CONTROLS:
        return True
    return character not in _INVISIBLE and unicodedata.category(character) not in _LEFT_OUT


def _without_idle_joiners(characters: Sequence[str]) -> Iterator[str]:
    """All but the joiners that join nothing, and of several in a row one."""
    before, joiner = "", ""
    for character in characters:
        if character in _JOINERS:
            joiner = joiner or character
            continue
        if joiner and _takes_joiners(before) and _takes_joiners(character):
            yield joiner
        before, joiner = character, ""
        yield character


def _takes_joiners(character: str) -> bool:
    name = unicodedata.name(character, "") if character else ""
    return bool(name) and not character.isspace() and not name.startswith(_WITHOUT_JOINERS)


def has_words(text: str) -> bool:
    """Whether there is a letter or a digit of any script: emoji and punctuation alone have none."""
    return any(character.isalnum() for character in text)


def is_command(text: str) -> bool:
    """Whether Rasa would read the text as a forced intent rather than as words."""
    return text.startswith(INTENT_MESSAGE_PREFIX)


def was_offered(text: str, events: Iterable[Event]) -> bool:
    """Whether `text` is the payload of a button that this conversation has shown."""
    return any(
        _same_payload(text, button.get("payload"))
        for event in events
        if isinstance(event, BotUttered)
        for button in event.data.get("buttons") or []
    )


def _same_payload(text: str, payload: Optional[str]) -> bool:
    if not payload or not payload.startswith(INTENT_MESSAGE_PREFIX):
        return False
    return _parsed(text) == _parsed(payload)


def _parsed(payload: str) -> object:
    """Intent and entities of `/intent{...}`; the text itself where the entities are not JSON."""
    intent, brace, entities = payload.partition("{")
    if not brace:
        return (intent.strip(), None)
    try:
        return (intent.strip(), json.loads(brace + entities))
    except json.JSONDecodeError:
        return payload
