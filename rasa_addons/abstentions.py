"""Tells the action server, which alone writes to the database, that a question it found passages for stayed open."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Mapping, Optional, Set

from frontdesk.signing import SECRET_KEY_VARIABLE, call_secret
from rasa_addons.web.conversation_calls import ConversationCalls
from rasa_addons.web.errors import Unavailable
from rasa_addons.web.settings import ACTIONS_URL_VARIABLE

logger = logging.getLogger(__name__)


class Abstentions:
    """Notes of abstentions, made behind the customer's back so that nobody waits for them."""

    def __init__(self, calls: ConversationCalls) -> None:
        self._calls = calls
        self._under_way: Set[asyncio.Task[None]] = set()

    @classmethod
    def from_environment(cls, environment: Optional[Mapping[str, str]] = None) -> Optional[Abstentions]:
        """None where the action server or the secret that it wants to see is not set: then nothing can be noted."""
        variables = os.environ if environment is None else environment
        url, secret = variables.get(ACTIONS_URL_VARIABLE), variables.get(SECRET_KEY_VARIABLE)
        if not url or not secret:
            logger.info("abstentions are not kept in the database", extra={"needs": SECRET_KEY_VARIABLE})
            return None
        return cls(ConversationCalls(url, call_secret(secret.encode())))

    def note(self, conversation: str, topic: str) -> None:
        """Has the outcome of the search for `topic`, the title of its best passage, changed to "not answered"."""
        task = asyncio.get_running_loop().create_task(self._note(conversation, topic))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def finished(self) -> None:
        """Waits for the notes that are under way."""
        await asyncio.gather(*self._under_way)

    async def _note(self, conversation: str, topic: str) -> None:
        try:
            await self._calls.unanswered(conversation, topic)
        except Unavailable:
            logger.warning("an abstention is counted as an answer", extra={"sender": conversation})
