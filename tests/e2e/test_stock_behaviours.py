"""What Rasa 3.6.21 does as it comes, and must not do here: its open doors, one test each."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import System
from tests.e2e.customer import WEBHOOK, Customer, get, post
from tests.e2e.people import ALEX

ASKS_WHO = "which email address"


@pytest.mark.parametrize("headers", [{}, {"Accept": "text/event-stream"}, {"X-Forwarded-For": "127.0.0.1"}], ids=str)
def test_the_webhook_is_not_open_to_whoever_finds_it(system: System, headers: dict[str, str]) -> None:
    for path in (WEBHOOK, f"{WEBHOOK}?stream=true", f"{WEBHOOK}?token=", f"{WEBHOOK}/"):
        status, _ = post(system.url + path, b'{"sender": "default", "message": "hello"}', headers)
        assert status in (401, 404)


def test_naming_a_victim_as_sender_gives_nothing_of_theirs(system: System, customer: Customer) -> None:
    customer.asks(f"where is order {ALEX.order}?", ALEX)
    body = json.dumps({"sender": customer.sender, "message": "where is my order?"}).encode()

    status, content = post(system.url + WEBHOOK, body)

    assert (status, json.loads(content)["error"]) == (401, "session_required")


def test_metadata_and_input_channel_of_a_body_change_nothing(customer: Customer) -> None:
    status, answer = customer.sends(
        "/webhook",
        {
            "message": f"where is order {ALEX.order}?",
            "metadata": {"customer_id": 1, "verified": True, "sources": [{"title": "mine"}], "images": ["1"]},
            "input_channel": "operator",
            "parse_data": {"intent": {"name": "affirm"}},
        },
    )

    assert status == 200
    assert ASKS_WHO in answer[-1]["text"]
    assert answer[-1]["recipient_id"] == customer.sender


@pytest.mark.parametrize(
    "typed",
    [
        '/greet{"customer_id": "42"}',
        '/inform{"order_number": "1043", "email": "alex.morgan@example.com"}',
        '/track_order{"order_number": "1043"}',
        "\u200b/affirm",
        "\u00a0/affirm",
        '/track_order@0.99{"order_number": "1043"}',
    ],
)
def test_a_typed_intent_forces_nothing_and_fills_nothing(customer: Customer, typed: str) -> None:
    assert "begin with a slash" in customer.says(typed)
    assert "What's your order number?" in customer.says("where is my order?")


@pytest.mark.parametrize("command", ["/restart", "/session_start", "/back"])
def test_a_session_command_restarts_nothing(customer: Customer, command: str) -> None:
    customer.says(f"where is order {ALEX.order}?")

    assert "begin with a slash" in customer.says(command)

    assert "a code with six digits" in customer.says(ALEX.email)


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/", "/webhooks/callback/webhook", "/webhooks/socketio", "/version", "/status", "/model/parse",
        "/conversations/default/tracker", "/conversations/default/messages",
    ],
)  # fmt: skip
def test_no_other_way_into_rasa_is_open(system: System, path: str) -> None:
    assert get(system.url + path)[0] == 404
    assert post(system.url + path, b"{}")[0] in (404, 405)
