"""Returns, exchanges, damage reports, refunds and missing parcels: who may, until when, and for how much."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from knowledge_base.database import Database
from knowledge_base.orders import get_order
from knowledge_base.principal import NotVerified, Principal
from knowledge_base.returns import (
    NotAllowed,
    OrderNotFound,
    create_return,
    missing_parcel_claim,
    refunds,
    return_eligibility,
)
from knowledge_base.schema import Claim, Order, OrderEvent, Policy, Refund, Return, Stock

KETTLE, TOASTER = 1, 2  # ids of order 1043's items


@pytest.fixture
def alex(rows: Any) -> Principal:
    """Alex, whose order 1043 (two kettles, earphones) was delivered two days ago; 1044 is Sam's, with item 3."""
    rows.product("KET-1", "39.99")
    rows.product("EAR-1", "25.00", returnable_once_opened=False)
    rows.product("KET-2", "49.99", stock=1)
    rows.product("KET-3", "29.99", stock=3)
    alex_id, sam_id = rows.customer("alex@example.com"), rows.customer("sam@example.org")
    rows.order("1043", alex_id, [("KET-1", 2), ("EAR-1", 1)], "delivered")
    rows.order("1044", sam_id, [("KET-1", 1)], "delivered")
    return rows.principal(alex_id)


def change(database: Database, number: str, **columns: Any) -> None:
    with database.transaction() as session:
        order = session.query(Order).filter(Order.number == number).one()
        for name, value in columns.items():
            setattr(order, name, value)


def send_back(session: Session, who: Principal, now: datetime, number: str = "1043", **changes: Any) -> Any:
    """One kettle goes back for a refund, unless `changes` say otherwise."""
    arguments: dict[str, Any] = {
        "items": [(KETTLE, 1)],
        "kind": "return",
        "reason": "not_needed",
        "wish": "refund",
        "replacement_sku": None,
        "note": None,
    }
    return create_return(session, who, number, **{**arguments, **changes}, now=now)


def test_what_was_delivered_may_go_back_for_thirty_days(
    database: Database, alex: Principal, now: datetime, today: date
) -> None:
    with database.reading() as session:
        answer = return_eligibility(session, alex, "1043", now)
    assert (answer.allowed, answer.reason, answer.last_day) == (True, None, today + timedelta(days=28))
    assert [(item.sku, item.quantity, item.only_unopened) for item in answer.items] == [
        ("KET-1", 2, False),
        ("EAR-1", 1, True),
    ]


@pytest.mark.parametrize(("days", "reason"), [(30, None), (31, "window_closed")])
def test_the_last_day_still_counts(
    database: Database, alex: Principal, now: datetime, today: date, days: int, reason: str | None
) -> None:
    change(database, "1043", delivered_on=today - timedelta(days=days))
    with database.reading() as session:
        assert return_eligibility(session, alex, "1043", now).reason == reason


@pytest.mark.parametrize(("kind", "allowed"), [("return", False), ("exchange", False), ("damage", True)])
def test_damage_has_a_longer_window_than_a_return(
    database: Database, alex: Principal, now: datetime, today: date, kind: Any, allowed: bool
) -> None:
    change(database, "1043", delivered_on=today - timedelta(days=31))
    with database.reading() as session:
        assert return_eligibility(session, alex, "1043", now, kind).allowed is allowed


def test_the_window_is_the_shops_policy(database: Database, alex: Principal, now: datetime, today: date) -> None:
    change(database, "1043", delivered_on=today - timedelta(days=60))
    with database.transaction() as session:
        session.add(Policy(key="return_window_days", value="60"))
    with database.reading() as session:
        assert return_eligibility(session, alex, "1043", now).allowed


@pytest.mark.parametrize(
    ("state", "delivered", "reason"),
    [
        ("processing", False, "not_delivered"),
        ("out_for_delivery", False, "not_delivered"),
        ("cancelled", False, "cancelled"),
        ("returned", True, "nothing_left"),
    ],
)
def test_what_is_not_with_the_customer_cannot_go_back(
    database: Database, rows: Any, alex: Principal, now: datetime, state: str, delivered: bool, reason: str
) -> None:
    change(database, "1043", state=state, delivered_on=now.date() if delivered else None)
    with database.reading() as session:
        answer = return_eligibility(session, alex, "1043", now)
    assert (answer.allowed, answer.reason, answer.items) == (False, reason, ())
    with pytest.raises(NotAllowed) as caught, database.transaction() as session:
        send_back(session, alex, now)
    assert caught.value.reason == reason
    assert rows.all(Return) == []


