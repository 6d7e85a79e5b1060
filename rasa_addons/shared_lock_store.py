"""Conversations' locks in Redis, for several Rasa servers: the tickets of Rasa's own store, issued one at a time.

Rasa 3.6.21's `RedisLockStore` reads a lock, changes it and writes it back. Two servers that do so at once can give the
same ticket twice, or delete a lock that somebody has just queued up at; messages of one conversation then run at the
same time. Here each such change is made under a short lock of its own.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, Text

import redis
from rasa.core.lock_store import LOCK_LIFETIME, LockError, RedisLockStore
from rasa.utils.endpoints import EndpointConfig

CHANGE_SECONDS = 2.0  # a change takes a millisecond; a server that dies within one blocks the conversation no longer


class SharedLockStore(RedisLockStore):
    """Named in the endpoints file: `lock_store: {type: rasa_addons.shared_lock_store.SharedLockStore, url: redis://...}`."""

    def __init__(self, endpoint_config: EndpointConfig) -> None:
        super().__init__()
        self.red = redis.StrictRedis.from_url(endpoint_config.url, socket_timeout=CHANGE_SECONDS)

    def issue_ticket(self, conversation_id: Text, lock_lifetime: float = LOCK_LIFETIME) -> int:
        with self._alone(conversation_id):
            return int(super().issue_ticket(conversation_id, lock_lifetime))

    def update_lock(self, conversation_id: Text) -> None:
        with self._alone(conversation_id):
            super().update_lock(conversation_id)

    def cleanup(self, conversation_id: Text, ticket_number: int) -> None:
        with self._alone(conversation_id):
            super().cleanup(conversation_id, ticket_number)

    @contextmanager
    def _alone(self, conversation_id: Text) -> Iterator[None]:
        """Within the block nobody else changes the conversation's tickets. Raises LockError."""
        name = f"{self.key_prefix}{conversation_id}:change"
        try:
            with self.red.lock(name, timeout=CHANGE_SECONDS, blocking_timeout=CHANGE_SECONDS, sleep=0.005):
                yield
        except redis.exceptions.RedisError as error:
            raise LockError(f"the lock of a conversation cannot be changed: {error}") from error
