"""Open mode (`require_session: false`, for development): clients of Rasa's REST channel work as with Rasa."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import date

import pytest

from tests.e2e.action_gateway import ActionGateway
from tests.e2e.conftest import System
from tests.e2e.customer import CHANNEL, WEBHOOK, Customer, get, post
from tests.e2e.processes import action_server, environment, free_port, rasa_server, running
from tests.e2e.shop_database import ShopDatabase
from tools.services import LOOPBACK


@pytest.fixture(scope="module")
def system(database: ShopDatabase, tmp_path_factory: pytest.TempPathFactory, today: date) -> Iterator[System]:
    """Takes the place of the assistant that all other tests talk to, which wants a session."""
    folder = tmp_path_factory.mktemp("open_mode")
    actions, rasa = action_server(free_port(), folder / "actions.log"), rasa_server(free_port(), folder / "rasa.log")
    gateway = ActionGateway(actions.port)
    settings = environment(
        database.file,
        FRONTDESK_ACTIONS_PORT=str(actions.port),
        FRONTDESK_ACTIONS_URL=gateway.url,
        FRONTDESK_DEVELOPMENT="1",
    )
    with running([actions, rasa], settings):
        urls = (f"http://{LOOPBACK}:{rasa.port}", f"http://{LOOPBACK}:{actions.port}")
        yield System(*urls, database, gateway, rasa, today)
    gateway.close()


def say(system: System, message: str, **fields: object) -> list[dict[str, object]]:
    """What a stock client sends, and gets."""
    status, content = post(system.url + WEBHOOK, json.dumps({"message": message, **fields}).encode())
    assert status == 200, content
    return list(json.loads(content))


def test_a_client_names_its_sender_and_gets_a_list_of_messages(system: System) -> None:
    sender = uuid.uuid4().hex
    [first] = say(system, "where is my order?", sender=sender)
    [second] = say(system, "1043", sender=sender)

    assert first["recipient_id"] == second["recipient_id"] == sender
    assert "order number" in str(first["text"])
    assert "email address" in str(second["text"])


def test_without_a_sender_two_requests_share_no_conversation(system: System) -> None:
    assert "What's your order number?" in str(say(system, "where is my order?"))
    assert "which email address" not in str(say(system, "1043"))


@pytest.mark.parametrize("sender", ["a\0b", 5, "x" * 129, ["a"]], ids=str)
def test_a_sender_that_no_conversation_may_have_is_refused(system: System, sender: object) -> None:
    status, content = post(system.url + WEBHOOK, json.dumps({"sender": sender, "message": "hello"}).encode())
    assert (status, json.loads(content)["error"]) == (400, "bad_request")


def test_the_conversation_of_a_session_stays_out_of_reach(system: System) -> None:
    customer = Customer(system.url, system.database)
    customer.says("hello")

    body = json.dumps({"sender": customer.sender, "message": "hello"}).encode()
    status, content = post(system.url + WEBHOOK, body)

    assert (status, json.loads(content)["error"]) == (403, "sender_reserved")
    for path in ("/history", "/stream"):
        assert get(f"{system.url}{CHANNEL}{path}?sender={customer.sender}")[0] in (401, 404)


def test_config_says_that_no_session_is_required(system: System) -> None:
    assert json.loads(get(f"{system.url}{CHANNEL}/config")[2])["require_session"] is False