def test_a_return_gets_a_number_a_label_and_a_refund_to_come(
    database: Database, rows: Any, alex: Principal, now: datetime
) -> None:
    with database.transaction() as session:
        view = send_back(session, alex, now, note="box\0 open")
    assert (view.number, view.expected_refund_amount, view.extra_charge) == ("R10001", Decimal("39.99"), Decimal(0))
    assert view.label_url == f"https://parcelway.example/label/{view.label_code}"
    assert [(item.sku, item.quantity) for item in view.items] == [("KET-1", 1)]
    with database.reading() as session:
        (refund,) = refunds(session, alex, "1043")
        order = get_order(session, alex, "1043")
    assert (refund.amount, refund.state, refund.method) == (Decimal("39.99"), "awaiting_parcel", "card")
    assert order is not None and [item.returned_quantity for item in order.items] == [1, 0]
    assert rows.all(Return)[0].note == "box open"


def test_a_return_is_written_down(database: Database, rows: Any, alex: Principal, now: datetime) -> None:
    with database.transaction() as session:
        send_back(session, alex, now)
    (happened,) = rows.all(OrderEvent)
    assert (happened.kind, happened.detail) == (
        "return_created",
        {"return": "R10001", "kind": "return", "pieces": 1},
    )


def test_labels_cannot_be_guessed_from_one_another(database: Database, alex: Principal, now: datetime) -> None:
    with database.transaction() as session:
        first, second = send_back(session, alex, now), send_back(session, alex, now)
    assert first.label_code[:6] != second.label_code[:6] and len(first.label_code) == 18


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([], "no_items"),
        ([(KETTLE, 0)], "no_items"),
        ([(KETTLE, -1)], "no_items"),
        ([(KETTLE, 3)], "too_many"),
        ([(KETTLE, 2), (KETTLE, 1)], "too_many"),
        ([(3, 1)], "unknown_item"),
        ([(999, 1)], "unknown_item"),
    ],
)
def test_only_pieces_of_this_order_go_back(
    database: Database,
    rows: Any,
    alex: Principal,
    now: datetime,
    items: list[tuple[int, int]],
    reason: str,
) -> None:
    with pytest.raises(NotAllowed) as caught, database.transaction() as session:
        send_back(session, alex, now, items=items)
    assert caught.value.reason == reason
    assert (rows.all(Return), rows.all(Refund), rows.all(OrderEvent)) == ([], [], [])


def test_each_piece_goes_back_once(database: Database, alex: Principal, now: datetime) -> None:
    with database.transaction() as session:
        send_back(session, alex, now, items=[(KETTLE, 2)])
    with pytest.raises(NotAllowed) as caught, database.transaction() as session:
        send_back(session, alex, now)
    assert caught.value.reason == "too_many"
    with database.transaction() as session:
        send_back(session, alex, now, items=[(TOASTER, 1)])
    with database.reading() as session:
        assert return_eligibility(session, alex, "1043", now).reason == "nothing_left"


def test_returns_at_once_do_not_send_a_piece_back_twice(
    rows: Any, alex: Principal, now: datetime, at_once: Callable[..., list[Any]]
) -> None:
    results = at_once(lambda session: send_back(session, alex, now), 6)
    assert sum(isinstance(result, NotAllowed) for result in results) == 4
    assert [row.number for row in rows.all(Return)] == sorted(r.number for r in results if hasattr(r, "number"))


def test_return_numbers_are_unique_for_orders_returned_at_once(
    rows: Any, alex: Principal, now: datetime, at_once: Callable[..., list[Any]]
) -> None:
    items = [rows.order(str(1100 + i), alex.customer_id, [("KET-1", 1)], "delivered")[0] for i in range(6)]
    jobs = iter(list(enumerate(items)))

    def work(session: Session) -> Any:
        i, item = next(jobs)
        return send_back(session, alex, now, str(1100 + i), items=[(item, 1)])

    assert len({view.number for view in at_once(work, 6)}) == 6


