"""Sessions of the web channel: who gets a token, how long it is good, and what changes of keys do to it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import jwt
import pytest

from frontdesk.signing import KeyRing
from rasa_addons.web.errors import ChannelError
from rasa_addons.web.sessions import Session, Sessions
from rasa_addons.web.settings import WebSettings
from rasa_addons.web.shared_state import MemoryState
from rasa_addons.web_channel import WebChannel
from tests.unit.rasa_addons.conftest import SESSION_KEY, FakeAgent, Serve, open_channel, web_settings

CHANNEL = "/webhooks/rest"
WEBHOOK = f"{CHANNEL}/webhook"
NEW_KEY = b"the key that comes after, 32 bytes too"
BEGINNING = datetime(2026, 3, 10, 11, 0, tzinfo=timezone.utc)


class Request:
    """A request with a token, as `Sessions` sees it."""

    def __init__(self, token: str | None) -> None:
        self.headers = {} if token is None else {"authorization": f"Bearer {token}"}


class Clock:
    """The time, as a test sets it."""

    def __init__(self) -> None:
        self.now = BEGINNING

    def __call__(self) -> datetime:
        return self.now


def strict_channel(**changes: Any) -> WebChannel:
    return open_channel(require_session=True, **changes)


class Database:
    """What outlives a server: the conversations that have ended. Counts how often it is asked."""

    def __init__(self) -> None:
        self.ended: set[str] = set()
        self.asked = 0

    async def __call__(self, conversation: str) -> bool:
        self.asked += 1
        return conversation in self.ended


def sessions(clock: Clock, settings: WebSettings | None = None, database: Database | None = None) -> Sessions:
    """What a server knows that has just started."""
    return Sessions(settings or web_settings(require_session=True), MemoryState(), database or Database(), clock)


async def accepted(instance: Sessions, token: str) -> bool:
    """Whether a token counts."""
    try:
        return await instance.of(Request(token)) is not None  # type: ignore[arg-type]
    except ChannelError as error:
        assert error.code == "session_invalid"
        return False


async def begun(client: Any) -> dict[str, str]:
    """The headers of a new session."""
    answer = await client.post(f"{CHANNEL}/session")
    assert answer.status_code == 201
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def test_a_message_without_a_token_gets_401_and_does_not_reach_the_dialogue(
    serve: Serve, agent: FakeAgent
) -> None:
    async with serve(strict_channel()) as client:
        for headers in ({}, {"Accept": "text/event-stream"}):
            answer = await client.post(WEBHOOK, json={"sender": "me", "message": "hi"}, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (401, "session_required")

    assert agent.received == []


async def test_a_session_has_a_conversation_that_the_server_drew(serve: Serve, agent: FakeAgent) -> None:
    async with serve(strict_channel()) as client:
        for _ in range(2):
            headers = await begun(client)
            for _ in range(2):
                answer = await client.post(WEBHOOK, json={"sender": "web-mine", "message": "hi"}, headers=headers)
                assert answer.status_code == 200

    first, again, second, _ = [str(message.sender_id) for message in agent.received]
    assert first == again != second
    assert first.startswith("web-") and len(first) == len("web-") + 32


async def test_a_session_says_how_long_it_is_good_and_is_kept_by_no_cache(serve: Serve) -> None:
    async with serve(strict_channel()) as client:
        answer = await client.post(f"{CHANNEL}/session", json={})

    body = answer.json()
    assert 86_390 <= body["expires_in"] <= 86_400
    assert body["expires_at"] < body["renew_until"]
    assert body["identified_until"] is None
    assert answer.headers["cache-control"] == "no-store"


async def test_a_token_has_audience_expiry_and_an_id_of_its_own(serve: Serve) -> None:
    async with serve(strict_channel()) as client:
        tokens = [(await begun(client))["Authorization"].removeprefix("Bearer ") for _ in range(2)]

    claims = [jwt.decode(token, SESSION_KEY, algorithms=["HS256"], audience="frontdesk-chat") for token in tokens]
    assert {"aud", "sub", "jti", "iat", "exp"} <= set(claims[0])
    assert claims[0]["jti"] != claims[1]["jti"]
    assert jwt.get_unverified_header(tokens[0])["kid"] == "now"


async def test_in_open_mode_a_sessions_conversation_cannot_be_named(serve: Serve, agent: FakeAgent) -> None:
    async with serve(open_channel()) as client:
        headers = await begun(client)
        await client.post(WEBHOOK, json={"message": "hi"}, headers=headers)
        answer = await client.post(WEBHOOK, json={"sender": agent.received[0].sender_id, "message": "hi"})

    assert (answer.status_code, answer.json()["error"]) == (403, "sender_reserved")
    assert len(agent.received) == 1


@pytest.mark.parametrize("path", ["/history", "/stream"])
async def test_in_open_mode_what_reads_a_conversation_still_wants_a_token(serve: Serve, path: str) -> None:
    async with serve(open_channel()) as client:
        answer = await client.get(f"{CHANNEL}{path}", headers={"Last-Event-ID": "0" * 32 + ":0"})

    assert (answer.status_code, answer.json()["error"]) == (401, "session_required")


async def test_a_token_runs_out() -> None:
    clock = Clock()
    instance = sessions(clock)
    token = (await instance.begin()).token

    clock.now += timedelta(hours=24, seconds=-1)
    assert await accepted(instance, token)
    clock.now += timedelta(seconds=1)
    assert not await accepted(instance, token)


async def test_a_conversation_is_renewed_for_a_week_and_keeps_its_id() -> None:
    clock = Clock()
    instance = sessions(clock)
    issued = await instance.begin()
    conversation, renewals = issued.session.conversation, 0

    while issued.session.expires_at < issued.renew_until:
        clock.now += timedelta(hours=20)
        issued = instance.renew(issued.session)
        renewals += 1

    assert renewals == 8
    assert issued.session.conversation == conversation
    assert issued.renew_until == BEGINNING + timedelta(days=7)
    clock.now = issued.renew_until
    assert not await accepted(instance, issued.token)
    with pytest.raises(ChannelError, match="has ended"):
        instance.renew(issued.session)


async def test_after_a_change_of_keys_old_tokens_are_good_until_the_old_key_is_taken_out() -> None:
    clock = Clock()
    old = (await sessions(clock).begin()).token
    rotated = sessions(clock, web_settings(session_keys=KeyRing({"next": NEW_KEY, "now": SESSION_KEY})))
    finished = sessions(clock, web_settings(session_keys=KeyRing({"next": NEW_KEY})))
    new = (await rotated.begin()).token

    assert await accepted(rotated, old)
    assert not await accepted(finished, old)
    assert await accepted(finished, new)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "frontdesk-identity"},
        {"sub": "somebody"},
        {"sub": 7},
        {"began": "yesterday"},
        {"exp": "9999999999"},
        {"jti": None},
    ],
    ids=str,
)
async def test_a_token_of_another_form_does_not_count_even_if_it_is_signed(claims: dict[str, Any]) -> None:
    clock = Clock()
    now = int(BEGINNING.timestamp())
    right = {"aud": "frontdesk-chat", "sub": "web-1", "jti": "1", "iat": now, "exp": now + 60, "began": now}
    said = {name: value for name, value in {**right, **claims}.items() if value is not None}

    def signed(content: dict[str, Any]) -> str:
        return jwt.encode(content, SESSION_KEY, algorithm="HS256", headers={"kid": "now"})

    assert await accepted(sessions(clock), signed(right))
    assert not await accepted(sessions(clock), signed(said))


async def test_an_ended_session_does_not_count_and_its_renewed_tokens_neither() -> None:
    instance = sessions(Clock())
    issued = await instance.begin()
    renewed = instance.renew(issued.session)

    await instance.end(issued.session)

    assert not await accepted(instance, issued.token)
    assert not await accepted(instance, renewed.token)


async def test_an_ended_session_stays_dead_after_a_restart_and_others_go_on() -> None:
    clock, database = Clock(), Database()
    before = sessions(clock, database=database)
    ended, other = await before.begin(), await before.begin()
    database.ended.add(ended.session.conversation)

    after = sessions(clock, database=database)

    assert not await accepted(after, ended.token)
    assert [await accepted(after, other.token) for _ in range(3)] == [True] * 3
    assert database.asked == 2  # once for each conversation


async def test_a_server_that_began_a_conversation_does_not_ask_the_database() -> None:
    database = Database()
    instance = sessions(Clock(), database=database)

    assert await accepted(instance, (await instance.begin()).token)
    assert database.asked == 0


async def test_who_ends_a_conversation_while_the_database_is_asked_has_ended_it() -> None:
    clock = Clock()
    token = (await sessions(clock).begin()).token

    class EndsMeanwhile(Database):
        async def __call__(self, conversation: str) -> bool:
            await instance.end(Session(conversation, BEGINNING, BEGINNING))
            return False

    instance = sessions(clock, database=EndsMeanwhile())

    assert not await accepted(instance, token)


async def test_an_end_that_could_not_be_kept_is_no_end() -> None:
    instance = sessions(Clock())
    issued = await instance.begin()

    assert await instance.end(issued.session) == issued.renew_until
    await instance.take_back_end(issued.session)

    assert await accepted(instance, issued.token)
