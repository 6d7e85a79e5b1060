"""The action server's calls for the web channel: who may make them, and what they do to the database."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from sanic import Sanic
from sanic.touchup.service import TouchUp

from actions.conversation_calls import add_conversation_calls
from frontdesk.signing import KeyRing, call_secret
from knowledge_base import outcomes
from knowledge_base.database import DatabaseUnavailable
from knowledge_base.schema import MessageFeedback, VerifiedConversation
from tests.unit.actions.conftest import Shop
from tests.unit.actions.shop_orders import ALEX, NOW

SECRET = b"a secret key that only tests use"
SHOP_KEY = b"the key of the shop's site, 32 bytes"
CHANNEL = {"Authorization": f"Bearer {call_secret(SECRET)}"}
_numbers = itertools.count(1)


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the action server inside this process."""
    app = Sanic(f"conversation_calls_{next(_numbers)}", configure_logging=False, register=False)
    app.asgi = True
    add_conversation_calls(app, SECRET, KeyRing({"shop": SHOP_KEY}))
    with pytest.MonkeyPatch.context() as patches:
        for owner, method in TouchUp._registry:  # Sanic compiles these anew, which works once in a process
            patches.setattr(owner, method, getattr(owner, method))
        await app._startup()
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://actions", headers=CHANNEL) as opened:
            yield opened


def statement(email: str = ALEX, key: bytes = SHOP_KEY, **claims: Any) -> str:
    now = int(NOW.timestamp())
    right = {"aud": "frontdesk-identity", "email": email, "iat": now, "exp": now + 60, "jti": "x" * 16}
    return jwt.encode({**right, **claims}, key, algorithm="HS256", headers={"kid": "shop"})


async def call(client: httpx.AsyncClient, name: str, **body: Any) -> tuple[int, Any]:
    answer = await client.post(f"/conversations/{name}", json={"conversation_id": "web-1", **body})
    return answer.status_code, answer.json()


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer wrong", call_secret(SECRET)])
async def test_without_the_channels_secret_nothing_is_done(client: httpx.AsyncClient, shop: Shop, header: str) -> None:
    client.headers["Authorization"] = header

    assert await call(client, "identity", statement=statement()) == (401, {"error": "unauthorised"})
    assert shop.rows(VerifiedConversation) == []


async def test_the_shops_word_makes_the_conversation_the_customers(client: httpx.AsyncClient, shop: Shop) -> None:
    status, answer = await call(client, "identity", statement=statement())

    [row] = shop.rows(VerifiedConversation)
    assert (status, answer) == (200, {"identified_until": row.expires_at.isoformat()})
    assert row.conversation_id == "web-1"


@pytest.mark.parametrize(
    "forged", [statement(key=b"another key of 32 bytes or more...."), statement(exp=1), "nonsense", ""], ids=range(4)
)
async def test_the_channels_secret_alone_makes_nobody_a_customer(
    client: httpx.AsyncClient, shop: Shop, forged: str
) -> None:
    assert await call(client, "identity", statement=forged) == (403, {"error": "identity_invalid"})
    assert shop.rows(VerifiedConversation) == []


async def test_nobody_with_this_email_is_no_error(client: httpx.AsyncClient, shop: Shop) -> None:
    assert await call(client, "identity", statement=statement("nobody@example.com")) == (
        200,
        {"identified_until": None},
    )


async def test_a_customer_is_forgotten(client: httpx.AsyncClient, shop: Shop) -> None:
    await call(client, "identity", statement=statement())

    assert await call(client, "forget") == (200, {})
    assert shop.rows(VerifiedConversation) == []


async def test_feedback_is_kept_read_and_erased(client: httpx.AsyncClient, shop: Shop) -> None:
    kept = {"message_id": "turn.1", "thumbs": "down", "comment": "no"}
    assert await call(client, "feedback", **kept) == (200, {})
    assert await call(client, "thumbs") == (200, {"thumbs": {"turn.1": "down"}})

    status, answer = await call(client, "erase")

    assert (status, answer["erased"]["feedback"]) == (200, 1)
    assert [(row.conversation_id, row.comment) for row in shop.rows(MessageFeedback)] == [(None, None)]


async def test_an_ended_conversation_has_ended_until_its_last_token_has_run_out(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    await call(client, "identity", statement=statement())

    assert await call(client, "ended") == (200, {"ended": False})
    assert await call(client, "end", until=(NOW + timedelta(days=7)).isoformat()) == (200, {})

    assert await call(client, "ended") == (200, {"ended": True})
    assert await call(client, "ended", conversation_id="web-2") == (200, {"ended": False})
    assert shop.rows(VerifiedConversation) == []


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("end", {"until": "tomorrow"}, 400),
        ("end", {"until": "2026-03-10T11:00:00"}, 400),
        ("end", {}, 400),
        ("feedback", {"message_id": "turn.1", "thumbs": "sideways", "comment": ""}, 400),
        ("feedback", {"message_id": 7, "thumbs": "up", "comment": ""}, 400),
        ("feedback", {}, 400),
        ("erase", {"conversation_id": ""}, 400),
        ("erase", {"conversation_id": "a\nb"}, 400),
        ("erase", {"conversation_id": 7}, 400),
        ("something", {}, 404),
    ],
)
async def test_a_call_of_another_form_is_refused(
    client: httpx.AsyncClient, shop: Shop, name: str, body: dict[str, Any], status: int
) -> None:
    assert (await call(client, name, **body))[0] == status


async def test_a_database_that_is_away_is_said_to_be(
    client: httpx.AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise DatabaseUnavailable("locked")

    monkeypatch.setattr(shop.services, "in_transaction", away)

    assert await call(client, "erase") == (503, {"error": "unavailable"})


@pytest.mark.parametrize(
    ("conversation", "topic", "age", "kind"),
    [
        ("web-1", "Descaling", timedelta(seconds=8), "not_answered"),
        ("web-1", "Filters", timedelta(seconds=8), "answered_from_knowledge"),
        ("web-2", "Descaling", timedelta(seconds=8), "answered_from_knowledge"),
        ("web-1", "Descaling", timedelta(minutes=5), "answered_from_knowledge"),
    ],
    ids=["this one", "another topic", "another conversation", "an earlier question"],
)
async def test_an_abstention_takes_back_that_the_question_was_answered(
    client: httpx.AsyncClient, shop: Shop, conversation: str, topic: str, age: timedelta, kind: str
) -> None:
    await shop.services.in_transaction(
        lambda session: outcomes.record(session, conversation, "answered_from_knowledge", topic, NOW - age)
    )

    status, answer = await call(client, "unanswered", topic="Descaling")

    assert (status, answer) == (200, {"changed": kind == "not_answered"})
    assert shop.outcomes() == [(kind, topic)]