def test_return_numbers_are_not_given_twice(database: Database, alex: Principal, now: datetime) -> None:
    with database.transaction() as session:
        first = send_back(session, alex, now).number
    with database.transaction() as session:
        session.query(Refund).delete()
        session.delete(session.query(Return).one().items[0])
        session.delete(session.query(Return).one())
    with database.transaction() as session:
        assert send_back(session, alex, now).number != first


@pytest.mark.parametrize(
    ("days_since", "charge", "refund"),
    [(14, "4.95", "109.93"), (15, "4.95", "104.98"), (14, "9.95", "109.93"), (14, "0", "104.98")],
)
def test_standard_delivery_is_refunded_if_all_goes_back_in_fourteen_days(
    database: Database, alex: Principal, now: datetime, today: date, days_since: int, charge: str, refund: str
) -> None:
    delivery = Decimal(charge)
    delivered = today - timedelta(days=days_since)
    change(database, "1043", delivered_on=delivered, delivery_charge=delivery, total=Decimal("104.98") + delivery)
    with database.transaction() as session:
        view = send_back(session, alex, now, items=[(KETTLE, 2), (TOASTER, 1)])
    assert view.expected_refund_amount == Decimal(refund)


def test_a_discount_is_shared_by_the_pieces_and_no_more_is_refunded_than_was_paid(
    database: Database, alex: Principal, now: datetime
) -> None:
    change(database, "1043", discount=Decimal("10.00"), delivery_charge=Decimal(0), total=Decimal("94.98"))
    with database.transaction() as session:
        parts = [send_back(session, alex, now, items=[(item, 1)]) for item in (KETTLE, KETTLE, TOASTER)]
    amounts = [part.expected_refund_amount for part in parts]
    assert amounts == [Decimal("36.18"), Decimal("36.18"), Decimal("22.62")]
    assert sum(amounts) == Decimal("94.98")


@pytest.mark.parametrize(
    ("sku", "refund", "extra"), [("KET-2", "0.00", "10.00"), ("KET-3", "10.00", "0.00"), ("KET-1", "0.00", "0.00")]
)
def test_an_exchange_settles_the_difference(
    database: Database, rows: Any, alex: Principal, now: datetime, sku: str, refund: str, extra: str
) -> None:
    with database.transaction() as session:
        view = send_back(session, alex, now, kind="exchange", wish=None, replacement_sku=sku)
    assert (view.expected_refund_amount, view.extra_charge) == (Decimal(refund), Decimal(extra))
    assert view.replacement_sku == sku
    assert [row.amount for row in rows.all(Refund)] == ([Decimal(refund)] if Decimal(refund) else [])


@pytest.mark.parametrize(
    ("sku", "pieces", "reason"),
    [("X", 1, "replacement_unknown"), ("KET-2", 2, "replacement_out_of_stock")],
)
def test_an_exchange_needs_a_replacement_that_is_there(
    database: Database, alex: Principal, now: datetime, sku: str, pieces: int, reason: str
) -> None:
    items = [(KETTLE, pieces)]
    with pytest.raises(NotAllowed) as caught, database.transaction() as session:
        send_back(session, alex, now, kind="exchange", items=items, replacement_sku=sku)
    assert caught.value.reason == reason


def test_an_exchange_for_the_same_product_costs_and_refunds_nothing(
    database: Database, rows: Any, alex: Principal, now: datetime
) -> None:
    with database.transaction() as session:
        view = send_back(session, alex, now, kind="exchange", wish=None, replacement_sku=None)
    assert (view.expected_refund_amount, view.extra_charge) == (Decimal("0.00"), Decimal("0.00"))
    assert rows.all(Refund) == []


def test_an_exchange_for_the_same_product_needs_it_in_stock(database: Database, alex: Principal, now: datetime) -> None:
    with database.transaction() as session:
        for stock in session.execute(select(Stock)).scalars():
            stock.quantity = 0
    with pytest.raises(NotAllowed) as caught, database.transaction() as session:
        send_back(session, alex, now, kind="exchange", wish=None, replacement_sku=None)
    assert caught.value.reason == "replacement_out_of_stock"


@pytest.mark.parametrize(("wish", "amount"), [("refund", "39.99"), ("replacement", "0.00"), (None, "0.00")])
def test_damage_is_settled_as_the_customer_wishes(
    database: Database, alex: Principal, now: datetime, wish: str | None, amount: str
) -> None:
    with database.transaction() as session:
        view = send_back(session, alex, now, kind="damage", wish=wish)
    assert view.expected_refund_amount == Decimal(amount)


