"""What the channel asks of the action server, which alone reads and writes the shop's database.

Identity, feedback, outcomes, erasure and which conversations have ended stand there; a derived secret shows that it is
the channel that asks. A statement of who is signed in goes along as it is: the action server checks its signature
again, so that whoever has that secret still cannot make anybody a customer.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any, Dict, Mapping, Optional

import httpx

from frontdesk.metrics import FAILURES
from rasa_addons.web.errors import ChannelError, Unavailable

logger = logging.getLogger(__name__)

PATH = "/conversations"
CALL_SECONDS = 8.0  # longer than three tries of the database
OTHER_CUSTOMER = "other_customer"
WEBHOOK = "/webhook"


class ConversationCalls:
    """The action server's part of a conversation."""

    def __init__(
        self, actions_url: Optional[str], secret: str, transport: Optional[httpx.AsyncBaseTransport] = None
    ) -> None:
        """`actions_url` is the webhook's, as endpoints.yml has it; `transport` is for tests."""
        self._url = (actions_url or "").removesuffix(WEBHOOK) + PATH
        self._headers = {"Authorization": f"Bearer {secret}"}
        self._transport = transport

    async def identify(self, conversation: str, statement: str) -> Optional[datetime]:
        """Until when the conversation is the customer's whom the statement names; None for an email nobody has.

        Raises Unavailable, and ChannelError where it is another customer's already or the statement is refused.
        """
        said = await self._call("identity", conversation, statement=statement)
        until = said.get("identified_until")
        return datetime.fromisoformat(until) if until else None

    async def forget_identity(self, conversation: str) -> None:
        """From now on nobody is known to be the conversation's customer. Raises Unavailable."""
        await self._call("forget", conversation)

    async def feedback(self, conversation: str, message_id: str, thumbs: Optional[str], comment: str) -> None:
        """Keeps what the customer thinks of a message. Raises Unavailable."""
        await self._call("feedback", conversation, message_id=message_id, thumbs=thumbs, comment=comment)

    async def thumbs(self, conversation: str) -> Dict[str, str]:
        """The customer's thumbs by message. Raises Unavailable."""
        found = (await self._call("thumbs", conversation)).get("thumbs")
        return dict(found) if isinstance(found, dict) else {}

    async def unanswered(self, conversation: str, topic: str) -> None:
        """The passages found about `topic` did not answer the conversation's last question. Raises Unavailable."""
        await self._call("unanswered", conversation, topic=topic)

    async def erase(self, conversation: str) -> None:
        """Erases what the database has of the conversation. Raises Unavailable."""
        await self._call("erase", conversation)

    async def end(self, conversation: str, until: datetime) -> None:
        """Keeps that the conversation has ended, until its last token has run out, and forgets whose it was.

        Raises Unavailable.
        """
        await self._call("end", conversation, until=until.isoformat())

    async def was_ended(self, conversation: str) -> bool:
        """Whether `end` was called for the conversation. Raises Unavailable."""
        ended = (await self._call("ended", conversation)).get("ended")
        if not isinstance(ended, bool):
            raise self._failed("ended", "broken_answer")
        return ended

    async def _call(self, name: str, conversation: str, **values: Any) -> Mapping[str, Any]:
        body = {"conversation_id": conversation, **values}
        try:
            async with httpx.AsyncClient(timeout=CALL_SECONDS, transport=self._transport) as client:
                answer = await client.post(f"{self._url}/{name}", json=body, headers=self._headers)
            said = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise self._failed(name, type(error).__name__) from error
        if not isinstance(said, dict):
            raise self._failed(name, "broken_answer")
        if answer.status_code == 409 and said.get("error") == OTHER_CUSTOMER:
            raise ChannelError(
                409,
                OTHER_CUSTOMER,
                "This conversation belongs to another customer; begin a new session.",
            )
        if answer.status_code == 403:
            raise ChannelError(401, "identity_invalid", "The statement of who is signed in is not valid.")
        if answer.status_code != 200:
            raise self._failed(name, f"status_{answer.status_code}")
        return said

    def _failed(self, name: str, kind: str) -> Unavailable:
        FAILURES.labels(place="action_server", kind=kind).inc()
        logger.error("the action server did not do what the channel asked", extra={"call": name, "kind": kind})
        return Unavailable()
