"""The wire: request and answer of the REST channel, streaming, the chat page, and what operators look at."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import System
from tests.e2e.customer import CHANNEL, WEBHOOK, Customer, get, post


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b'{"message": ',
        b"[]",
        b'"hello"',
        b"\xff\xfe",
        b'{"message": 5}',
        b'{"message": ["hello"]}',
        b'{"message": {"text": "hello"}}',
        b"[" * 60_000,
    ],
)
def test_a_request_of_the_wrong_form_is_told_what_is_wrong(system: System, customer: Customer, body: bytes) -> None:
    status, content = post(system.url + WEBHOOK, body, customer.headers)
    answer = json.loads(content)
    assert status == 400
    assert answer["error"] == "bad_request"
    assert answer["message"]


def test_a_message_that_is_too_long_says_how_long_one_may_be(customer: Customer) -> None:
    status, answer = customer.sends("/webhook", {"message": "x" * 2001})
    assert (status, answer["error"]) == (413, "message_too_long")
    assert "2000 characters" in answer["message"]


def test_a_null_character_does_no_harm(customer: Customer) -> None:
    assert "which email address" in customer.says("where is order 10\x0043?")


def test_the_answer_has_the_form_of_rasas_rest_channel(system: System, customer: Customer) -> None:
    [message] = customer.says("hello").messages
    assert message["recipient_id"] == customer.sender
    assert isinstance(message["text"], str)
    assert set(message["buttons"][0]) == {"title", "payload"}


def test_a_streamed_answer_is_one_json_message_a_line(system: System, customer: Customer) -> None:
    customer.says("where is order 1043?")
    body = json.dumps({"message": "alex.morgan@example.com"}).encode()
    status, content = post(f"{system.url}{WEBHOOK}?stream=true", body, customer.headers)
    lines = content.decode().splitlines()
    messages = [json.loads(line) for line in lines]
    assert status == 200
    assert len(messages) == 2
    assert "a code with six digits" in messages[0]["text"]
    assert "type the six digits" in messages[1]["text"]


def test_a_streamed_answer_while_the_action_server_is_dead_is_an_apology(system: System, customer: Customer) -> None:
    body = json.dumps({"message": "where is my order?"}).encode()
    with system.gateway.with_trouble("dead"):
        _, content = post(f"{system.url}{WEBHOOK}?stream=true", body, customer.headers)
    [message] = [json.loads(line) for line in content.decode().splitlines()]
    assert "something on our side isn't working" in message["text"]


def test_both_servers_say_that_they_are_alive_and_ready(system: System) -> None:
    assert json.loads(get(f"{system.url}/health")[2]) == {"status": "alive"}
    assert json.loads(get(f"{system.url}/ready")[2])["status"] == "ready"
    assert get(f"{system.actions_url}/health")[0] == 200
    assert json.loads(get(f"{system.actions_url}/ready")[2]) == {"status": "ready"}


def test_both_servers_count_what_they_do(system: System, customer: Customer) -> None:
    customer.says("where is my order?")
    rasa, actions = get(f"{system.url}/metrics"), get(f"{system.actions_url}/metrics")
    assert rasa[1].get_content_type() == "text/plain"
    assert 'frontdesk_turns_total{channel="rest",outcome="answered"}' in rasa[2]
    assert "frontdesk_turn_seconds_bucket" in rasa[2]
    assert 'frontdesk_actions_total{action="validate_track_order_form",outcome="done"}' in actions[2]
    assert customer.sender not in rasa[2] + actions[2]


def test_the_chat_page_comes_with_a_policy_against_foreign_scripts(system: System) -> None:
    status, headers, page = get(f"{system.url}/")
    assert status == 200
    assert headers.get_content_type() == "text/html"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe-inline" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "{{" not in page


@pytest.mark.parametrize("name", ["../operations_channel.py", "%2e%2e%2foperations_channel.py", "missing.js"])
def test_nothing_but_the_pages_own_files_is_served(system: System, name: str) -> None:
    status, _, text = get(f"{system.url}/page/{name}")
    assert status == 404
    assert "import" not in text


@pytest.mark.parametrize("path", ["/conversations/default/tracker", "/model", "/domain", "/status"])
def test_rasas_own_interface_is_closed(system: System, path: str) -> None:
    assert get(system.url + path)[0] == 404


def test_a_client_learns_what_the_channel_can_do(system: System) -> None:
    status, headers, content = get(f"{system.url}{CHANNEL}/config")
    config = json.loads(content)
    assert (status, headers.get_content_type()) == (200, "application/json")
    assert config["require_session"] is True
    assert config["features"] == {
        "streaming": True, "history": True, "feedback": True, "erase": True, "identity": True, "images": False,
    }  # fmt: skip
    assert config["limits"]["message_characters"] == 2000
    assert config["colour"].startswith("#")
    assert config["name"]


@pytest.mark.parametrize("call", ["identity", "forget", "feedback", "thumbs", "erase"])
def test_the_action_server_does_nothing_for_a_caller_without_the_channels_secret(system: System, call: str) -> None:
    body = json.dumps({"conversation_id": "web-1"}).encode()
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        status, content = post(f"{system.actions_url}/conversations/{call}", body, headers)
        assert (status, json.loads(content)) == (401, {"error": "unauthorised"})


def test_an_error_of_the_action_server_echoes_nothing(system: System) -> None:
    status, content = post(f"{system.actions_url}/webhook", b'{"next_action": "action_secret_thing", "tracker": {}}')
    assert status >= 400
    assert b"Traceback" not in content