@pytest.mark.parametrize(("days", "reason"), [(730, None), (731, "window_closed")])
def test_damage_may_be_reported_for_two_years(
    database: Database, rows: Any, alex: Principal, now: datetime, today: date, days: int, reason: str | None
) -> None:
    change(database, "1043", delivered_on=today - timedelta(days=days))
    try:
        with database.transaction() as session:
            send_back(session, alex, now, kind="damage")
        refused = None
    except NotAllowed as error:
        refused = error.reason
    assert refused == reason


@pytest.mark.parametrize("changes", [{"kind": "gift"}, {"wish": "voucher"}])
def test_unknown_kinds_and_wishes_are_errors_of_the_caller(
    database: Database, alex: Principal, now: datetime, changes: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="must be one of"), database.transaction() as session:
        send_back(session, alex, now, **changes)


FUNCTIONS: dict[str, Callable[[Session, Principal, str, datetime], Any]] = {
    "return_eligibility": return_eligibility,
    "create_return": lambda session, who, number, now: send_back(session, who, now, number, items=[(3, 1)]),
    "refunds": lambda session, who, number, now: refunds(session, who, number),
    "missing_parcel_claim": lambda session, who, number, now: missing_parcel_claim(session, who, number, now=now),
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
    assert (rows.all(Return), rows.all(Refund), rows.all(Claim), rows.all(OrderEvent)) == ([], [], [], [])


@pytest.mark.parametrize("function", ["return_eligibility", "create_return", "missing_parcel_claim"])
def test_an_expired_proof_is_refused(database: Database, alex: Principal, now: datetime, function: str) -> None:
    expired = dataclasses.replace(alex, expires_at=now)
    with pytest.raises(NotVerified), database.transaction() as session:
        FUNCTIONS[function](session, expired, "1043", now)


@pytest.mark.parametrize(
    ("state", "expected_on", "reason"),
    [
        ("processing", date(2026, 3, 2), "not_dispatched"),
        ("cancelled", date(2026, 3, 2), "not_dispatched"),
        ("dispatched", date(2026, 3, 10), "not_late"),  # today, a Tuesday
        ("dispatched", None, "not_late"),
        ("dispatched", date(2026, 3, 9), None),
        ("out_for_delivery", date(2026, 3, 9), None),
        ("delivered", date(2026, 3, 9), None),
        ("returned", date(2026, 3, 2), "returned"),
    ],
)
def test_a_parcel_is_searched_for_once_it_is_late_or_said_to_be_delivered(
    database: Database,
    rows: Any,
    alex: Principal,
    now: datetime,
    state: str,
    expected_on: date | None,
    reason: str | None,
) -> None:
    change(database, "1043", state=state, expected_on=expected_on)
    try:
        with database.transaction() as session:
            missing_parcel_claim(session, alex, "1043", now=now)
        refused = None
    except NotAllowed as error:
        refused = error.reason
    assert refused == reason
    assert len(rows.all(Claim)) == (1 if reason is None else 0)


def test_a_claim_gets_a_number_and_a_day_to_be_answered_by(
    database: Database, rows: Any, alex: Principal, now: datetime
) -> None:
    with database.transaction() as session:
        claim = missing_parcel_claim(session, alex, "1043", now=now)
    assert (claim.number, claim.state, claim.answer_by) == ("C10001", "searching", date(2026, 3, 17))
    assert [(row.kind, row.detail) for row in rows.all(OrderEvent)] == [("claim_opened", {"claim": "C10001"})]


def test_goods_that_were_sent_back_were_not_missing(database: Database, alex: Principal, now: datetime) -> None:
    with database.transaction() as session:
        send_back(session, alex, now)
    with pytest.raises(NotAllowed) as caught, database.transaction() as session:
        missing_parcel_claim(session, alex, "1043", now=now)
    assert caught.value.reason == "returned"


def test_of_claims_at_once_one_is_opened(
    rows: Any, alex: Principal, now: datetime, at_once: Callable[..., list[Any]]
) -> None:
    results = at_once(lambda session: missing_parcel_claim(session, alex, "1043", now=now), 4)
    assert [r.reason for r in results if isinstance(r, NotAllowed)] == ["already_claimed"] * 3
    assert len(rows.all(Claim)) == 1
