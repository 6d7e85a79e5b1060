"""Orders: what customers see of theirs, what they may change, and that others' orders do not exist for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from knowledge_base.addresses import AddressInput, InvalidAddress
from knowledge_base.database import Database
from knowledge_base.orders import (
    NotAllowed,
    OrderNotFound,
    address_change,
    cancel_order,
    cancellation,
    change_address,
    get_order,
    list_orders,
    masked_email,
)
from knowledge_base.principal import NotVerified, Principal
from knowledge_base.schema import ORDER_STATES, Address, Order, OrderEvent, Refund, Shipment, ShipmentEvent

NEW_ADDRESS = AddressInput("9 Quay Road", None, "Bristol", "bs1 4ql")
REASONS = {
    "awaiting_payment": None,
    "processing": None,
    "packed": None,
    "dispatched": "already_dispatched",
    "out_for_delivery": "already_dispatched",
    "delivered": "already_delivered",
    "cancelled": "already_cancelled",
    "returned": "returned",
}


@pytest.fixture
def alex(rows: Any) -> Principal:
    """Alex, who has orders 1043 (two kettles and a toaster), 1050 and nothing else; 1044 is Sam's."""
    rows.product("KET-1", "39.99", stock=5)
    rows.product("TOA-1", "25.00", stock=0)
    alex_id, sam_id = rows.customer("alex@example.com"), rows.customer("sam@example.org")
    rows.order("1043", alex_id, [("KET-1", 2), ("TOA-1", 1)], "processing")
    rows.order("1044", sam_id, [("KET-1", 1)], "processing")
    rows.order("1050", alex_id, [("TOA-1", 1)], "delivered", placed_at=rows.all(Order)[0].placed_at + timedelta(1))
    return rows.principal(alex_id)


def set_state(database: Database, number: str, state: str) -> None:
    with database.transaction() as session:
        session.query(Order).filter(Order.number == number).one().state = state


def test_an_order_shows_what_its_customer_needs(database: Database, alex: Principal, now: datetime) -> None:
    with database.transaction() as session:
        order = session.query(Order).filter(Order.number == "1043").one()
        order.shipment = Shipment(
            carrier="Parcelway",
            tracking_code="PW1",
            tracking_url="https://parcelway.example/PW1",
            state="in_transit",
        )
        later, earlier = now, now - timedelta(hours=3)
        order.shipment.events = [
            ShipmentEvent(at=later, text="At the depot"),
            ShipmentEvent(at=earlier, text="Collected"),
        ]
    with database.reading() as session:
        view = get_order(session, alex, "#1043")
    assert view is not None
    assert (view.number, view.state, view.total, view.currency) == ("1043", "processing", Decimal("109.93"), "GBP")
    assert [(item.sku, item.quantity, item.returned_quantity) for item in view.items] == [
        ("KET-1", 2, 0),
        ("TOA-1", 1, 0),
    ]
    assert view.customer_email_masked == "a***@example.com"
    assert view.can_cancel
    assert view.shipment is not None
    assert [text for _, text in view.shipment.events] == ["Collected", "At the depot"]


def test_orders_are_listed_newest_first(database: Database, alex: Principal) -> None:
    with database.reading() as session:
        assert [order.number for order in list_orders(session, alex)] == ["1050", "1043"]
        assert [order.number for order in list_orders(session, alex, limit=1)] == ["1050"]


def test_listing_takes_as_many_statements_for_two_orders_as_for_one(database: Database, alex: Principal) -> None:
    def statements(limit: int) -> int:
        seen: list[str] = []
        listener = ("before_cursor_execute", lambda _c, _cur, statement, *_: seen.append(statement))
        with database.reading() as session:
            event.listen(database.engine, *listener)
            list_orders(session, alex, limit)
            event.remove(database.engine, *listener)
        return len(seen)

    assert statements(2) == statements(1)


