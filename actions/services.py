"""What actions work with: database, knowledge search, mail, brand, clock. Made once, when the server starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TypeVar

from sqlalchemy.orm import Session

from frontdesk.brand import Brand
from frontdesk.language_model import DEFAULT_SUMMARY_SECONDS
from knowledge_base.database import Database
from knowledge_base.encoder import Encoder
from knowledge_base.mail import Mailer
from knowledge_base.search import KnowledgeSearch
from llm_component.client import LlmClient

Result = TypeVar("Result")

# Database calls wait, they do not compute: a few threads keep every conversation moving.
DATABASE_THREADS = 8


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass
class Services:
    """Handed to actions through `services()`; tests install their own."""

    database: Database
    search: KnowledgeSearch
    encoder: Encoder
    mailer: Mailer
    brand: Brand
    secret_key: bytes
    relevance_floor: float
    clock: Callable[[], datetime] = utc_now
    language_model: LlmClient | None = None  # None: FRONTDESK_LLM_URL names no server
    summary_seconds: float = DEFAULT_SUMMARY_SECONDS
    articles_url: str | None = None  # where articles without a page of their own are shown; None: nowhere
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="database")
    )

    async def in_transaction(self, work: Callable[[Session], Result]) -> Result:
        """Runs `work(session)` in one transaction on a thread; the event loop stays free.

        Raises:
            DatabaseUnavailable: the database is locked or gone after the retries of `Database.transaction`.
        """

        def call() -> Result:
            with self.database.transaction() as session:
                return work(session)

        return await asyncio.get_running_loop().run_in_executor(self.threads, call)

    async def read(self, work: Callable[[Session], Result]) -> Result:
        """Like `in_transaction`, for work that changes nothing: it never waits for a writer."""

        def call() -> Result:
            with self.database.reading() as session:
                return work(session)

        return await asyncio.get_running_loop().run_in_executor(self.threads, call)

    async def in_thread(self, work: Callable[[], Result]) -> Result:
        """Runs work that opens its own transactions (knowledge search, encoding) on a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)


_installed: Services | None = None


def install(instance: Services) -> None:
    """Makes `instance` what actions work with."""
    global _installed
    _installed = instance


def services() -> Services:
    """The installed services.

    Raises:
        RuntimeError: an action ran before the server (or a test) installed them.
    """
    if _installed is None:
        raise RuntimeError("No services are installed: start the action server with `python -m actions`.")
    return _installed
