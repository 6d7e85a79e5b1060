"""What actions are handed: work on threads, transactions that hold or leave nothing, and a clear error without."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from actions import services as services_module
from actions.services import Services, services, utc_now
from knowledge_base import outcomes
from knowledge_base.database import DatabaseUnavailable
from knowledge_base.schema import ConversationOutcome
from tests.unit.actions.conftest import Shop
from tests.unit.actions.shop_orders import NOW


def test_without_installed_services_the_error_says_what_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services_module, "_installed", None)

    with pytest.raises(RuntimeError, match="python -m actions"):
        services()


def test_what_was_installed_is_what_actions_get(here: Services) -> None:
    assert services() is here


async def test_a_transaction_holds(shop: Shop) -> None:
    await shop.services.in_transaction(lambda session: outcomes.record(session, "chat-1", "failed", "test", NOW))

    assert shop.outcomes() == [("failed", "test")]


async def test_a_transaction_that_fails_leaves_nothing(shop: Shop) -> None:
    def half(session: Any) -> None:
        outcomes.record(session, "chat-1", "failed", "test", NOW)
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        await shop.services.in_transaction(half)

    assert shop.outcomes() == []


async def test_reading_cannot_write(shop: Shop) -> None:
    with pytest.raises((DatabaseUnavailable, OperationalError)):
        await shop.services.read(lambda session: outcomes.record(session, "chat-1", "failed", "test", NOW))

    assert shop.outcomes() == []


async def test_the_event_loop_stays_free_while_the_database_works(here: Services) -> None:
    release = threading.Event()

    def wait(session: Any) -> list[Any]:
        assert release.wait(timeout=10)
        return list(session.execute(select(ConversationOutcome)))

    waiting = asyncio.ensure_future(here.read(wait))
    await asyncio.sleep(0)
    release.set()  # only reached because the loop was not blocked

    assert await waiting == []


async def test_work_on_a_thread_runs_outside_the_event_loops_thread(here: Services) -> None:
    assert await here.in_thread(threading.get_ident) != threading.get_ident()


def test_the_clock_is_in_utc() -> None:
    assert utc_now().utcoffset() is not None
    assert str(utc_now().tzinfo) == "UTC"
