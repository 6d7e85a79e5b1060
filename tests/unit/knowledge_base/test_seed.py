"""The demo data: complete, coherent, the same every time, and never in the way of real customers."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from sqlalchemy import func, select, text

from frontdesk.brand import load_brand
from knowledge_base.addresses import checked_postcode
from knowledge_base.database import Database
from knowledge_base.orders import cancellation, get_order
from knowledge_base.principal import Principal
from knowledge_base.returns import missing_parcel_claim, refunds, return_eligibility
from knowledge_base.schema import ORDER_STATES, Base, Customer, Return
from knowledge_base.seed.demo import demo_customers
from knowledge_base.seed.generator import generate
from knowledge_base.seed.rows import Row, SeedRows
from knowledge_base.seed.writer import CustomerDataPresent, write_seed

DAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
OPERATOR = Principal.operator("test")


@pytest.fixture(scope="module")
def rows() -> SeedRows:
    """The seed of a Tuesday."""
    return generate(DAY, load_brand())


def dump(database: Database) -> list[tuple[object, ...]]:
    """Every row of every table, in a fixed order."""
    with database.reading() as session:
        return [
            (name, *row)
            for name, table in sorted(Base.metadata.tables.items())
            for row in session.execute(select(table).order_by(*table.primary_key.columns))
        ]


def test_the_same_day_and_seed_give_the_same_rows_and_another_day_does_not(rows: SeedRows) -> None:
    brand = load_brand()
    assert generate(DAY, brand).sha256() == rows.sha256()
    assert generate(DAY, brand, seed=2).sha256() != rows.sha256()
    assert generate(DAY + timedelta(days=1), brand).sha256() != rows.sha256()


def test_a_reset_leaves_the_same_rows_as_a_fresh_seed(database: Database, rows: SeedRows) -> None:
    with database.transaction() as session:
        write_seed(session, rows)
    fresh = dump(database)
    with database.transaction() as session:
        write_seed(session, rows, reset=True)

    assert dump(database) == fresh


def test_customers_are_not_overwritten_unasked(database: Database, rows: SeedRows) -> None:
    with database.transaction() as session:
        session.add(Customer(email="real@example.com", first_name="A", last_name="B", created_at=NOON))
    with pytest.raises(CustomerDataPresent, match="1 customers"), database.transaction() as session:
        write_seed(session, rows)

    with database.reading() as session:
        assert session.scalars(select(Customer.email)).all() == ["real@example.com"]


def test_new_rows_after_a_seed_get_ids_of_their_own(database: Database, rows: SeedRows) -> None:
    with database.transaction() as session:
        write_seed(session, rows)
        last = session.scalar(select(func.max(Return.id)))
    with database.transaction() as session:
        customer = Customer(email="new@example.com", first_name="A", last_name="B", created_at=NOON)
        session.add(customer)
        session.flush()
        assert customer.id == len(rows.tables["customers"]) + 1
    assert last == len(rows.tables["returns"])


def test_foreign_keys_hold(database: Database, rows: SeedRows) -> None:
    with database.transaction() as session:
        write_seed(session, rows)
    with database.reading() as session:
        if database.is_sqlite:  # PostgreSQL checked them as they were written
            assert session.execute(text("PRAGMA foreign_key_check")).all() == []


def test_numbers_states_and_people(rows: SeedRows) -> None:
    orders, customers = rows.tables["orders"], rows.tables["customers"]

    assert [order["number"] for order in orders] == [str(number) for number in range(1001, 2001)]
    assert {order["state"] for order in orders} == set(ORDER_STATES)
    assert len(customers) == len({customer["email"] for customer in customers}) == 300
    assert {email.rpartition("@")[2] for email in (row["email"] for row in customers)} == {
        "example.com",
        "example.org",
        "example.net",
    }
    for address in rows.tables["addresses"]:
        assert checked_postcode(address["postcode"]) == address["postcode"]


def test_totals_are_goods_less_discount_plus_delivery(rows: SeedRows) -> None:
    goods: dict[int, Decimal] = {}
    for item in rows.tables["order_items"]:
        goods[item["order_id"]] = goods.get(item["order_id"], Decimal(0)) + item["unit_price"] * item["quantity"]
    for order in rows.tables["orders"]:
        paid_for_goods = goods[order["id"]] - order["discount"]
        assert order["total"] == paid_for_goods + order["delivery_charge"]
        if order["delivery_method"] == "standard":
            assert order["delivery_charge"] == (Decimal("4.95") if paid_for_goods < 50 else 0)


@pytest.mark.parametrize("offset", range(7))
def test_times_run_forwards_on_every_day_of_the_week(offset: int) -> None:
    day = DAY + timedelta(days=offset)
    tables = generate(day, load_brand()).tables
    start = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)

    for table, parent in (("order_events", "order_id"), ("shipment_events", "shipment_id")):
        last: dict[int, datetime] = {}
        for event in tables[table]:
            loading = event.get("text", "").startswith("Out for delivery")
            assert event["at"] < start + timedelta(hours=6 if loading else 0), event
            assert last.get(event[parent], event["at"]) <= event["at"], event
            last[event[parent]] = event["at"]
    for order in tables["orders"]:
        check_dates(order, day)
    for row in tables["returns"]:
        order = tables["orders"][row["order_id"] - 1]
        assert order["delivered_on"] <= row["created_at"].date() < day
    for refund in tables["refunds"]:
        assert (refund["state"] == "paid") <= (refund["completed_on"] is not None)
        assert refund["completed_on"] is None or refund["completed_on"] < day


def check_dates(order: Row, day: date) -> None:
    """An order's dates fit its state."""
    placed_on = order["placed_at"].date()
    assert placed_on < day
    if order["state"] in ("delivered", "returned"):
        assert placed_on <= order["delivered_on"] < day
    else:
        assert order["delivered_on"] is None
    if order["state"] == "out_for_delivery":
        assert order["expected_on"] == day
    if order["state"] in ("processing", "packed"):
        assert order["expected_on"] >= day or order["delivery_method"] == "click_and_collect"


