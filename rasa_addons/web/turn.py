"""One customer message from the channel into the dialogue, and its messages back: whatever happens, a sentence."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Awaitable, Callable, Dict, Optional, Text, Tuple

from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.channels.rest import QueueOutputChannel

from frontdesk.logs import turn_id
from frontdesk.metrics import FAILURES, TURN_SECONDS, TURNS
from rasa_addons.message_text import has_words, is_command, was_offered
from rasa_addons.turn_stream import TurnStream, streaming_to

logger = logging.getLogger(__name__)

CHANNEL = "rest"
NO_ANSWER = "The assistant could not answer just now."  # where not even a response of the domain can be had
MESSAGE_PARTS = ("text", "buttons", "quick_replies", "image", "attachment", "custom", "elements")
HANDOFF = "handoff"
INPUT = "input"  # in a response's metadata in domain.yml: the one value that it asks for

OnNewMessage = Callable[[UserMessage], Awaitable[Any]]


@dataclass(frozen=True)
class CustomerMessage:
    """A message as the channel lets it through: clean text, and what the server itself knows of it."""

    conversation: Text
    text: Text
    images: Tuple[Text, ...] = ()
    turn: Text = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def metadata(self) -> Dict[Text, Any]:
        """Made here, whatever the request said."""
        return {"images": list(self.images)} if self.images else {}


def message_id(turn: Text, number: int) -> Text:
    """Names the assistant's message `number`, counted from 1, of a turn."""
    return f"{turn}.{number}"


def message_parts(message: Dict[Text, Any]) -> Dict[Text, Any]:
    """What a client gets of a bot message: the parts that are there, its sources, and the one value it asks for."""
    parts = {key: message[key] for key in MESSAGE_PARTS if message.get(key)}
    metadata = message.get("metadata") or {}
    sources = metadata.get("sources") or message.get("sources")
    if sources:
        parts["sources"] = sources
    if metadata.get(INPUT):
        parts.setdefault("custom", {"type": "field", **metadata[INPUT]})
    return parts


class _WholeMessages:
    """Keeps everything of one bot message together: Rasa's collector splits paragraphs, cards and buttons apart."""

    sent = 0  # as the conversation counts them, empty ones included

    @classmethod
    def name(cls) -> Text:
        return CHANNEL

    async def send_response(self, recipient_id: Text, message: Dict[Text, Any]) -> None:
        self.sent += 1
        parts = message_parts(message)
        if parts:
            await self._persist_message({"recipient_id": recipient_id, **parts})  # type: ignore[attr-defined]


class WholeMessageCollector(_WholeMessages, CollectingOutputChannel):
    """Collects a turn's messages for one JSON answer."""


class WholeMessageQueue(_WholeMessages, QueueOutputChannel):
    """Hands a turn's messages to a streaming answer as they come."""


class WholeMessageEvents(_WholeMessages, CollectingOutputChannel):
    """Hands a turn's messages to its event stream, each with its id."""

    def __init__(self, stream: TurnStream, turn: Text) -> None:
        super().__init__()
        self._stream = stream
        self._turn = turn

    async def _persist_message(self, message: Dict[Text, Any]) -> None:
        await super()._persist_message(message)
        custom = message.get("custom")
        if isinstance(custom, dict) and custom.get("type") == HANDOFF:
            self._stream.handoff({key: value for key, value in custom.items() if key != "type"})
        self._stream.message({"id": message_id(self._turn, self.sent), **message})


async def run_turn(
    agent: Any, on_new_message: OnNewMessage, collector: Any, message: CustomerMessage, max_characters: int
) -> None:
    """Runs one turn into `collector`; whatever happens, at least one message comes of it."""
    started = time.perf_counter()
    outcome = "answered"
    sender = message.conversation
    token = turn_id.set(message.turn)

    async def say(name: Text) -> None:
        sentence = agent.processor.nlg.sentence(name, CHANNEL, max_characters=max_characters)
        await collector.send_response(sender, sentence)

    try:
        refusal = await _refusal(agent, message)
        if refusal:
            outcome = refusal
            await say(f"utter_{refusal}")
            return
        await on_new_message(
            UserMessage(
                message.text,
                collector,
                sender,
                input_channel=CHANNEL,
                message_id=message.turn,
                metadata=message.metadata,
            )
        )
        if not collector.sent:
            outcome = "silent"
            logger.error("a turn ended without an answer", extra={"sender": sender})
            FAILURES.labels(place="turn", kind="silent").inc()
            await say("utter_technical_problem")
    except (Exception, asyncio.CancelledError) as error:
        outcome = "failed"
        logger.exception("a turn failed", extra={"sender": sender})
        FAILURES.labels(place="turn", kind=type(error).__name__).inc()
        await say("utter_technical_problem")
    finally:
        turn_id.reset(token)
        TURNS.labels(channel=CHANNEL, outcome=outcome).inc()
        TURN_SECONDS.labels(channel=CHANNEL).observe(time.perf_counter() - started)


async def stream_turn(
    agent: Any, on_new_message: OnNewMessage, stream: TurnStream, message: CustomerMessage, max_characters: int
) -> None:
    """Runs one turn into its stream, to `done` whatever happens."""
    try:
        with streaming_to(stream):
            stream.status("thinking")
            collector = WholeMessageEvents(stream, message.turn)
            await run_turn(agent, on_new_message, collector, message, max_characters)
    except Exception as error:
        logger.exception("a streamed turn could not even apologise", extra={"sender": message.conversation})
        FAILURES.labels(place="turn", kind=type(error).__name__).inc()
        stream.error(NO_ANSWER)
    finally:
        stream.done()


async def _refusal(agent: Any, message: CustomerMessage) -> Optional[Text]:
    """Why this message is not for the dialogue (the name of a response without `utter_`), or None."""
    text = message.text
    if not text:
        return "empty_message"
    if is_command(text):
        tracker = await agent.tracker_store.retrieve_full_tracker(message.conversation)
        if tracker is None or not was_offered(text, tracker.events):
            return "command_refused"
    elif not has_words(text):
        return "no_words"
    return None
