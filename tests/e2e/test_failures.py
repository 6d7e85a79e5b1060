"""What the customer reads while something of ours is broken, and that the next message works again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.e2e.action_gateway import Trouble
from tests.e2e.conftest import System
from tests.e2e.customer import Answer, Customer, get
from tests.e2e.people import ALEX
from tests.e2e.processes import action_server, environment, free_port, running
from tests.e2e.shop_database import ShopDatabase
from tools.services import LOOPBACK

APOLOGY = "I'm sorry, something on our side isn't working"


def failures(url: str, place: str) -> float:
    """How many failures a server has counted at a place."""
    _, _, text = get(f"{url}/metrics")
    counts = re.findall(r'^frontdesk_failures_total\{[^}]*place="(\w+)"[^}]*\} (\S+)$', text, re.MULTILINE)
    return sum(float(count) for where, count in counts if where == place)


def assert_apologises(answer: Answer) -> None:
    assert APOLOGY in answer
    assert "@" in answer, "an address to write to"
    assert "0113 496 0210" in answer
    assert "Talk to a person" in answer.buttons
    assert len(answer.messages) == 1


def logged(system: System, event: str, sender: str) -> list[dict[str, object]]:
    """The Rasa server's log lines about an event in a conversation."""
    lines = [line for line in system.rasa.log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    entries = [json.loads(line) for line in lines]
    return [entry for entry in entries if entry["event"] == event and entry.get("sender") == sender]


@pytest.mark.parametrize("trouble", ["dead", "error 500", "garbage", "wrong shape", "silent"])
def test_a_broken_action_server_means_an_apology_a_count_and_a_log_line(
    customer: Customer, system: System, trouble: Trouble
) -> None:
    before = failures(system.url, "action_server")
    with system.gateway.with_trouble(trouble):
        assert_apologises(customer.says("where is my order?"))
    assert failures(system.url, "action_server") > before
    [entry] = logged(system, "action server failed", customer.sender)
    assert entry["level"] == "error"
    assert entry["action"] == "validate_track_order_form"
    assert "What's your order number?" in customer.says("where is my order?")


def test_an_action_server_that_dies_in_the_middle_of_a_form_leaves_the_details_that_were_given(
    customer: Customer, system: System, shop: ShopDatabase
) -> None:
    customer.asks("cancel order 1043", ALEX)
    with system.gateway.with_trouble("dead"):
        assert_apologises(customer.says("yes"))
    assert shop.order_state("1043") == "processing"
    assert "Order 1043" in customer.says("cancel my order")
    assert "order 1043 is cancelled" in customer.says("yes")
    assert shop.order_state("1043") == "cancelled"


def test_an_open_question_while_the_action_server_is_dead_gets_an_apology(customer: Customer, system: System) -> None:
    with system.gateway.with_trouble("dead"):
        assert APOLOGY in customer.says("how do I descale my kettle?")
    assert "How to descale a kettle" in customer.says("how do I descale my kettle?")


def test_a_person_asked_for_while_the_action_server_is_dead_is_reachable_in_another_way(
    customer: Customer, system: System
) -> None:
    with system.gateway.with_trouble("dead"):
        assert_apologises(customer.says("I want to talk to a person"))


def test_what_needs_no_action_works_while_the_action_server_is_dead(customer: Customer, system: System) -> None:
    with system.gateway.with_trouble("dead"):
        assert "Hello" in customer.says("hello")
        assert "We deliver within the UK" in customer.says("how much is delivery?")


def test_a_database_that_somebody_else_writes_to_means_an_apology_and_no_change(
    customer: Customer, system: System, shop: ShopDatabase
) -> None:
    customer.asks("cancel order 1043", ALEX)
    before = failures(system.actions_url, "action")
    with shop.locked():
        assert_apologises(customer.says("yes"))
    assert failures(system.actions_url, "action") > before
    assert shop.order_state("1043") == "processing"
    customer.says("cancel my order")
    assert "order 1043 is cancelled" in customer.says("yes")


def test_a_lookup_does_not_wait_for_a_writer(customer: Customer, shop: ShopDatabase) -> None:
    with shop.locked():
        assert "Norvane Swift 1.7 costs £34.99" in customer.says("how much is the Norvane Swift 1.7?")


def test_a_database_without_its_tables_means_an_apology_until_they_are_back(
    customer: Customer, shop: ShopDatabase
) -> None:
    with shop.without_table("products"):
        assert_apologises(customer.says("how much is the Norvane Swift 1.7?"))
    assert "Norvane Swift 1.7 costs £34.99" in customer.says("how much is the Norvane Swift 1.7?")


def test_a_database_that_is_away_means_not_ready_and_an_apology_until_it_is_back(
    customer: Customer, system: System, shop: ShopDatabase, tmp_path: Path
) -> None:
    away = tmp_path / "away" / "shop.db"
    server = action_server(free_port(), tmp_path / "actions.log", probe="health")
    settings = environment(away, FRONTDESK_ACTIONS_PORT=str(server.port))
    with running([server], settings), system.gateway.leading_to(server.port):
        ready = f"http://{LOOPBACK}:{server.port}/ready"
        assert_apologises(customer.says("how much is the Norvane Swift 1.7?"))
        while_away = get(ready)[0]
        shop.copy_to(away)
        assert "Norvane Swift 1.7 costs £34.99" in customer.says("how much is the Norvane Swift 1.7?")
        assert (while_away, get(ready)[0]) == (503, 200)