def test_some_parcels_are_late_and_some_of_those_are_searched_for(rows: SeedRows) -> None:
    late = [order for order in rows.tables["orders"] if order["state"] == "dispatched" and order["expected_on"] < DAY]
    claimed = {claim["order_id"] for claim in rows.tables["claims"]}

    assert len(late) >= 10
    assert claimed and claimed < {order["id"] for order in late}


def test_big_televisions_go_by_two_person_delivery(rows: SeedRows) -> None:
    big = {row["id"] for row in rows.tables["products"] if row["specifications"].get("Delivery") == "two-person"}
    with_big = {item["order_id"] for item in rows.tables["order_items"] if item["product_id"] in big}

    assert {rows.tables["orders"][order_id - 1]["delivery_method"] for order_id in with_big} == {"two_person"}


def test_every_demo_order_can_do_what_it_is_for(database: Database, rows: SeedRows) -> None:
    with database.transaction() as session:
        write_seed(session, rows)
    with database.transaction() as session:
        assert cancellation(session, OPERATOR, "1043").allowed
        assert cancellation(session, OPERATOR, "1187").reason == "already_dispatched"
        returnable = return_eligibility(session, OPERATOR, "1256", NOON)
        assert returnable.allowed and len(returnable.items) == 2
        assert return_eligibility(session, OPERATOR, "1322", NOON).reason == "window_closed"
        assert [refund.state for refund in refunds(session, OPERATOR, "1409")] == ["awaiting_parcel"]
        assert missing_parcel_claim(session, OPERATOR, "1518", now=NOON).state == "searching"


@pytest.mark.parametrize("offset", range(7))
def test_demo_orders_belong_to_their_customers_whatever_the_weekday(offset: int) -> None:
    day = DAY + timedelta(days=offset)
    tables = generate(day, load_brand()).tables

    for customer in demo_customers():
        order = tables["orders"][customer.order_number - 1001]
        assert tables["customers"][order["customer_id"] - 1]["email"] == customer.person.email
        assert order["state"] == customer.state
        assert order["expected_on"] is None or (customer.state != "dispatched" or order["expected_on"] != day)


def test_demo_orders_show_at_the_first_glance_what_they_are(database: Database, rows: SeedRows) -> None:
    with database.transaction() as session:
        write_seed(session, rows)
    with database.reading() as session:
        order = get_order(session, OPERATOR, "1043")

    assert order is not None
    assert (order.state, order.address.recipient, order.customer_email_masked) == (
        "processing",
        "Alex Morgan",
        "a***@example.com",
    )


def test_returns_come_in_every_kind(rows: SeedRows) -> None:
    kinds = Counter(row["kind"] for row in rows.tables["returns"])

    assert set(kinds) == {"return", "exchange", "damage"}
