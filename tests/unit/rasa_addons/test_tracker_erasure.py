"""A conversation that is erased is gone from Rasa's tracker stores, and no other is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rasa.core.tracker_store import (
    AwaitableTrackerStore,
    FailSafeTrackerStore,
    InMemoryTrackerStore,
    SQLTrackerStore,
    TrackerStore,
)
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from rasa_addons.web.tracker_erasure import CannotErase, erase_tracker


def memory(folder: Path) -> TrackerStore:
    return InMemoryTrackerStore(Domain.empty())


def database(folder: Path) -> TrackerStore:
    return SQLTrackerStore(Domain.empty(), dialect="sqlite", db=str(folder / "tracker.db"))


def fail_safe(folder: Path) -> TrackerStore:
    return AwaitableTrackerStore(FailSafeTrackerStore(database(folder), fallback_tracker_store=memory(folder)))


async def talk(store: TrackerStore, conversation: str) -> None:
    await store.save(DialogueStateTracker.from_events(conversation, [UserUttered("hello")]))


@pytest.mark.parametrize("make", [memory, database, fail_safe])
async def test_only_the_conversation_is_gone(make: Any, tmp_path: Path) -> None:
    store = make(tmp_path)
    for conversation in ("chat-1", "chat-2"):
        await talk(store, conversation)

    await erase_tracker(store, "chat-1")

    assert await store.retrieve_full_tracker("chat-1") is None
    assert await store.retrieve_full_tracker("chat-2") is not None
    assert list(await store.keys()) == ["chat-2"]


async def test_what_went_to_the_fallback_while_the_store_was_away_goes_too(tmp_path: Path) -> None:
    fallback = memory(tmp_path)
    await talk(fallback, "chat-1")

    await erase_tracker(FailSafeTrackerStore(database(tmp_path), fallback_tracker_store=fallback), "chat-1")

    assert await fallback.retrieve("chat-1") is None


async def test_a_store_of_another_kind_says_that_it_cannot_be_erased_from(tmp_path: Path) -> None:
    class Ledger(TrackerStore):
        """Keeps everything for ever."""

    with pytest.raises(CannotErase, match="Ledger"):
        await erase_tracker(Ledger(Domain.empty()), "chat-1")
