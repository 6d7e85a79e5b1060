"""What runs inside Rasa, without its processes: the project's domain and responses, and a stand-in for the agent."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from rasa.core.actions.action import RemoteAction
from rasa.core.channels.channel import InputChannel, UserMessage, register
from rasa.core.lock_store import InMemoryLockStore
from rasa.core.tracker_store import InMemoryTrackerStore, TrackerStore
from rasa.server import add_root_route
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig
from sanic import Sanic
from sanic.touchup.service import TouchUp

from frontdesk.signing import KeyRing
from rasa_addons.nlg import FrontdeskNLG
from rasa_addons.web.settings import WebSettings
from rasa_addons.web_channel import WebChannel

ROOT = Path(__file__).resolve().parents[3]

OnMessage = Callable[[UserMessage], Awaitable[Any]]


@pytest.fixture(scope="session")
def domain() -> Domain:
    """The project's domain."""
    return Domain.load(str(ROOT / "domain.yml"))


@pytest.fixture
def remote_action_run() -> Iterator[Any]:
    """Rasa's own `RemoteAction.run`; what a test puts in its place is taken back."""
    current = RemoteAction.run
    yield getattr(current, "__wrapped__", current)
    RemoteAction.run = current  # type: ignore[method-assign]


@pytest.fixture
def nlg(domain: Domain, remote_action_run: Any) -> FrontdeskNLG:
    """The project's response generation."""
    return FrontdeskNLG(EndpointConfig(), domain)


@pytest.fixture
def tracker(domain: Domain) -> Callable[..., DialogueStateTracker]:
    """Makes a conversation's state of events and slots."""

    def make(*events: Event, **slots: Any) -> DialogueStateTracker:
        filled = [SlotSet(name, value) for name, value in slots.items()]
        return DialogueStateTracker.from_events("chat-1", [*events, *filled], slots=domain.slots)

    return make


class FakeAgent:
    """Has what the channels use of Rasa's agent: responses and conversations; `on_message` answers a turn."""

    model_id = "model-1"

    def __init__(self, nlg: FrontdeskNLG) -> None:
        self.processor = SimpleNamespace(nlg=nlg)
        self.tracker_store: TrackerStore = InMemoryTrackerStore(Domain.empty())
        self.lock_store = InMemoryLockStore()
        self.received: list[UserMessage] = []
        self.ready = True
        self.turn: OnMessage = self.says({"text": "Hello."})

    @staticmethod
    def says(*messages: dict[str, Any]) -> OnMessage:
        """A turn that sends messages as Rasa's processor does."""

        async def turn(message: UserMessage) -> None:
            for content in messages:
                await message.output_channel.send_response(message.sender_id, content)  # type: ignore[union-attr]

        return turn

    async def handle_message(self, message: UserMessage) -> Any:
        """What Rasa calls for an incoming message."""
        self.received.append(message)
        return await self.turn(message)

    async def remembers(self, sender_id: str, *events: Event) -> None:
        """A conversation that has these events."""
        tracker = DialogueStateTracker.from_events(sender_id, list(events))
        await self.tracker_store.save(tracker)

    def is_ready(self) -> bool:
        """Whether a model is loaded."""
        return self.ready


@pytest.fixture
def agent(nlg: FrontdeskNLG) -> FakeAgent:
    """An agent that answers every message with "Hello."."""
    return FakeAgent(nlg)


SESSION_KEY = b"a key of these tests alone, 32 bytes"
IDENTITY_KEY = b"the shop's own key, also 32 bytes of it"


def web_settings(**changes: Any) -> WebSettings:
    """Settings of a channel in open mode, with a key for statements of who is signed in."""
    defaults: dict[str, Any] = {
        "require_session": False,
        "session_keys": KeyRing({"now": SESSION_KEY}),
        "identity_keys": KeyRing({"shop": IDENTITY_KEY}),
        "calls_secret": "secret",
        "actions_url": "http://actions.example/webhook",
    }
    return WebSettings(**{**defaults, **changes})


def open_channel(**changes: Any) -> WebChannel:
    """A channel in open mode."""
    return WebChannel(web_settings(**changes))


Serve = Callable[..., Any]
_numbers = itertools.count(1)


@pytest.fixture
def serve(agent: FakeAgent) -> Serve:
    """Serves channels as `rasa run` does without --enable-api, inside this process; gives an HTTP client.

    Only CORS is left out: its plugin takes the place of methods that Sanic rewrites when it starts.
    """

    @asynccontextmanager
    async def client(*channels: InputChannel, with_agent: bool = True) -> AsyncIterator[httpx.AsyncClient]:
        app = Sanic(f"channels_{next(_numbers)}", configure_logging=False, register=False)
        app.asgi = True
        add_root_route(app)
        register(list(channels), app, route="/webhooks/")
        if with_agent:
            app.ctx.agent = agent
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        with pytest.MonkeyPatch.context() as patches:
            for owner, method in TouchUp._registry:  # Sanic compiles these anew, which works once in a process
                patches.setattr(owner, method, getattr(owner, method))
            await app._startup()
            await app._server_event("init", "before")
            async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as opened:
                yield opened

    return client
