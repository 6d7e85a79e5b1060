"""Two Rasa servers side by side, with their locks and what the channel shares in Redis and one tracker store.

A load balancer may send each request of a conversation to either of them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pytest

from tests.e2e.action_gateway import ActionGateway
from tests.e2e.brand_hours import always_open
from tests.e2e.conftest import System
from tests.e2e.customer import Customer
from tests.e2e.event_reader import events_after, events_of_turn
from tests.e2e.people import ALEX
from tests.e2e.processes import action_server, environment, free_port, rasa_server, running
from tests.e2e.redis_server import NEEDED, redis_server
from tests.e2e.shop_database import ShopDatabase
from tools.services import LOOPBACK

pytestmark = NEEDED
MESSAGES_A_MINUTE = 30


@dataclass(frozen=True)
class Workers:
    """The addresses of the two servers, and the first one's system."""

    system: System
    urls: tuple[str, str]

    def customer(self) -> Customer:
        """A customer whose requests a test sends to either server."""
        return Customer(self.urls[0], self.system.database)


@pytest.fixture(scope="module")
def workers(database: ShopDatabase, tmp_path_factory: pytest.TempPathFactory, today: date) -> Iterator[Workers]:
    folder = tmp_path_factory.mktemp("workers")
    actions = action_server(free_port(), folder / "actions.log")
    servers = [
        rasa_server(free_port(), folder / f"rasa-{number}.log", endpoints="endpoints-workers.yml") for number in (1, 2)
    ]
    gateway = ActionGateway(actions.port)
    with redis_server(folder) as redis_url:
        settings = environment(
            database.file,
            FRONTDESK_ACTIONS_PORT=str(actions.port),
            FRONTDESK_ACTIONS_URL=gateway.url,
            FRONTDESK_BRAND_FILE=str(always_open(folder / "brand.yml")),
            FRONTDESK_REDIS_URL=redis_url,
            FRONTDESK_TRACKER_URL=f"sqlite:///{folder / 'tracker.db'}",
            FRONTDESK_LIMIT_MESSAGES=str(MESSAGES_A_MINUTE),
        )
        with running([actions, *servers], settings):
            first, second = (f"http://{LOOPBACK}:{server.port}" for server in servers)
            actions_url = f"http://{LOOPBACK}:{actions.port}"
            system = System(first, actions_url, database, gateway, servers[0], today)
            yield Workers(system, (first, second))
    gateway.close()


@pytest.fixture(scope="module")
def system(workers: Workers) -> System:
    """Takes the place of the assistant that all other tests talk to."""
    return workers.system


@pytest.fixture
def customer(workers: Workers) -> Customer:
    return workers.customer()


def swap(customer: Customer, workers: Workers) -> None:
    """From now on the customer's requests reach the other server."""
    customer.base_url = workers.urls[1 - workers.urls.index(customer.base_url)]


def test_a_conversation_goes_on_at_the_other_server(workers: Workers, customer: Customer) -> None:
    assert "which email address" in customer.says(f"where is order {ALEX.order}?")
    swap(customer, workers)
    customer.says(ALEX.email)
    swap(customer, workers)

    assert f"Order {ALEX.order}" in customer.says(customer.mailed_code(ALEX.email))


def test_the_other_server_knows_the_buttons_and_the_history(workers: Workers, customer: Customer) -> None:
    shown = customer.says("hello")
    swap(customer, workers)

    assert "begin with a slash" not in customer.says(shown.payload(shown.buttons[0]) or "")
    assert customer.history()[0]["text"] == "hello"


def test_messages_that_reach_both_servers_at_once_take_turns(workers: Workers, customer: Customer) -> None:
    """Each answer follows its own message: turns of one conversation never run at the same time."""
    said = [f"where is order {number}?" for number in (1043, 1187, 1256, 1322)]

    def say(number: int) -> None:
        other = workers.customer()
        other.session, other.base_url = customer.session, workers.urls[number % 2]
        other.says(said[number])

    threads = [threading.Thread(target=say, args=(number,)) for number in range(len(said))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    history = customer.history()
    turns = [message["id"].partition(".")[0] for message in history]
    assert sorted(message["text"] for message in history if message["role"] == "customer") == sorted(said)
    assert turns == [turn for turn in dict.fromkeys(turns) for _ in range(turns.count(turn))]


def test_a_lost_stream_is_resumed_at_the_other_server(workers: Workers, customer: Customer) -> None:
    with events_of_turn(customer, "what are your delivery charges?") as events:
        seen = next(events)
    swap(customer, workers)

    with events_after(customer, seen.id) as events:
        rest = list(events)

    assert rest[-1].name == "done"
    assert [int(event.id.partition(":")[2]) for event in (seen, *rest)] == list(range(1, len(rest) + 2))
    assert any(event.name == "message" for event in rest)


def test_a_message_sent_again_to_the_other_server_is_answered_once(workers: Workers, customer: Customer) -> None:
    key = {"Idempotency-Key": "queued-while-offline"}
    assert customer.sends("/webhook", {"message": "hello"}, **key)[0] == 200
    swap(customer, workers)

    status, answer = customer.sends("/webhook", {"message": "hello"}, **key)

    assert (status, answer["error"]) == (409, "already_received")
    assert sum(message["role"] == "customer" for message in customer.history()) == 1


def test_who_ends_a_conversation_at_one_server_has_ended_it_at_both(workers: Workers, customer: Customer) -> None:
    customer.says("hello")

    assert customer.sends("/end", {"erase": True}) == (200, {"erased": True})
    for url in workers.urls:
        customer.base_url = url
        status, answer = customer.sends("/webhook", {"message": "hello"})
        assert (status, answer["error"]) == (401, "session_invalid")


def test_the_limit_counts_what_both_servers_took(workers: Workers, customer: Customer) -> None:
    answers = []
    for _ in range(2 * MESSAGES_A_MINUTE + 1):  # a minute may begin in between
        swap(customer, workers)
        status, answer = customer.sends("/webhook", {"message": "?"})
        answers.append(status)
        if status == 429:
            break
    assert answers[-1] == 429, json.dumps(answers)
    assert answer["error"] == "rate_limited"
    assert len(answers) > MESSAGES_A_MINUTE
