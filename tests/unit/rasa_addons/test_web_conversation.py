"""Requests on a conversation beside messages: identity, history, feedback, end and erase."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from rasa.core.channels.channel import UserMessage
from rasa.shared.core.events import BotUttered, UserUttered

from rasa_addons.web.sessions import Issued
from rasa_addons.web.shared_state import MemoryState
from rasa_addons.web.tracker_erasure import CannotErase
from rasa_addons.web_channel import WebChannel
from tests.unit.rasa_addons.conftest import IDENTITY_KEY, FakeAgent, Serve, web_settings

CHANNEL = "/webhooks/rest"
TURN = "0" * 32


class ActionServer:
    """Stands in for the action server's calls; tests/e2e has the real one."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Callable[[], httpx.Response]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer secret"
        assert str(request.url).startswith("http://actions.example/conversations/")
        name = request.url.path.rsplit("/", 1)[1]
        self.calls.append((name, json.loads(request.content)))
        return self.answers.get(name, lambda: httpx.Response(200, json={}))()

    def says(self, name: str, status: int, body: Any) -> None:
        self.answers[name] = lambda: httpx.Response(status, json=body)

    def named(self) -> list[str]:
        return [name for name, _ in self.calls]


@pytest.fixture
def actions() -> ActionServer:
    return ActionServer()


@pytest.fixture
def channel(actions: ActionServer) -> WebChannel:
    return WebChannel(web_settings(require_session=True), httpx.MockTransport(actions))


def statement(channel: WebChannel, jti: str = "x" * 16) -> str:
    now = int(channel.sessions._clock().timestamp())
    claims = {"aud": "frontdesk-identity", "email": "a@example.com", "iat": now, "exp": now + 60, "jti": jti}
    return jwt.encode(claims, IDENTITY_KEY, algorithm="HS256", headers={"kid": "shop"})


class Session:
    """A client with a session."""

    def __init__(self, issued: Issued, client: Any) -> None:
        self.conversation = issued.session.conversation
        self._client = client
        self._headers = {"Authorization": f"Bearer {issued.token}"}

    async def post(self, path: str, body: Any = None) -> httpx.Response:
        answer: httpx.Response = await self._client.post(f"{CHANNEL}{path}", json=body or {}, headers=self._headers)
        return answer

    async def get(self, path: str) -> httpx.Response:
        answer: httpx.Response = await self._client.get(f"{CHANNEL}{path}", headers=self._headers)
        return answer


async def begin(channel: WebChannel, client: Any) -> Session:
    return Session(await channel.sessions.begin(), client)


def exchange(*answers: BotUttered) -> list[Any]:
    return [UserUttered("where is it", input_channel="rest", message_id=TURN), *answers]


# History -------------------------------------------------------------------------------------------------------------


async def test_history_has_the_messages_with_the_ids_that_the_stream_gave_them(
    serve: Serve, agent: FakeAgent, channel: WebChannel
) -> None:
    buttons = [{"title": "Yes, please", "payload": "/affirm"}]
    async with serve(channel) as client:
        session = await begin(channel, client)
        await agent.remembers(
            session.conversation,
            *exchange(
                BotUttered("One.\n\nStill one.", {"buttons": buttons}, {"metadata": {"sources": [{"title": "T"}]}}),
                BotUttered(None, {"custom": {"type": "handoff", "ticket": "T1", "ahead": 0}}),
            ),
            UserUttered("/affirm", input_channel="rest", message_id="1" * 32),
            UserUttered("/session_start", input_channel="rest", message_id="2" * 32),
        )
        body = (await session.get("/history")).json()

    said = [{key: value for key, value in message.items() if key != "at"} for message in body["messages"]]
    assert said == [
        {"id": TURN, "role": "customer", "text": "where is it"},
        {
            "id": f"{TURN}.1",
            "role": "assistant",
            "text": "One.\n\nStill one.",
            "buttons": buttons,
            "sources": [{"title": "T"}],
        },
        {"id": f"{TURN}.2", "role": "assistant", "custom": {"type": "handoff", "ticket": "T1", "ahead": 0}},
        {"id": "1" * 32, "role": "customer", "text": "Yes, please"},
    ]
    assert all(message["at"].endswith("Z") for message in body["messages"])
    assert (body["handoff"], body["more"]) == ({"ticket": "T1", "ahead": 0}, False)


