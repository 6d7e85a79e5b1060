"""Conversations as the action server sees them: built turn by turn, with what an action said and changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

SURELY = 0.95
Entity = tuple[str, str] | tuple[str, str, str]  # name, words of the text, and its role where it has one


@dataclass
class Reply:
    """What one run of an action said and returned."""

    messages: list[dict[str, Any]]
    events: list[dict[str, Any]]

    @property
    def responses(self) -> list[str]:
        """Names of the responses said, in order."""
        return [message["response"] for message in self.messages]

    def values(self, response: str) -> dict[str, Any]:
        """The message that utters `response`."""
        return next(message for message in self.messages if message["response"] == response)

    @property
    def set_slots(self) -> dict[str, Any]:
        """Slots that were set, with their last values."""
        return {event["name"]: event["value"] for event in self.events if event["event"] == "slot"}

    @property
    def followups(self) -> list[str]:
        """Actions that are to run next."""
        return [event["name"] for event in self.events if event["event"] == "followup"]


@dataclass
class Conversation:
    """Events, slots and the running form of one conversation; `run` applies what an action returns."""

    sender: str = "chat-1"
    slots: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    message: dict[str, Any] = field(default_factory=dict)
    form: str | None = None

    def user(
        self,
        text: str,
        intent: str = "inform",
        *entities: Entity,
        confidence: float = SURELY,
        candidates: Sequence[str] = (),
        **more: Any,
    ) -> Conversation:
        """A message of the customer; entities stand where their words stand in the text."""
        found = []
        for name, words, *role in entities:
            start = max(text.find(words), 0)
            entry = {"entity": name, "value": words, "start": start, "end": start + len(words)}
            found.append({**entry, "role": role[0]} if role else entry)
        self.message = {
            "text": text,
            "intent": {"name": intent, "confidence": confidence},
            "entities": found,
            "routing": {"candidates": list(candidates)},
            "message_id": "turn-1",
            **more,
        }
        self.events.append({"event": "user", "text": text, "parse_data": self.message})
        return self

    def button(self, payload: str, intent: str, **entities: str) -> Conversation:
        """A pressed button: Rasa gives all its entities the same place."""
        self.user(payload, intent, confidence=1.0)
        self.message["entities"] = [
            {"entity": name, "value": value, "start": 7, "end": len(payload)} for name, value in entities.items()
        ]
        return self

    def bot(self, text: str, *payloads: str, custom: dict[str, Any] | None = None) -> Conversation:
        """A message of the assistant, with a button for each payload."""
        buttons = [{"title": payload.strip("/"), "payload": payload} for payload in payloads]
        self.events.append({"event": "bot", "text": text, "data": {"buttons": buttons or None, "custom": custom}})
        return self

    def ran(self, action: str) -> Conversation:
        """An action that has run."""
        self.events.append({"event": "action", "name": action})
        return self

    def starts(self, form: str) -> Conversation:
        """The last message activates a form."""
        self.form = form
        self.events.append({"event": "active_loop", "name": form})
        return self

    def asks(self, slot: str, form: str | None = None) -> Conversation:
        """The running form (or `form`, started by an earlier message) has asked for a slot."""
        if form is not None:
            self.user("/start", "start").starts(form)
        self.set(requested_slot=slot)
        self.ran("action_listen")
        return self

    def set(self, **slots: Any) -> Conversation:
        """Slots as they stand."""
        self.slots.update(slots)
        self.events += [{"event": "slot", "name": name, "value": value} for name, value in slots.items()]
        return self

    def tracker(self) -> Tracker:
        """As Rasa sends it."""
        loop = {"name": self.form} if self.form else {}
        return Tracker(self.sender, dict(self.slots), self.message, list(self.events), False, None, loop, None)

    async def run(self, action: Action, domain: dict[str, Any] | None = None) -> Reply:
        """Runs an action on this conversation and keeps the slots that it sets."""
        dispatcher = CollectingDispatcher()
        events = await action.run(dispatcher, self.tracker(), domain or {})
        for event in events:
            self.events.append(event)
            if event["event"] == "slot":
                self.slots[event["name"]] = event["value"]
            elif event["event"] == "active_loop":
                self.form = event["name"]
        return Reply(dispatcher.messages, events)

    async def answers(self, action: Action, text: str, intent: str = "inform", *entities: Entity, **more: Any) -> Reply:
        """The customer's next message, and the running form's reply to it."""
        return await self.user(text, intent, *entities, **more).run(action)


class Remembered:
    """Just the slots of a flow."""

    def __init__(self, **slots: Any) -> None:
        self.slots = slots

    def get(self, slot: str) -> Any:
        return self.slots.get(slot)
