"""The web chat's REST channel: sessions, clean input, streamed answers, and an answer to every message.

A `RestInput` that keeps the name `rest` and its wire form: `POST /webhooks/rest/webhook` takes a message and gives a
list of messages, as Rasa's own. What else goes over the wire stands in docs/web-channel.md; the parts are in
`rasa_addons/web`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
from typing import Any, Awaitable, Callable, Dict, Optional, Text, Tuple

import httpx
from rasa.core.channels.rest import RestInput
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse, ResponseStream

from frontdesk.brand import load_brand
from frontdesk.logs import configure_logging
from rasa_addons.message_text import clean_text
from rasa_addons.web.article_pages import ArticlePages
from rasa_addons.web.conversation import Conversations
from rasa_addons.web.conversation_calls import ConversationCalls
from rasa_addons.web.errors import NO_STORE, ChannelError, refusing
from rasa_addons.web.images import Images
from rasa_addons.web.limits import Limiter, StreamPlace, address_of
from rasa_addons.web.requests import body_of, idempotency_key, ready_agent, text_field
from rasa_addons.web.sessions import PREFIX as SESSION_PREFIX
from rasa_addons.web.sessions import Sessions
from rasa_addons.web.settings import WebSettings
from rasa_addons.web.shared_state import state_for
from rasa_addons.web.turn import (
    CHANNEL,
    CustomerMessage,
    OnNewMessage,
    WholeMessageCollector,
    WholeMessageQueue,
    run_turn,
    stream_turn,
)
from rasa_addons.web.turns import Turns, parse_event_id
from rasa_addons.web.widget_file import widget_file

logger = logging.getLogger(__name__)

EVENT_STREAM = "text/event-stream"
KEY_SECONDS = 24 * 3600  # how long an idempotency key is remembered


class WebChannel(RestInput):
    """Named in credentials.yml by its dotted path; keeps the name `rest`."""

    @classmethod
    def from_credentials(cls, credentials: Optional[Dict[Text, Any]]) -> WebChannel:
        configure_logging("rasa")
        settings = WebSettings.from_environment(credentials)
        logger.info("web channel", extra={"settings": settings.masked()})
        return cls(settings)

    def __init__(self, settings: WebSettings, transport: Optional[httpx.AsyncBaseTransport] = None) -> None:
        """`transport` leads to the action server; it is for tests."""
        self.settings = settings
        self.transport = transport
        state = state_for(settings.redis_url)
        self.state = state
        calls = ConversationCalls(settings.actions_url, settings.calls_secret, transport)
        self.sessions = Sessions(settings, state, calls.was_ended)
        self.limits = Limiter(settings.limits, state)
        self.turns = Turns(state, shared=settings.redis_url is not None)
        self.images = None if settings.images_folder is None else Images(settings.images_folder)
        self.conversations = Conversations(settings, self.sessions, self.limits, self.turns, calls, state, self.images)

    @classmethod
    def name(cls) -> Text:
        return CHANNEL

    def blueprint(self, on_new_message: OnNewMessage) -> Blueprint:
        blueprint = Blueprint("frontdesk_rest", "frontdesk_rest")

        @blueprint.get("/")
        async def health(request: Request) -> HTTPResponse:
            return response.json({"status": "ok"})

        brand = load_brand()

        @blueprint.get("/config")
        async def config(request: Request) -> HTTPResponse:
            return response.json(self.conversations.config(brand), headers={"Cache-Control": "no-cache"})

        @blueprint.get("/support-chat.js")
        async def widget(request: Request) -> HTTPResponse:
            return widget_file(request)

        @blueprint.post("/webhook")
        @refusing
        async def receive(request: Request) -> Any:
            return await self._receive(request, on_new_message)

        @blueprint.get("/stream")
        @refusing
        async def resume(request: Request) -> Any:
            return await self._resume(request)

        pages = ArticlePages(self.settings.actions_url, self.limits, brand, self.transport)

        @blueprint.get("/articles.css")
        async def article_style(request: Request) -> HTTPResponse:
            return pages.style()

        @blueprint.get("/articles/<slug:str>")
        async def article(request: Request, slug: str) -> HTTPResponse:
            return await pages.page(request, slug)

        here = self.conversations
        blueprint.add_route(refusing(here.begin), "/session", methods=["POST"])
        blueprint.add_route(refusing(here.renew), "/session/renew", methods=["POST"])
        blueprint.add_route(refusing(here.identify), "/identity", methods=["POST"])
        blueprint.add_route(refusing(here.forget_identity), "/identity", methods=["DELETE"])
        blueprint.add_route(refusing(here.stop), "/stop", methods=["POST"])
        blueprint.add_route(refusing(here.history), "/history", methods=["GET"])
        blueprint.add_route(refusing(here.feedback), "/feedback", methods=["POST"])
        blueprint.add_route(refusing(here.image), "/images", methods=["POST"])
        blueprint.add_route(refusing(here.end), "/end", methods=["POST"])
        return blueprint

    async def _receive(self, request: Request, on_new_message: OnNewMessage) -> Any:
        message = await self._message(request)
        key, agent, address = idempotency_key(request), ready_agent(request), address_of(request)
        streamed = EVENT_STREAM in request.headers.get("accept", "").lower()
        await self.limits.message(message.conversation, address)
        if streamed:
            return await self._stream(message, key, agent, on_new_message, address)
        if await self._turn_of(message, key) != message.turn:
            raise _already_received()
        run = functools.partial(run_turn, agent, on_new_message)
        if request.args.get("stream", "").lower() == "true":
            return self._lines(run, message)
        collector = WholeMessageCollector()
        await run(collector, message, self.settings.max_characters)
        return response.json(collector.messages, headers=NO_STORE)

    async def _message(self, request: Request) -> CustomerMessage:
        """The message of a request, clean, in the conversation that it may speak in. Raises ChannelError."""
        body = body_of(request)
        text = clean_text(text_field(body, "message"))
        sender = await self.sessions.sender(request, body.get("sender"))
        longest = self.settings.max_characters
        if len(text) > longest:
            raise ChannelError(
                413,
                "message_too_long",
                f"A message has at most {longest} characters.",
                response="utter_message_too_long",
                max_characters=longest,
            )
        images: Tuple[Text, ...] = ()
        if self.images is not None and sender.startswith(SESSION_PREFIX):
            images = self.images.named_in(body, sender)
        return CustomerMessage(sender, text, images)

    async def _turn_of(self, message: CustomerMessage, key: Optional[Text]) -> Text:
        """The turn of a message: a new one, or that of an earlier message under the same key.

        Asked last, so that a refused message has not used its key; from here on nothing waits until it is under way.
        """
        if key is None:
            return message.turn
        return await self.state.claim(f"sent:{message.conversation}:{key}", message.turn, KEY_SECONDS)

    async def _stream(
        self, message: CustomerMessage, key: Optional[Text], agent: Any, on_new_message: OnNewMessage, address: Text
    ) -> ResponseStream:
        """A turn as a stream: a new one, or the one that this message has had already."""
        place = await self.limits.open_stream(message.conversation, address)
        async with contextlib.AsyncExitStack() as on_failure:
            on_failure.push_async_callback(place.aclose)
            turn = await self._turn_of(message, key)
            if turn == message.turn:
                self.turns.start(
                    turn,
                    message.conversation,
                    lambda stream: stream_turn(agent, on_new_message, stream, message, self.settings.max_characters),
                )
            elif not await self.turns.find(turn, message.conversation):
                raise _already_received()
            on_failure.pop_all()
            return self._events(place, turn)

    async def _resume(self, request: Request) -> Any:
        turn, number = parse_event_id(request.headers.get("last-event-id", ""))
        session = await self.sessions.required(request)
        await self.limits.request(session.conversation)
        await self.turns.known(turn, session.conversation)
        place = await self.limits.open_stream(session.conversation, address_of(request))
        return self._events(place, turn, number)

    def _events(self, place: StreamPlace, turn: Text, number: int = 0) -> ResponseStream:
        """A turn as Server-Sent Events, with a comment now and then so that nobody takes the connection for dead."""

        async def write(stream: Any) -> None:
            async with contextlib.aclosing(place), contextlib.aclosing(self.turns.encoded(turn, number)) as texts:
                async for text in texts:
                    await stream.write(text)

        headers = {**NO_STORE, "X-Accel-Buffering": "no"}  # proxies pass each event on at once
        return ResponseStream(write, headers=headers, content_type=f"{EVENT_STREAM}; charset=utf-8")

    def _lines(self, run: Callable[..., Awaitable[None]], message: CustomerMessage) -> ResponseStream:
        """Rasa's `?stream=true`: one JSON message a line, each sent when it is ready."""

        async def write(stream: Any) -> None:
            queue: asyncio.Queue = asyncio.Queue()
            turn = asyncio.ensure_future(run(WholeMessageQueue(queue), message, self.settings.max_characters))
            turn.add_done_callback(lambda _: queue.put_nowait(None))
            while (line := await queue.get()) is not None:
                await stream.write(json.dumps(line) + "\n")
            await turn

        return ResponseStream(write, content_type="application/x-ndjson")


def _already_received() -> ChannelError:
    return ChannelError(409, "already_received", "This message was received before; read GET /webhooks/rest/history.")