async def test_a_streamed_message_and_history_name_it_alike(
    serve: Serve, agent: FakeAgent, channel: WebChannel
) -> None:
    async def turn(message: UserMessage) -> None:
        said = BotUttered("Hello.")
        await agent.remembers(
            str(message.sender_id),
            UserUttered(message.text, input_channel="rest", message_id=message.message_id),
            said,
        )
        await message.output_channel.send_response(message.sender_id, said.message())  # type: ignore[union-attr]

    agent.turn = turn
    async with serve(channel) as client:
        session = await begin(channel, client)
        session._headers["Accept"] = "text/event-stream"
        streamed = (await session.post("/webhook", {"message": "hi"})).text
        history = (await session.get("/history")).json()["messages"]

    assert f'"id": "{history[1]["id"]}"' in streamed


async def test_a_new_conversation_has_an_empty_history(
    serve: Serve, channel: WebChannel, actions: ActionServer
) -> None:
    async with serve(channel) as client:
        body = (await (await begin(channel, client)).get("/history")).json()

    assert body == {"messages": [], "handoff": None, "feedback": {}, "more": False}
    assert actions.calls == []


async def test_of_a_long_conversation_the_end_is_shown(serve: Serve, agent: FakeAgent, channel: WebChannel) -> None:
    async with serve(channel) as client:
        session = await begin(channel, client)
        await agent.remembers(session.conversation, *(BotUttered(f"{number}") for number in range(201)))
        body = (await session.get("/history")).json()

    assert (len(body["messages"]), body["messages"][-1]["text"], body["more"]) == (200, "200", True)


async def test_history_works_without_the_action_server(
    serve: Serve, agent: FakeAgent, channel: WebChannel, actions: ActionServer
) -> None:
    actions.says("thumbs", 503, {"error": "unavailable"})
    async with serve(channel) as client:
        session = await begin(channel, client)
        await agent.remembers(session.conversation, *exchange())
        answer = await session.get("/history")

    assert (answer.status_code, len(answer.json()["messages"]), answer.json()["feedback"]) == (200, 1, {})


# Feedback ------------------------------------------------------------------------------------------------------------


async def test_feedback_reaches_the_database_clean(
    serve: Serve, agent: FakeAgent, channel: WebChannel, actions: ActionServer
) -> None:
    async with serve(channel) as client:
        session = await begin(channel, client)
        await agent.remembers(session.conversation, *exchange(BotUttered("Here.")))
        body = {"message_id": f"{TURN}.1", "thumbs": "down", "comment": " no\u200b good "}
        answer = await session.post("/feedback", body)

    assert answer.status_code == 204
    assert actions.calls == [
        (
            "feedback",
            {
                "conversation_id": session.conversation,
                "message_id": f"{TURN}.1",
                "thumbs": "down",
                "comment": "no good",
            },
        )
    ]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"thumbs": "sideways"}, 400, "bad_request"),
        ({"thumbs": 1}, 400, "bad_request"),
        ({"comment": ["x"]}, 400, "bad_request"),
        ({"comment": "x" * 1001}, 400, "bad_request"),
        ({"message_id": f"{TURN}.2"}, 404, "not_found"),
        ({"message_id": TURN}, 404, "not_found"),  # the customer's own
        ({"message_id": None}, 404, "not_found"),
    ],
)
async def test_feedback_of_another_form_or_on_another_message_is_refused(
    serve: Serve,
    agent: FakeAgent,
    channel: WebChannel,
    actions: ActionServer,
    change: dict[str, Any],
    status: int,
    code: str,
) -> None:
    async with serve(channel) as client:
        session = await begin(channel, client)
        await agent.remembers(session.conversation, *exchange(BotUttered("Here.")))
        answer = await session.post("/feedback", {"message_id": f"{TURN}.1", "thumbs": "up", **change})

    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert actions.calls == []


# Who is signed in ----------------------------------------------------------------------------------------------------


