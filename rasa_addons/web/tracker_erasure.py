"""Takes a conversation out of Rasa's tracker store, which has no way to do so itself in 3.6.21."""

from __future__ import annotations

import asyncio
from typing import Any, Iterator

from rasa.core.tracker_store import (
    AwaitableTrackerStore,
    FailSafeTrackerStore,
    InMemoryTrackerStore,
    MongoTrackerStore,
    RedisTrackerStore,
    SQLTrackerStore,
    TrackerStore,
)


class CannotErase(Exception):
    """The tracker store is of a kind that we cannot take conversations out of."""


def stores_in(store: TrackerStore) -> Iterator[TrackerStore]:
    """The stores behind Rasa's wrappers, the one for failures included."""
    if isinstance(store, FailSafeTrackerStore):
        yield from stores_in(store._tracker_store)
        if store._fallback_tracker_store is not None:
            yield from stores_in(store._fallback_tracker_store)
    elif isinstance(store, AwaitableTrackerStore):
        yield from stores_in(store._tracker_store)
    else:
        yield store


async def erase_tracker(store: TrackerStore, conversation: str) -> None:
    """Takes all of the conversation's events out of the store.

    The caller holds the conversation's lock, as a turn that is under way would write them back. Raises CannotErase,
    and whatever the store raises where it does not answer.
    """
    for kept in stores_in(store):
        if isinstance(kept, InMemoryTrackerStore):
            kept.store.pop(conversation, None)
        elif isinstance(kept, SQLTrackerStore):
            await asyncio.to_thread(_erase_rows, kept, conversation)
        elif isinstance(kept, RedisTrackerStore):
            await asyncio.to_thread(kept.red.delete, kept.key_prefix + conversation)
        elif isinstance(kept, MongoTrackerStore):
            await asyncio.to_thread(kept.conversations.delete_one, {"sender_id": conversation})
        else:
            raise CannotErase(f"no conversation can be taken out of a {type(kept).__name__}")


def _erase_rows(store: Any, conversation: str) -> None:
    with store.session_scope() as session:
        session.query(store.SQLEvent).filter(store.SQLEvent.sender_id == conversation).delete(synchronize_session=False)
        session.commit()
