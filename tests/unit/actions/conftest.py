"""Services for the tests of the actions: a real SQLite database, mail in its outbox, and a fixed clock."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from actions import services as services_module
from actions.services import Services, install
from frontdesk.brand import load_brand
from knowledge_base.database import Database
from knowledge_base.mail import OutboxMailer
from knowledge_base.schema import ConversationOutcome, OutboxMail
from knowledge_base.search import KnowledgeSearch
from knowledge_base.seed.generator import generate
from knowledge_base.seed.rows import CATALOGUE_TABLES, SeedRows
from knowledge_base.seed.writer import write_seed
from tests.unit.actions.conversation_builder import Conversation
from tests.unit.actions.shop_orders import ALEX, NOW, TODAY, verify, write_customers_and_orders
from tests.unit.knowledge_base.hashing_encoder import HashingEncoder


@dataclass
class Shop:
    """What the actions work with, and ways to look at what they left behind."""

    services: Services

    def verified(self, conversation: Conversation, email: str = ALEX) -> Conversation:
        """Makes a conversation one whose customer is known."""
        with self.services.database.transaction() as session:
            verify(session, conversation.sender, email)
        return conversation

    def rows(self, table: Any) -> list[Any]:
        """Every row of a table, oldest first."""
        with self.services.database.reading() as session:
            return list(session.execute(select(table).order_by(*table.__table__.primary_key)).scalars())

    def codes(self) -> list[str]:
        """The codes that were mailed, oldest first."""
        return [re.findall(r"\b\d{6}\b", mail.body)[0] for mail in self.rows(OutboxMail)]

    def outcomes(self) -> list[tuple[str, str | None]]:
        """Kind and topic of what was counted."""
        return [(row.kind, row.topic) for row in self.rows(ConversationOutcome)]


@pytest.fixture(scope="session")
def database_files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Gives a new SQLite file each time: the shop's catalogue, two customers and their orders."""
    folder = tmp_path_factory.mktemp("actions")
    template = folder / "template.db"
    database = Database(f"sqlite:///{template}")
    database.migrate()
    everything = generate(date(TODAY.year, TODAY.month, TODAY.day), load_brand())
    with database.transaction() as session:
        write_seed(session, SeedRows({name: everything.tables[name] for name in CATALOGUE_TABLES}))
    with database.transaction() as session:
        write_customers_and_orders(session)
    database.close()
    numbers = itertools.count(1)

    def make() -> Path:
        copy = folder / f"shop{next(numbers)}.db"
        shutil.copy(template, copy)
        return copy

    return make


@pytest.fixture
def here(database_files: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Installed services on a database of this test's own."""
    monkeypatch.setattr(services_module, "_installed", None)
    brand = load_brand()
    database = Database(f"sqlite:///{database_files()}")
    encoder = HashingEncoder()
    instance = Services(
        database=database,
        search=KnowledgeSearch(database, encoder),
        encoder=encoder,
        mailer=OutboxMailer(brand.placeholders()),
        brand=brand,
        secret_key=b"a secret key that only tests use",
        relevance_floor=0.4,
        clock=lambda: NOW,
    )
    install(instance)
    yield instance
    instance.threads.shutdown(wait=True)
    database.close()


@pytest.fixture
def shop(here: Services) -> Shop:
    """The shop's data and what actions left in it."""
    return Shop(here)


@pytest.fixture
def conversation() -> Conversation:
    """A conversation that has not begun."""
    return Conversation()