async def test_a_statement_is_passed_on_as_it_is(serve: Serve, channel: WebChannel, actions: ActionServer) -> None:
    actions.says("identity", 200, {"identified_until": "2026-03-10T11:30:00+00:00"})
    async with serve(channel) as client:
        session = await begin(channel, client)
        text = statement(channel)
        answer = await session.post("/identity", {"identity": text})

    assert answer.json() == {"identified_until": "2026-03-10T11:30:00Z"}
    assert actions.calls == [("identity", {"conversation_id": session.conversation, "statement": text})]


async def test_a_statement_serves_one_conversation(serve: Serve, channel: WebChannel, actions: ActionServer) -> None:
    text = statement(channel)
    async with serve(channel) as client:
        one, other = await begin(channel, client), await begin(channel, client)
        statuses = [(await who.post("/identity", {"identity": text})).status_code for who in (one, one, other)]

    assert statuses == [200, 200, 401]
    assert len(actions.calls) == 2


async def test_where_the_shop_signs_nothing_a_statement_is_not_offered(serve: Serve, actions: ActionServer) -> None:
    signing = WebChannel(web_settings(), httpx.MockTransport(actions))
    plain = WebChannel(web_settings(identity_keys=web_settings().identity_keys.parse("", "X")))
    async with serve(plain) as client:
        answer = await (await begin(plain, client)).post("/identity", {"identity": statement(signing)})

    assert (answer.status_code, answer.json()["error"]) == (404, "not_offered")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (409, {"error": "other_customer"}, (409, "other_customer")),
        (403, {"error": "identity_invalid"}, (401, "identity_invalid")),
        (401, {"error": "unauthorised"}, (503, "unavailable")),
        (500, {"error": "boom"}, (503, "unavailable")),
        (200, ["no object"], (503, "unavailable")),
    ],
)
async def test_what_the_action_server_refuses_is_told(
    serve: Serve, channel: WebChannel, actions: ActionServer, status: int, body: Any, expected: tuple[int, str]
) -> None:
    actions.says("identity", status, body)
    async with serve(channel) as client:
        answer = await (await begin(channel, client)).post("/identity", {"identity": statement(channel)})

    assert (answer.status_code, answer.json()["error"]) == expected


# End and erase -------------------------------------------------------------------------------------------------------


async def test_who_ends_a_conversation_is_forgotten_and_the_token_with_them(
    serve: Serve, agent: FakeAgent, channel: WebChannel, actions: ActionServer
) -> None:
    async with serve(channel) as client:
        session = await begin(channel, client)
        await agent.remembers(session.conversation, *exchange())
        answer = await session.post("/end")
        after = await session.post("/webhook", {"message": "hi"})

    assert answer.status_code == 204
    assert actions.named() == ["end"]
    assert (after.status_code, after.json()["error"]) == (401, "session_invalid")
    assert await agent.tracker_store.retrieve(session.conversation) is not None


async def test_erasing_takes_database_tracker_and_stream(
    serve: Serve, agent: FakeAgent, channel: WebChannel, actions: ActionServer
) -> None:
    async with serve(channel) as client:
        session, other = await begin(channel, client), await begin(channel, client)
        for one in (session, other):
            await agent.remembers(one.conversation, *exchange())
        answer = await session.post("/end", {"erase": True})

    assert answer.json() == {"erased": True}
    assert actions.named() == ["erase", "end"]
    assert {body["conversation_id"] for _, body in actions.calls} == {session.conversation}
    assert list(await agent.tracker_store.keys()) == [other.conversation]


async def test_what_cannot_be_erased_now_has_not_ended(
    serve: Serve, agent: FakeAgent, channel: WebChannel, actions: ActionServer
) -> None:
    actions.says("erase", 503, {"error": "unavailable"})
    actions.says("ended", 200, {"ended": False})
    async with serve(channel) as client:
        session = await begin(channel, client)
        await agent.remembers(session.conversation, *exchange())
        answer = await session.post("/end", {"erase": True})
        after = await session.get("/history")

    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
    assert len(after.json()["messages"]) == 1


@pytest.mark.parametrize("erase", [False, True])
async def test_an_end_that_the_database_does_not_keep_is_none_and_can_be_tried_again(
    serve: Serve, agent: FakeAgent, channel: WebChannel, actions: ActionServer, erase: bool
) -> None:
    actions.says("ended", 200, {"ended": False})
    async with serve(channel) as client:
        session = await begin(channel, client)
        actions.says("end", 503, {"error": "unavailable"})
        failed = await session.post("/end", {"erase": erase})
        actions.says("end", 200, {})
        again = await session.post("/end", {"erase": erase})

    assert (failed.status_code, failed.json()["error"]) == (503, "unavailable")
    assert again.status_code == (200 if erase else 204)


