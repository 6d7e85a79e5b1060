"""What runs inside Rasa, without Rasa's processes: the project's domain, its responses, and a stand-in for the agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from rasa.core.actions.action import RemoteAction
from rasa.core.channels.channel import InputChannel, UserMessage
from rasa.core.channels.channel import register as register_channels
from rasa.core.run import _create_app_without_api
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig
from sanic import Sanic

from rasa_addons.nlg import FrontdeskNLG

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
        self.tracker_store = self
        self.trackers: dict[str, DialogueStateTracker] = {}
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

    async def on_message(self, message: UserMessage) -> Any:
        """What Rasa registers for incoming messages."""
        self.received.append(message)
        return await self.turn(message)

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The conversation of a sender."""
        return self.trackers.get(sender_id)

    def is_ready(self) -> bool:
        """Whether a model is loaded."""
        return self.ready


@pytest.fixture
def agent(nlg: FrontdeskNLG) -> FakeAgent:
    """An agent that answers every message with "Hello."."""
    return FakeAgent(nlg)


Serve = Callable[..., Any]


@pytest.fixture
def serve(agent: FakeAgent) -> Iterator[Serve]:
    """Serves channels as `rasa run` does without --enable-api, inside this process; gives an HTTP client."""
    made: list[Sanic] = []

    @asynccontextmanager
    async def client(*channels: InputChannel, with_agent: bool = True) -> AsyncIterator[httpx.AsyncClient]:
        app = _create_app_without_api()
        made.append(app)
        for channel in channels:  # as rasa.core.channels.channel.register, with the fake agent's turn
            app.blueprint(channel.blueprint(agent.on_message), url_prefix=prefix(channel))
        if with_agent:
            app.ctx.agent = agent
        app.signalize()  # what `app.run` does before it opens a port
        app.finalize()
        await app._server_event("init", "before")
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as opened:
            yield opened

    yield client
    for app in made:
        Sanic._app_registry.pop(app.name, None)


def prefix(channel: InputChannel) -> str:
    """Where Rasa puts a channel's routes."""
    app = Sanic("prefix_of_a_channel", configure_logging=False, register=False)
    register_channels([channel], app, route="/webhooks/")
    [blueprint] = app.blueprints.values()
    return str(blueprint.url_prefix or "")
