"""The web chat's REST channel: stock wire format, clean input, and an answer to every message.

`POST /webhooks/rest/webhook` takes `{"sender": "...", "message": "..."}` and answers with a list of messages, as
Rasa's own `rest` channel does. What differs: text is cleaned and limited, a typed `/intent{...}` counts only as the
payload of a button that this conversation has shown, paragraphs stay in one message, without a `sender`
everybody gets a conversation of their own, and no failure ends in an empty list.

With `Accept: text/event-stream` the answer is a stream of Server-Sent Events (`turn_stream.StreamEvent`): what is being
done, an open answer sentence by sentence, then the messages of the plain form, and `done`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
import uuid
from typing import Any, Awaitable, Callable, Dict, List, Optional, Set, Text, Tuple

from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.channels.rest import QueueOutputChannel, RestInput
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse, ResponseStream

from frontdesk.logs import configure_logging, turn_id
from frontdesk.metrics import FAILURES, TURN_SECONDS, TURNS
from rasa_addons.message_text import clean_text, has_words, is_command, was_offered
from rasa_addons.turn_stream import HEARTBEAT, TurnStream, streaming_to

logger = logging.getLogger(__name__)

MAX_CHARACTERS_VARIABLE = "FRONTDESK_MAX_MESSAGE_CHARACTERS"
DEFAULT_MAX_CHARACTERS = 2000
MAX_SENDER_CHARACTERS = 128
EVENT_STREAM = "text/event-stream"
# Proxies cut a connection that is silent for 30 to 60 seconds; a page may take it for dead earlier.
HEARTBEAT_SECONDS = 10.0
NO_ANSWER = "The assistant could not answer just now."  # where not even a response of the domain can be had

OnNewMessage = Callable[[UserMessage], Awaitable[Any]]


class BadRequest(Exception):
    """The request is not of the documented form; the message says how to mend it."""


class _WholeMessages:
    """Keeps everything of one bot message together: Rasa's collector splits paragraphs, cards and buttons apart."""

    async def send_response(self, recipient_id: Text, message: Dict[Text, Any]) -> None:
        parts = {
            key: message[key]
            for key in ("text", "buttons", "quick_replies", "image", "attachment", "custom", "elements")
            if message.get(key)
        }
        sources = (message.get("metadata") or {}).get("sources") or message.get("sources")
        if sources:
            parts["sources"] = sources
        if parts:
            await self._persist_message({"recipient_id": recipient_id, **parts})  # type: ignore[attr-defined]


class WholeMessageCollector(_WholeMessages, CollectingOutputChannel):
    """Collects a turn's messages for one JSON answer."""

    @classmethod
    def name(cls) -> Text:
        return "rest"


class WholeMessageQueue(_WholeMessages, QueueOutputChannel):
    """Hands a turn's messages to a streaming answer as they come."""

    @classmethod
    def name(cls) -> Text:
        return "rest"


class WholeMessageEvents(_WholeMessages, CollectingOutputChannel):
    """Hands a turn's messages to its event stream."""

    def __init__(self, stream: TurnStream) -> None:
        super().__init__()
        self._stream = stream

    @classmethod
    def name(cls) -> Text:
        return "rest"

    async def _persist_message(self, message: Dict[Text, Any]) -> None:
        await super()._persist_message(message)
        self._stream.message(message)