@pytest.mark.parametrize(("status", "body"), [(503, {"error": "unavailable"}), (200, {}), (200, {"ended": "no"})])
async def test_where_the_database_does_not_say_whether_a_session_has_ended_it_is_not_let_in(
    serve: Serve, agent: FakeAgent, channel: WebChannel, actions: ActionServer, status: int, body: Any
) -> None:
    actions.says("ended", status, body)
    async with serve(channel) as client:
        session = await begin(channel, client)
        await channel.state.forget(f"standing:{session.conversation}")  # as after a restart
        answer = await session.post("/webhook", {"message": "hi"})

    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
    assert agent.received == []


async def test_a_tracker_store_that_keeps_everything_for_ever_is_an_error(
    serve: Serve, agent: FakeAgent, channel: WebChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cannot(*_: Any) -> None:
        raise CannotErase("no conversation can be taken out of a Ledger")

    monkeypatch.setattr("rasa_addons.web.conversation.erase_tracker", cannot)
    async with serve(channel) as client:
        answer = await (await begin(channel, client)).post("/end", {"erase": True})

    assert answer.status_code == 503


async def test_a_turn_that_is_under_way_is_not_written_back_after_the_erasure(
    serve: Serve, agent: FakeAgent, channel: WebChannel
) -> None:
    async with serve(channel) as client:
        session = await begin(channel, client)
        await agent.remembers(session.conversation, *exchange())
        agent.lock_store.issue_ticket(session.conversation)
        lock = agent.lock_store.get_lock(session.conversation)
        assert lock is not None
        seen: list[bool] = []

        async def finish(*_: Any) -> None:
            seen.append(await agent.tracker_store.retrieve(session.conversation) is not None)
            lock.remove_ticket_for(0)

        original = channel.sessions.end

        async def end(what: Any) -> Any:
            asyncio.get_running_loop().call_later(0.1, lambda: asyncio.ensure_future(finish()))
            return await original(what)

        channel.sessions.end = end  # type: ignore[method-assign]
        answer = await session.post("/end", {"erase": True})

    assert answer.json() == {"erased": True}
    assert seen == [True]
    assert await agent.tracker_store.retrieve(session.conversation) is None


# The rest ------------------------------------------------------------------------------------------------------------


async def test_config_names_the_brand_and_what_works(serve: Serve, channel: WebChannel) -> None:
    async with serve(channel) as client:
        config = (await client.get(f"{CHANNEL}/config")).json()

    assert config["require_session"] is True
    assert config["features"]["identity"] is True
    assert config["limits"] == {"message_characters": 2000, "comment_characters": 1000, "resume_seconds": 120}
    assert config["colour"].startswith("#") and config["name"] and config["languages"] == ["en"]


async def test_the_widget_is_one_script_that_any_page_may_load(
    serve: Serve, channel: WebChannel, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    from rasa_addons.web import widget_file

    script = tmp_path / "support-chat.js"
    script.write_text("export {};\n", encoding="utf-8")
    monkeypatch.setattr(widget_file, "FILE", script)
    widget_file._content.cache_clear()
    async with serve(channel) as client:
        answer = await client.get(f"{CHANNEL}/support-chat.js")
        again = await client.get(f"{CHANNEL}/support-chat.js", headers={"If-None-Match": answer.headers["etag"]})
    widget_file._content.cache_clear()

    assert (answer.status_code, answer.text) == (200, "export {};\n")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert (again.status_code, again.text) == (304, "")


async def test_keys_run_out_and_counts_begin_anew() -> None:
    now = [0.0]
    state = MemoryState(lambda: now[0])

    assert [await state.count("a", 60), await state.count("a", 60), await state.count("b", 60)] == [1, 2, 1]
    assert [await state.claim("c", "first", 60), await state.claim("c", "second", 60)] == ["first", "first"]
    now[0] = 60.0
    assert await state.count("a", 60) == 1
    assert await state.value("c") is None
