"""The whole system for the tests: a fresh database, both servers, and customers who talk to them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path

import pytest

from tests.e2e.action_gateway import ActionGateway
from tests.e2e.brand_hours import always_open, closed_today
from tests.e2e.customer import Customer
from tests.e2e.processes import action_server, environment, free_port, knowledge_base, rasa_server, running
from tests.e2e.shop_database import ShopDatabase
from tools.prepare import URL_VARIABLE, sqlite_file
from tools.project import VAR
from tools.services import LOOPBACK, Service

# Longer than three tries of the database (6 seconds), so that its own failure is told apart from a slow action server.
ACTION_TIMEOUT_SECONDS = 8

NewCustomer = Callable[[], Customer]


@dataclass
class System:
    """The running assistant: its addresses, its database, and the gateway before its action server."""

    url: str
    actions_url: str
    database: ShopDatabase
    gateway: ActionGateway
    rasa: Service
    today: date


@pytest.fixture(scope="session")
def today() -> date:
    """The day that the demo data ends at: the action server's own clock is the real one."""
    return datetime.now(timezone.utc).date()


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory, today: date) -> ShopDatabase:
    folder = tmp_path_factory.mktemp("database")
    untouched = folder / "untouched.db"
    _take_over_articles(untouched)
    knowledge_base(untouched, "init")
    knowledge_base(untouched, "seed", "--reset", "--date", today.isoformat())
    knowledge_base(untouched, "import", "data/knowledge")
    shop = ShopDatabase(folder / "shop.db", untouched)
    shop.restore()
    return shop


def _take_over_articles(target: Path) -> None:
    """Starts from the project's prepared database, if there is one: the import then skips articles it knows.

    Everything else in it is made anew, so that the tests do not depend on it.
    """
    prepared = sqlite_file(os.environ.get(URL_VARIABLE) or f"sqlite:///{VAR / 'frontdesk.db'}")
    if prepared is not None and prepared.is_file():
        reader = sqlite3.connect(f"file:{prepared}?mode=ro", uri=True)
        with closing(reader) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)


@pytest.fixture(scope="session")
def system(database: ShopDatabase, tmp_path_factory: pytest.TempPathFactory, today: date) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("servers")
    actions = action_server(free_port(), folder / "actions.log")
    rasa = rasa_server(free_port(), folder / "rasa.log")
    gateway = ActionGateway(actions.port)
    settings = environment(
        database.file,
        FRONTDESK_ACTIONS_PORT=str(actions.port),
        FRONTDESK_ACTIONS_URL=gateway.url,
        FRONTDESK_ACTION_TIMEOUT_SECONDS=str(ACTION_TIMEOUT_SECONDS),
        FRONTDESK_BRAND_FILE=str(always_open(folder / "brand.yml")),
    )
    with running([actions, rasa], settings):
        yield System(
            url=f"http://{LOOPBACK}:{rasa.port}",
            actions_url=f"http://{LOOPBACK}:{actions.port}",
            database=database,
            gateway=gateway,
            rasa=rasa,
            today=today,
        )
    gateway.close()


@pytest.fixture
def closed_action_server(system: System, tmp_path: Path) -> Iterator[None]:
    """Takes the place of the action server: one that thinks that support is closed."""
    server = action_server(free_port(), tmp_path / "actions.log")
    settings = environment(
        system.database.file,
        FRONTDESK_ACTIONS_PORT=str(server.port),
        FRONTDESK_BRAND_FILE=str(closed_today(tmp_path / "brand.yml", system.today)),
    )
    with running([server], settings), system.gateway.leading_to(server.port):
        yield


@pytest.fixture(autouse=True)
def shop(system: System) -> ShopDatabase:
    """The database, as the demo data left it."""
    system.database.restore()
    return system.database


@pytest.fixture
def new_customer(system: System) -> NewCustomer:
    """Makes customers, each with a conversation of their own."""
    return lambda: Customer(system.url, system.database)


@pytest.fixture
def customer(new_customer: NewCustomer) -> Customer:
    return new_customer()