class WebChannel(RestInput):
    """Named in credentials.yml by its dotted path; keeps the name `rest`."""

    @classmethod
    def from_credentials(cls, credentials: Optional[Dict[Text, Any]]) -> WebChannel:
        configure_logging("rasa")
        return cls()

    def __init__(self) -> None:
        self.max_characters = int(os.environ.get(MAX_CHARACTERS_VARIABLE, DEFAULT_MAX_CHARACTERS))
        self.heartbeat_seconds = HEARTBEAT_SECONDS
        # The event loop keeps no hold of tasks: turns whose client has gone are held here until they end.
        self._turns: Set[asyncio.Future[None]] = set()

    def blueprint(self, on_new_message: OnNewMessage) -> Blueprint:
        blueprint = Blueprint("frontdesk_rest", "frontdesk_rest")

        @blueprint.get("/")
        async def health(request: Request) -> HTTPResponse:
            return response.json({"status": "ok"})

        @blueprint.post("/webhook")
        async def receive(request: Request) -> Any:
            try:
                sender, text = self._read(request)
            except BadRequest as error:
                TURNS.labels(channel="rest", outcome="bad_request").inc()
                return response.json({"error": "bad_request", "message": str(error)}, status=400)
            agent = getattr(request.app.ctx, "agent", None)
            if agent is None or not agent.is_ready():
                body = {"error": "loading", "message": "The assistant is still starting; please try again shortly."}
                return response.json(body, status=503)
            if request.args.get("stream", "").lower() == "true":
                return self._stream(request, on_new_message, sender, text)
            if EVENT_STREAM in request.headers.get("accept", "").lower():
                return self._events(request, on_new_message, sender, text)
            collector = WholeMessageCollector()
            await self.answer(request.app.ctx.agent, on_new_message, collector, sender, text)
            return response.json(collector.messages)

        return blueprint

    def _read(self, request: Request) -> Tuple[Text, Text]:
        """Sender and message of a request body.

        Raises:
            BadRequest: the body is not a JSON object with a text `message` (and, if given, a text `sender`).
        """
        try:
            body = json.loads(request.body or b"")
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
            raise BadRequest('The body must be JSON: {"sender": "...", "message": "..."}.') from None
        if not isinstance(body, dict):
            raise BadRequest("The body must be a JSON object with the fields sender and message.")
        message = body.get("message")
        if message is not None and not isinstance(message, str):
            raise BadRequest("The field message must be a text.")
        sender = body.get("sender")
        if sender is not None and not isinstance(sender, str):
            raise BadRequest("The field sender must be a text.")
        if sender and len(sender) > MAX_SENDER_CHARACTERS:
            raise BadRequest(f"The field sender may have at most {MAX_SENDER_CHARACTERS} characters.")
        if sender and not sender.isprintable():
            raise BadRequest("The field sender may have printable characters only.")
        return sender or uuid.uuid4().hex, message or ""

    async def answer(self, agent: Any, on_new_message: OnNewMessage, collector: Any, sender: Text, text: Text) -> None:
        """Runs one turn into `collector`; whatever happens, at least one message comes of it."""
        started = time.perf_counter()
        collected = _Counting(collector)
        outcome = "answered"
        turn = uuid.uuid4().hex
        token = turn_id.set(turn)
        try:
            cleaned = clean_text(text)
            refusal = await self._refusal(agent, sender, cleaned)
            if refusal:
                outcome = refusal
                await self._say(agent, collector, sender, f"utter_{refusal}")
                return
            message = UserMessage(cleaned, collector, sender, input_channel=self.name(), message_id=turn, metadata={})
            await on_new_message(message)
            if not collected.any():
                outcome = "silent"
                logger.error("a turn ended without an answer", extra={"sender": sender})
                FAILURES.labels(place="turn", kind="silent").inc()
                await self._say(agent, collector, sender, "utter_technical_problem")
        except (Exception, asyncio.CancelledError) as error:
            outcome = "failed"
            logger.exception("a turn failed", extra={"sender": sender})
            FAILURES.labels(place="turn", kind=type(error).__name__).inc()
            await self._say(agent, collector, sender, "utter_technical_problem")
        finally:
            turn_id.reset(token)
            TURNS.labels(channel="rest", outcome=outcome).inc()
            TURN_SECONDS.labels(channel="rest").observe(time.perf_counter() - started)

    async def _refusal(self, agent: Any, sender: Text, text: Text) -> Optional[Text]:
        """Why this message is not for the dialogue (the name of a response without `utter_`), or None."""
        if not text:
            return "empty_message"
        if len(text) > self.max_characters:
            return "message_too_long"
        if is_command(text):
            tracker = await agent.tracker_store.retrieve(sender)
            if tracker is None or not was_offered(text, tracker.events):
                return "command_refused"
        elif not has_words(text):
            return "no_words"
        return None

    async def _say(self, agent: Any, collector: Any, sender: Text, name: Text) -> None:
        message = agent.processor.nlg.sentence(name, self.name(), max_characters=self.max_characters)
        await collector.send_response(sender, message)

    def _stream(self, request: Request, on_new_message: OnNewMessage, sender: Text, text: Text) -> ResponseStream:
        """Rasa's `?stream=true`: one JSON message a line, each sent when it is ready."""

        async def write(stream: Any) -> None:
            queue: asyncio.Queue = asyncio.Queue()
            turn = asyncio.ensure_future(
                self.answer(request.app.ctx.agent, on_new_message, WholeMessageQueue(queue), sender, text)
            )
            turn.add_done_callback(lambda _: queue.put_nowait(None))
            while (message := await queue.get()) is not None:
                await stream.write(json.dumps(message) + "\n")
            await turn

        return ResponseStream(write, content_type="application/x-ndjson")

    def _events(self, request: Request, on_new_message: OnNewMessage, sender: Text, text: Text) -> ResponseStream:
        """The turn as Server-Sent Events, with a comment now and then so that nobody takes the connection for dead.

        If the client goes, the turn goes on to its end, so that what an action has begun is finished and remembered;
        only what was being generated for the client stops.
        """
        stream = TurnStream()
        agent = request.app.ctx.agent

        async def turn() -> None:
            try:
                with streaming_to(stream):
                    stream.status("thinking")
                    await self.answer(agent, on_new_message, WholeMessageEvents(stream), sender, text)
            except Exception as error:
                logger.exception("a streamed turn could not even apologise", extra={"sender": sender})
                FAILURES.labels(place="turn", kind=type(error).__name__).inc()
                stream.error(NO_ANSWER)
            finally:
                stream.done()

        async def write(response_stream: Any) -> None:
            running = asyncio.ensure_future(turn())
            self._turns.add(running)
            running.add_done_callback(self._turns.discard)
            number = 0
            name = ""
            try:
                while name != "done":
                    event = await stream.next(self.heartbeat_seconds)
                    if event is None:
                        await response_stream.write(HEARTBEAT)
                        continue
                    number, name = number + 1, event.name
                    await response_stream.write(event.encoded(number))
            finally:
                stream.close()

        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # proxies pass each event on at once
        return ResponseStream(write, headers=headers, content_type=f"{EVENT_STREAM}; charset=utf-8")


class _Counting:
    """Knows whether a collector has been given a message."""

    def __init__(self, collector: Any) -> None:
        self._sent: List[bool] = []
        persist = collector._persist_message

        async def counted(message: Dict[Text, Any]) -> None:
            self._sent.append(True)
            await persist(message)

        collector._persist_message = counted

    def any(self) -> bool:
        return bool(self._sent)
