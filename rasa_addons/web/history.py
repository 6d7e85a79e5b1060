"""A conversation read back from Rasa's tracker, in the form in which the stream gave it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Dict, Iterable, List, Mapping, Optional, Text

from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.core.events import BotUttered, Event, UserUttered

from rasa_addons.web.turn import HANDOFF, message_id, message_parts

MOST_MESSAGES = 200


def messages_of(events: Iterable[Event]) -> List[Dict[Text, Any]]:
    """Customer's and assistant's messages, oldest first, with the ids that the stream gave them."""
    messages: List[Dict[Text, Any]] = []
    turn, number = "", 0
    titles: Dict[Text, Text] = {}
    for event in events:
        if isinstance(event, UserUttered) and event.text:
            turn, number = event.message_id or "", 0
            said = titles.get(event.text, "") if event.text.startswith(INTENT_MESSAGE_PREFIX) else event.text
            if said:  # a command without a button is the server's own, such as the beginning of a session
                messages.append({"id": turn, "role": "customer", "at": _moment(event.timestamp), "text": said})
        elif isinstance(event, BotUttered):
            number += 1
            parts = message_parts(event.message())
            for button in parts.get("buttons") or []:
                titles[button.get("payload") or ""] = button.get("title") or ""
            if parts:
                identity = {"id": message_id(turn, number), "role": "assistant", "at": _moment(event.timestamp)}
                messages.append({**identity, **parts})
    return messages


def newest_handoff(messages: Iterable[Mapping[Text, Any]]) -> Optional[Dict[Text, Any]]:
    """The last ticket of the conversation, as the stream's event has it."""
    newest = None
    for message in messages:
        custom = message.get("custom")
        if isinstance(custom, dict) and custom.get("type") == HANDOFF:
            newest = {key: value for key, value in custom.items() if key != "type"}
    return newest


def _moment(timestamp: Optional[float]) -> Text:
    at = datetime.fromtimestamp(timestamp or 0.0, timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
