"""What the web channel asks of the database: identity, feedback, outcomes, end and erasure of one conversation.

Only a caller with the secret that channel and action server derive from FRONTDESK_SECRET_KEY gets an answer. It is not
enough to become somebody: for that the shop's own signature is checked here.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from sanic import Sanic, response
from sanic.request import Request
from sanic.response import HTTPResponse
from sqlalchemy.orm import Session

from actions.services import services
from frontdesk.signing import KeyRing, NotSigned, call_secret, read_statement
from knowledge_base import outcomes
from knowledge_base.database import DatabaseUnavailable
from knowledge_base.ended_conversations import end_conversation, has_ended
from knowledge_base.erase import erase_conversation
from knowledge_base.feedback import keep_feedback, thumbs_of
from knowledge_base.identity import LONGEST_CONVERSATION_ID, OtherCustomer, bind_signed_in, forget

logger = logging.getLogger(__name__)

PATH = "/conversations"
Answer = dict[str, Any]
Call = Callable[[str, Mapping[str, Any]], Awaitable[Answer]]


class Refused(Exception):
    """The call is refused, with a status and a code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


def add_conversation_calls(app: Sanic, secret_key: bytes, identity_keys: KeyRing) -> None:
    """Adds the calls to the action server. Errors tell the caller a code and nothing else."""

    async def identity(conversation: str, body: Mapping[str, Any]) -> Answer:
        here = services()
        try:
            statement = read_statement(identity_keys, _text(body, "statement"), here.clock())
        except NotSigned as error:
            logger.warning("a statement of who is signed in was refused", extra={"reason": str(error)})
            raise Refused(403, "identity_invalid") from error

        def bind(session: Session) -> Any:
            return bind_signed_in(session, conversation_id=conversation, email=statement.email, now=here.clock())

        try:
            principal = await here.in_transaction(bind)
        except OtherCustomer as error:
            raise Refused(409, "other_customer") from error
        until = principal.expires_at if principal is not None else None
        return {"identified_until": until.isoformat() if until else None}

    async def forget_identity(conversation: str, body: Mapping[str, Any]) -> Answer:
        await services().in_transaction(lambda session: forget(session, conversation))
        return {}

    async def feedback(conversation: str, body: Mapping[str, Any]) -> Answer:
        here, thumbs = services(), body.get("thumbs")
        message_id, comment = _text(body, "message_id"), _text(body, "comment")

        def keep(session: Session) -> None:
            keep_feedback(session, conversation, message_id, thumbs=thumbs, comment=comment, now=here.clock())

        try:
            await here.in_transaction(keep)
        except ValueError as error:
            raise Refused(400, "bad_request") from error
        return {}

    async def thumbs(conversation: str, body: Mapping[str, Any]) -> Answer:
        return {"thumbs": await services().read(lambda session: thumbs_of(session, conversation))}

    async def unanswered(conversation: str, body: Mapping[str, Any]) -> Answer:
        here, topic = services(), _text(body, "topic")

        def withdraw(session: Session) -> bool:
            return outcomes.withdraw_answer(session, conversation, topic, here.clock())

        return {"changed": await here.in_transaction(withdraw)}

    async def erase(conversation: str, body: Mapping[str, Any]) -> Answer:
        erased = await services().in_transaction(lambda session: erase_conversation(session, conversation))
        return {"erased": dict(erased)}

    async def end(conversation: str, body: Mapping[str, Any]) -> Answer:
        here, until = services(), _moment(body, "until")
        await here.in_transaction(
            lambda session: end_conversation(session, conversation, until=until, now=here.clock())
        )
        return {}

    async def ended(conversation: str, body: Mapping[str, Any]) -> Answer:
        here = services()
        return {"ended": await here.read(lambda session: has_ended(session, conversation, here.clock()))}

    calls: dict[str, Call] = {
        "identity": identity,
        "forget": forget_identity,
        "feedback": feedback,
        "thumbs": thumbs,
        "unanswered": unanswered,
        "erase": erase,
        "end": end,
        "ended": ended,
    }
    expected = f"Bearer {call_secret(secret_key)}".encode()

    async def answer(request: Request, name: str) -> HTTPResponse:
        try:
            if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected):
                raise Refused(401, "unauthorised")
            call = calls.get(name)
            if call is None:
                raise Refused(404, "not_found")
            body = request.json
            if not isinstance(body, dict):
                raise Refused(400, "bad_request")
            conversation = _text(body, "conversation_id")
            if not conversation.isprintable() or not 1 <= len(conversation) <= LONGEST_CONVERSATION_ID:
                raise Refused(400, "bad_request")
            return response.json(await call(conversation, body))
        except Refused as refused:
            logger.info("a call of the channel was refused", extra={"call": name, "code": refused.code})
            return response.json({"error": refused.code}, status=refused.status)
        except DatabaseUnavailable:
            logger.exception("a call of the channel failed", extra={"call": name})
            return response.json({"error": "unavailable"}, status=503)

    app.add_route(answer, f"{PATH}/<name:str>", methods=["POST"])


def _text(body: Mapping[str, Any], name: str) -> str:
    """A text of the body. Raises Refused."""
    value = body.get(name)
    if not isinstance(value, str):
        raise Refused(400, "bad_request")
    return value


def _moment(body: Mapping[str, Any], name: str) -> datetime:
    """A moment with its time zone. Raises Refused."""
    try:
        moment = datetime.fromisoformat(_text(body, name))
    except ValueError as error:
        raise Refused(400, "bad_request") from error
    if moment.tzinfo is None:
        raise Refused(400, "bad_request")
    return moment
