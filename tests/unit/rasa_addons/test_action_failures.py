"""When the action server is down, slow or broken: a sentence, the form ends, and what must pass through does."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from prometheus_client import REGISTRY
from rasa.core.actions.action import ActionExecutionRejection, RemoteAction
from rasa.core.channels.channel import CollectingOutputChannel
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActiveLoop, BotUttered, Event, FollowupAction, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import ClientResponseError, EndpointConfig

from rasa_addons.action_failures import TIMEOUT_VARIABLE, install_failure_replies
from rasa_addons.nlg import FrontdeskNLG

Run = Callable[..., Awaitable[list[Event]]]
MakeTracker = Callable[..., DialogueStateTracker]


class Endpoint(EndpointConfig):
    """An action server that answers, or fails, as it is told."""

    def __init__(self, answer: Any) -> None:
        super().__init__("http://actions.example/webhook")
        self.answer = answer

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        if self.answer == "never":
            await asyncio.Event().wait()
        return self.answer


@pytest.fixture
def run(nlg: FrontdeskNLG, domain: Domain, tracker: MakeTracker) -> Run:
    """Runs a remote action against an action server that behaves as given."""

    async def action(answer: Any, name: str = "action_track_order", *events: Event) -> list[Event]:
        remote = RemoteAction(name, Endpoint(answer))
        return await remote.run(CollectingOutputChannel(), nlg, tracker(*events), domain)

    return action


def failures(kind: str) -> float:
    labels = {"place": "action_server", "kind": kind}
    return REGISTRY.get_sample_value("frontdesk_failures_total", labels) or 0.0


def text_of(events: list[Event]) -> str:
    return " ".join(str(event.text) for event in events if isinstance(event, BotUttered))


async def test_an_action_server_that_works_is_left_alone(run: Run) -> None:
    events = await run({"events": [{"event": "slot", "name": "email", "value": "a@example.com"}], "responses": []})

    assert events == [SlotSet("email", "a@example.com")]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (aiohttp.ClientConnectionError("refused"), "RasaException"),
        (ClientResponseError(500, "broken", '{"error": "secret"}'), "RasaException"),
        ("no object", "ValidationError"),
    ],
)
async def test_a_broken_action_server_gets_the_apology(run: Run, answer: Any, kind: str) -> None:
    before = sum(failures(name) for name in (kind,))

    events = await run(answer)

    assert text_of(events).startswith("I'm sorry, something on our side")
    assert "secret" not in text_of(events)
    assert events[-1] == FollowupAction("action_listen")
    assert failures(kind) == before + 1


async def test_a_slow_action_server_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, remote_action_run: Any, domain: Domain, nlg: FrontdeskNLG, tracker: MakeTracker
) -> None:
    monkeypatch.setenv(TIMEOUT_VARIABLE, "0.01")
    RemoteAction.run = remote_action_run  # type: ignore[method-assign]
    install_failure_replies()
    before = failures("timeout")

    remote = RemoteAction("action_track_order", Endpoint("never"))
    events = await remote.run(CollectingOutputChannel(), nlg, tracker(), domain)

    assert text_of(events).startswith("I'm sorry")
    assert failures("timeout") == before + 1


async def test_the_apology_is_marked_as_that_response_with_its_button(run: Run) -> None:
    [said] = [event for event in await run(aiohttp.ClientConnectionError()) if isinstance(event, BotUttered)]

    assert said.metadata["utter_action"] == "utter_technical_problem"
    assert [button["payload"] for button in said.data["buttons"]] == ["/talk_to_person"]


async def test_a_form_that_rejects_a_message_still_does(run: Run) -> None:
    with pytest.raises(ActionExecutionRejection):
        await run(ClientResponseError(400, "rejected", '{"action_name": "validate_return_form", "error": "no"}'))


async def test_a_running_form_ends_and_keeps_what_was_said(run: Run) -> None:
    before = [ActiveLoop("return_form"), SlotSet("order_number", "1043"), SlotSet("requested_slot", "email")]

    events = await run(aiohttp.ClientConnectionError(), "action_ask_order_number", *before)

    assert SlotSet("requested_slot", None) in events
    assert ActiveLoop(None) in events
    assert SlotSet("order_number", None) not in events


async def test_a_form_that_is_just_starting_ends_too(run: Run) -> None:
    assert ActiveLoop(None) in await run(aiohttp.ClientConnectionError(), "validate_return_form")


async def test_outside_a_form_nothing_is_ended(run: Run) -> None:
    assert ActiveLoop(None) not in await run(aiohttp.ClientConnectionError())


def test_installing_again_changes_nothing(nlg: FrontdeskNLG) -> None:
    installed = RemoteAction.run

    install_failure_replies()

    assert RemoteAction.run is installed
    assert not hasattr(inspect.unwrap(installed), "replies_on_failure")


def test_rasa_still_calls_the_action_server_the_way_that_is_wrapped(remote_action_run: Any) -> None:
    """If this fails, a new Rasa has changed `RemoteAction.run`: look at rasa_addons/action_failures.py."""
    signature = inspect.signature(remote_action_run)

    assert inspect.iscoroutinefunction(remote_action_run)
    assert remote_action_run.__qualname__ == "RemoteAction.run"
    assert remote_action_run.__module__ == "rasa.core.actions.action"
    assert list(signature.parameters) == ["self", "output_channel", "nlg", "tracker", "domain"]
    assert {parameter.kind for parameter in signature.parameters.values()} == {inspect.Parameter.POSITIONAL_OR_KEYWORD}