@pytest.mark.parametrize("number", ["1044", "9999", "", "1043' OR '1'='1", "1043; DROP TABLE orders", "\0", "104%"])
def test_foreign_and_unknown_orders_do_not_exist(database: Database, alex: Principal, number: str) -> None:
    with database.reading() as session:
        assert get_order(session, alex, number) is None


def test_foreign_and_unknown_orders_take_the_same_statements(database: Database, alex: Principal) -> None:
    def statements(number: str) -> list[str]:
        seen: list[str] = []
        listener = ("before_cursor_execute", lambda _c, _cur, statement, *_: seen.append(statement))
        with database.reading() as session:
            event.listen(database.engine, *listener)
            get_order(session, alex, number)
            event.remove(database.engine, *listener)
        return seen

    assert statements("1044") == statements("9999")


FUNCTIONS: dict[str, Callable[[Session, Principal, str, datetime], Any]] = {
    "cancellation": lambda session, who, number, now: cancellation(session, who, number),
    "cancel_order": lambda session, who, number, now: cancel_order(session, who, number, reason="x", now=now),
    "address_change": lambda session, who, number, now: address_change(session, who, number),
    "change_address": lambda session, who, number, now: change_address(session, who, number, NEW_ADDRESS, now),
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_foreign_and_unknown_orders_fail_alike_and_nothing_changes(
    database: Database, rows: Any, alex: Principal, now: datetime, function: str
) -> None:
    messages = set()
    for number in ("1044", "9999"):
        with pytest.raises(OrderNotFound) as caught, database.transaction() as session:
            FUNCTIONS[function](session, alex, number, now)
        messages.add(str(caught.value))
    assert len(messages) == 1
    assert [order.state for order in rows.all(Order)] == ["processing", "processing", "delivered"]
    assert (rows.all(OrderEvent), rows.all(Refund), len(rows.all(Address))) == ([], [], 2)


@pytest.mark.parametrize("function", ["cancel_order", "change_address"])
def test_an_expired_proof_changes_nothing(
    database: Database, rows: Any, alex: Principal, now: datetime, function: str
) -> None:
    expired = dataclasses.replace(alex, expires_at=now)
    with pytest.raises(NotVerified), database.transaction() as session:
        FUNCTIONS[function](session, expired, "1043", now)
    assert rows.all(OrderEvent) == []


def test_nobody_sees_nothing(database: Database, alex: Principal) -> None:
    nobody: Any = None
    with pytest.raises(NotVerified), database.reading() as session:
        get_order(session, nobody, "1043")


def test_an_operator_sees_every_order(database: Database, alex: Principal) -> None:
    with database.reading() as session:
        numbers = {order.number for order in list_orders(session, Principal.operator("sam"))}
    assert numbers == {"1043", "1044", "1050"}


@pytest.mark.parametrize("state", ORDER_STATES)
def test_an_order_can_be_changed_until_it_is_dispatched(
    database: Database, rows: Any, alex: Principal, now: datetime, state: str
) -> None:
    set_state(database, "1043", state)
    expected = REASONS[state]
    with database.reading() as session:
        for question in (cancellation, address_change):
            answer = question(session, alex, "1043")
            assert (answer.allowed, answer.reason) == (expected is None, expected)
        assert answer.order.can_cancel == (expected is None)
    if expected is not None:
        for name in ("cancel_order", "change_address"):
            with pytest.raises(NotAllowed) as caught, database.transaction() as session:
                FUNCTIONS[name](session, alex, "1043", now)
            assert caught.value.reason == expected
        assert rows.all(OrderEvent) == []


def test_cancelling_puts_the_goods_back_and_releases_the_money(
    database: Database, rows: Any, alex: Principal, now: datetime
) -> None:
    with database.transaction() as session:
        view = cancel_order(session, alex, "1043", reason="changed my mind", now=now)
    assert (view.state, view.can_cancel) == ("cancelled", False)
    assert (rows.stock_of("KET-1"), rows.stock_of("TOA-1")) == (7, 1)
    (refund,) = rows.all(Refund)
    assert (refund.amount, refund.method, refund.state) == (Decimal("109.93"), "card", "authorisation_released")
    assert refund.expected_on == date(2026, 3, 17)  # five working days after Tuesday 10 March


@pytest.mark.parametrize(
    ("state", "method", "refund_states"),
    [
        ("awaiting_payment", "card", []),
        ("packed", "bank_transfer", ["approved"]),
        ("packed", "gift_card", ["approved"]),
    ],
)
def test_what_was_paid_decides_what_is_refunded(
    database: Database,
    rows: Any,
    alex: Principal,
    now: datetime,
    state: str,
    method: str,
    refund_states: list[str],
) -> None:
    with database.transaction() as session:
        order = session.query(Order).filter(Order.number == "1043").one()
        order.state, order.payment_method = state, method
    with database.transaction() as session:
        cancel_order(session, alex, "1043", reason="x", now=now)
    assert [refund.state for refund in rows.all(Refund)] == refund_states


def test_cancelling_is_written_down(database: Database, rows: Any, alex: Principal, now: datetime) -> None:
    with database.transaction() as session:
        cancel_order(session, alex, "1043", reason="too\0 slow", now=now)
    (happened,) = rows.all(OrderEvent)
    assert (happened.kind, happened.actor, happened.conversation_id) == ("cancelled", "customer", "chat-1")
    assert (happened.detail, happened.at) == ({"reason": "too slow"}, now)


def test_of_cancellations_at_once_one_wins(
    rows: Any, alex: Principal, now: datetime, at_once: Callable[..., list[Any]]
) -> None:
    results = at_once(lambda session: cancel_order(session, alex, "1043", reason="x", now=now), 6)
    refused = [result for result in results if isinstance(result, NotAllowed)]
    assert [result.reason for result in refused] == ["already_cancelled"] * 5
    assert (rows.stock_of("KET-1"), rows.stock_of("TOA-1")) == (7, 1)
    assert (len(rows.all(Refund)), len(rows.all(OrderEvent))) == (1, 1)


def test_a_new_address_is_for_this_order_only(database: Database, rows: Any, alex: Principal, now: datetime) -> None:
    with database.transaction() as session:
        view = change_address(session, alex, "1043", NEW_ADDRESS, now)
    assert (view.address.recipient, view.address.line1, view.address.postcode) == (
        "Alex Lee",
        "9 Quay Road",
        "BS1 4QL",
    )
    with database.reading() as session:
        other = get_order(session, alex, "1050")
    assert other is not None and other.address.line1 == "1 Mill Lane"
    (happened,) = rows.all(OrderEvent)
    assert (happened.kind, happened.detail) == ("address_changed", {"from_address_id": 1, "to_address_id": 3})


def test_an_address_that_cannot_be_used_changes_nothing(
    database: Database, rows: Any, alex: Principal, now: datetime
) -> None:
    with pytest.raises(InvalidAddress) as caught, database.transaction() as session:
        change_address(session, alex, "1043", dataclasses.replace(NEW_ADDRESS, postcode="75008"), now)
    assert caught.value.field == "postcode"
    assert len(rows.all(Address)) == 2


def test_a_cancellation_and_a_new_address_at_once_leave_one_story(
    rows: Any, alex: Principal, now: datetime, at_once: Callable[..., list[Any]]
) -> None:
    works = iter(["cancel_order", "change_address"] * 3)
    results = at_once(lambda session: FUNCTIONS[next(works)](session, alex, "1043", now), 6)
    assert sum(isinstance(result, NotAllowed) for result in results) >= 2
    kinds = [happened.kind for happened in rows.all(OrderEvent)]
    assert kinds[-1] == "cancelled" and kinds.count("cancelled") == 1


@pytest.mark.parametrize(
    ("email", "masked"), [("alex@example.com", "a***@example.com"), ("a@example.com", "a***@example.com")]
)
def test_masked_addresses_do_not_show_their_length(email: str, masked: str) -> None:
    assert masked_email(email) == masked
