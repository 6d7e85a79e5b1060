"""Cleans what a customer typed before anything reads it."""

from __future__ import annotations

import json
import unicodedata
from typing import Iterable, Optional

from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.core.events import BotUttered, Event

# Joiners that real writing systems and emoji need; every other invisible character only hides text.
_NEEDED_JOINERS = {"\u200c", "\u200d"}
# A thumb alone is a yes or a no; the classifier has never seen one.
THUMBS = {"👍": "yes", "👎": "no"}
_KEPT_CONTROLS = {"\n", "\t"}


def clean_text(text: str) -> str:
    """Normal form C, without control, zero-width, direction-override and tag characters, trimmed.

    A message that consists of nothing else comes back empty, one that is a thumb as the word for it.
    """
    normalised = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    kept = [
        character
        for character in normalised
        if character in _NEEDED_JOINERS
        or character in _KEPT_CONTROLS
        or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    ]
    cleaned = "".join(kept).strip()
    if set(cleaned) <= _NEEDED_JOINERS | {" ", "\n", "\t"}:
        return ""
    return THUMBS.get(cleaned, cleaned)


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
