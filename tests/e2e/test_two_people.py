"""Two people at the web channel: whatever one sends, the other's conversation stays the other's."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest

from tests.e2e.conftest import NewCustomer, System
from tests.e2e.customer import CHANNEL, WEBHOOK, Customer, begin_session, post, send
from tests.e2e.event_reader import events_of_turn
from tests.e2e.people import ALEX, PRIYA, Person
from tests.e2e.shop_database import ShopDatabase
from tests.e2e.shop_site import statement

SESSION_REQUESTS = [
    ("POST", "/webhook", {"message": "hello"}),
    ("POST", "/session/renew", {}),
    ("POST", "/identity", {"identity": "x"}),
    ("DELETE", "/identity", {}),
    ("GET", "/history", None),
    ("GET", "/stream", None),
    ("POST", "/stop", {"turn": "0" * 32}),
    ("POST", "/feedback", {"message_id": "x", "thumbs": "up"}),
    ("POST", "/end", {"erase": True}),
]


@pytest.fixture
def alex(new_customer: NewCustomer) -> Customer:
    """A customer who has proved to be Alex, and has seen the order."""
    customer = new_customer()
    assert f"Order {ALEX.order}" in customer.asks(f"where is order {ALEX.order}?", ALEX)
    return customer


@pytest.fixture
def mallory(new_customer: NewCustomer) -> Customer:
    """Somebody with a session of their own, and no right to anything."""
    return new_customer()


def without_signature(token: str, **claims: Any) -> str:
    """The token with other claims, its signature as it was."""
    head, body, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    forged = base64.urlsafe_b64encode(json.dumps({**said, **claims}).encode()).rstrip(b"=").decode()
    return f"{head}.{forged}.{signature}"


@pytest.mark.parametrize(("method", "path", "body"), SESSION_REQUESTS, ids=lambda part: str(part)[:16])
def test_nothing_is_done_without_a_token_or_with_a_forged_one(
    system: System, alex: Customer, mallory: Customer, method: str, path: str, body: Any
) -> None:
    token = mallory.session["token"]
    unsigned = jwt.encode(jwt.decode(token, options={"verify_signature": False}), "", algorithm="none")
    other_key = jwt.encode(
        {**jwt.decode(token, options={"verify_signature": False}), "sub": alex.sender},
        "a key that Mallory made up, which is long enough", algorithm="HS256", headers={"kid": "derived"},
    )  # fmt: skip
    forged = [
        "",
        "x",
        "Bearer",
        without_signature(token, sub=alex.sender),
        token[:-4],
        unsigned,
        other_key,
        alex.sender,
    ]
    content = None if body is None else json.dumps(body).encode()
    event = {"Last-Event-ID": "0" * 32 + ":0"}

    status, answer = send(method, f"{system.url}{CHANNEL}{path}", content, event)
    assert (status, json.loads(answer)["error"]) == (401, "session_required")
    for one in forged:
        status, answer = send(
            method, f"{system.url}{CHANNEL}{path}", content, {**event, "Authorization": f"Bearer {one}"}
        )
        assert (status, json.loads(answer)["error"]) == (401, "session_invalid"), one
    assert len(alex.history()) == 8


def test_a_body_that_names_anothers_conversation_speaks_in_ones_own(alex: Customer, mallory: Customer) -> None:
    before = alex.history()

    status, answer = mallory.sends("/webhook", {"sender": alex.sender, "message": f"where is order {ALEX.order}?"})

    assert status == 200
    assert answer[0]["recipient_id"] == mallory.sender
    assert "which email address" in answer[0]["text"]
    assert alex.history() == before


def test_nobody_reads_anothers_history(alex: Customer, mallory: Customer) -> None:
    mallory.says("hello")

    texts = [message["text"] for message in mallory.history()]

    assert texts[0] == "hello"
    assert ALEX.order not in json.dumps(texts)
    assert ALEX.order in json.dumps(alex.history())


@pytest.mark.parametrize(
    "command", ["/restart", "/session_start", '/inform{"order_number": "1043"}', "/affirm", "/stop"]
)
def test_nobody_restarts_or_steers_a_conversation_by_a_command(alex: Customer, mallory: Customer, command: str) -> None:
    before = alex.history()

    for someone in (alex, mallory):
        assert "begin with a slash" in someone.says(command)

    assert alex.history() == before
    assert "Order" in alex.says("where is my order?")


def test_a_button_of_anothers_conversation_is_a_command_like_any(alex: Customer, mallory: Customer) -> None:
    shown = alex.says("cancel my order")
    assert shown.buttons

    assert "begin with a slash" in mallory.says(shown.payload(shown.buttons[0]) or "")


def test_nobody_reads_or_stops_anothers_stream(alex: Customer, mallory: Customer) -> None:
    with events_of_turn(alex, "where is my order?") as events:
        turn = next(events).id.partition(":")[0]
        stolen = mallory.sends("/stream", method="GET", **{"Last-Event-ID": f"{turn}:0"})
        stopped = mallory.sends("/stop", {"turn": turn})
        arrived = list(events)

    assert [(status, body["error"]) for status, body in (stolen, stopped)] == [(404, "not_found")] * 2
    assert arrived[-1].name == "done"


def test_nobody_rates_anothers_messages(alex: Customer, mallory: Customer, shop: ShopDatabase) -> None:
    message = alex.history()[-1]["id"]

    status, answer = mallory.sends("/feedback", {"message_id": message, "thumbs": "down"})

    assert (status, answer["error"]) == (404, "not_found")
    assert shop.rows("SELECT * FROM message_feedback") == []


def test_what_one_erases_is_ones_own(alex: Customer, mallory: Customer) -> None:
    before = alex.history()
    mallory.says("hello")

    status, answer = mallory.sends("/end", {"erase": True, "sender": alex.sender, "conversation_id": alex.sender})

    assert (status, answer) == (200, {"erased": True})
    assert mallory.sends("/history", method="GET")[0] == 401
    assert alex.history() == before
    assert f"Order {ALEX.order}" in alex.says("where is my order?")


# Who is signed in on the shop's site -----------------------------------------------------------------------------


def test_a_signed_in_customer_needs_no_code(system: System, shop: ShopDatabase) -> None:
    customer = Customer(system.url, shop, identity=statement(ALEX.email))

    assert customer.session["identified_until"]
    assert f"Order {ALEX.order}" in customer.says(f"where is order {ALEX.order}?")
    assert shop.codes_mailed_to(ALEX.email) == []


@pytest.mark.parametrize(
    "forged",
    [
        {"key": "another key than the shop's site has, also long enough"},
        {"name": "unknown"},
        {"aud": "frontdesk-chat"},
        {"exp": 1_600_000_000},
        {"exp": 4_000_000_000},
        {"iat": 4_000_000_000, "exp": 4_000_000_300},
        {"jti": "short"},
        {"email": 7},
    ],
    ids=str,
)
def test_a_statement_that_the_shop_did_not_make_so_is_refused(
    system: System, mallory: Customer, forged: dict[str, Any]
) -> None:
    email = forged.pop("email", ALEX.email)
    text = statement(email, **forged)

    status, content = post(f"{system.url}{CHANNEL}/session", json.dumps({"identity": text}).encode())
    assert (status, json.loads(content)["error"]) == (401, "identity_invalid")
    status, answer = mallory.sends("/identity", {"identity": text})
    assert (status, answer["error"]) == (401, "identity_invalid")
    assert "which email address" in mallory.says(f"where is order {ALEX.order}?")


def test_a_session_token_is_no_statement_and_a_statement_no_token(system: System, mallory: Customer) -> None:
    status, answer = mallory.sends("/identity", {"identity": mallory.session["token"]})
    assert (status, answer["error"]) == (401, "identity_invalid")

    headers = {"Authorization": f"Bearer {statement(ALEX.email)}"}
    status, content = post(f"{system.url}{WEBHOOK}", b'{"message": "hello"}', headers)
    assert (status, json.loads(content)["error"]) == (401, "session_invalid")


def test_a_statement_that_leaked_is_of_no_use_in_another_conversation(system: System, mallory: Customer) -> None:
    leaked = statement(ALEX.email)
    begin_session(system.url, identity=leaked)

    status, answer = mallory.sends("/identity", {"identity": leaked})

    assert (status, answer["error"]) == (401, "identity_invalid")
    assert "which email address" in mallory.says(f"where is order {ALEX.order}?")


@pytest.mark.parametrize("person", [PRIYA], ids=lambda person: person.email)
def test_a_conversation_never_becomes_another_customers(alex: Customer, person: Person) -> None:
    status, answer = alex.sends("/identity", {"identity": statement(person.email)})

    assert (status, answer["error"]) == (409, "other_customer")
    assert f"Order {ALEX.order}" in alex.says(f"where is order {ALEX.order}?")


def test_who_signs_out_is_asked_for_a_code_again(system: System, shop: ShopDatabase) -> None:
    customer = Customer(system.url, shop, identity=statement(ALEX.email))

    assert customer.sends("/identity", method="DELETE") == (204, None)

    assert "which email address" in customer.says(f"where is order {ALEX.order}?")


def test_a_customer_whom_the_shop_does_not_know_is_asked_for_a_code(system: System, shop: ShopDatabase) -> None:
    customer = Customer(system.url, shop, identity=statement("nobody@example.com"))

    assert customer.session["identified_until"] is None
    assert "which email address" in customer.says(f"where is order {ALEX.order}?")
