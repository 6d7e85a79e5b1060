"""What a client may do with its own conversation, beside messages: begin, identify, read, rate, stop, end and erase."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import datetime, timezone
from typing import Any, Dict, Optional, Set

from sanic import response
from sanic.request import Request
from sanic.response import HTTPResponse

from frontdesk.brand import Brand
from frontdesk.metrics import FEEDBACK, SESSIONS
from frontdesk.signing import LONGEST_STATEMENT_SECONDS, NotSigned, read_statement
from rasa_addons.message_text import clean_text
from rasa_addons.web.conversation_calls import ConversationCalls
from rasa_addons.web.errors import NO_STORE, BadRequest, ChannelError
from rasa_addons.web.history import MOST_MESSAGES, messages_of, newest_handoff
from rasa_addons.web.images import CONFIG as IMAGES_CONFIG
from rasa_addons.web.images import Images
from rasa_addons.web.limits import Limiter, address_of
from rasa_addons.web.requests import body_of, ready_agent, text_field
from rasa_addons.web.sessions import Issued, Session, Sessions
from rasa_addons.web.settings import WebSettings
from rasa_addons.web.shared_state import SharedState
from rasa_addons.web.tracker_erasure import erase_tracker
from rasa_addons.web.turns import KEPT_SECONDS, Turns

logger = logging.getLogger(__name__)

LONGEST_COMMENT = 1000
LONGEST_STATEMENT = 4000
THUMBS = ("up", "down")
_TURN = re.compile(r"[0-9a-f]{32}")


class Conversations:
    """The requests on conversations; each method but `config` answers one, and may raise ChannelError."""

    def __init__(
        self,
        settings: WebSettings,
        sessions: Sessions,
        limits: Limiter,
        turns: Turns,
        calls: ConversationCalls,
        state: SharedState,
        images: Optional[Images],
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._limits = limits
        self._turns = turns
        self._calls = calls
        self._state = state
        self._images = images
        self._ending: Set[asyncio.Future[None]] = set()

    def config(self, brand: Brand) -> Dict[str, Any]:
        """What a client needs to know before it begins."""
        return {
            "name": brand.name,
            "colour": brand.colour,
            "language": brand.language,
            "languages": [brand.language.partition("-")[0]],
            "support": {"email": brand.support_email, "phone": brand.support_phone, "hours": brand.hours.text},
            "require_session": self._settings.require_session,
            "features": {
                "streaming": True,
                "history": True,
                "feedback": True,
                "erase": True,
                "identity": bool(self._settings.identity_keys),
                "images": self._images is not None,
            },
            "limits": {
                "message_characters": self._settings.max_characters,
                "comment_characters": LONGEST_COMMENT,
                "resume_seconds": KEPT_SECONDS,
            },
            **({} if self._images is None else IMAGES_CONFIG),
        }

    async def begin(self, request: Request) -> HTTPResponse:
        """A new conversation, with who is signed in if the host says so."""
        body = body_of(request)
        statement = text_field(body, "identity")
        await self._limits.new_session(address_of(request))
        issued = await self._sessions.begin()
        until = await self._identified(issued.session.conversation, statement) if statement else None
        SESSIONS.labels(event="begun").inc()
        return response.json(_as_json(issued, until), status=201, headers=NO_STORE)

    async def renew(self, request: Request) -> HTTPResponse:
        """A fresh token for the same conversation."""
        session = await self._allowed(request)
        issued = self._sessions.renew(session)
        SESSIONS.labels(event="renewed").inc()
        return response.json(_as_json(issued, None), headers=NO_STORE)

    async def identify(self, request: Request) -> HTTPResponse:
        """Who is signed in on the host's site."""
        session = await self._allowed(request)
        statement = text_field(body_of(request), "identity")
        if not statement:
            raise BadRequest('The body must be {"identity": "STATEMENT"}.')
        until = await self._identified(session.conversation, statement)
        return response.json({"identified_until": _written(until)}, headers=NO_STORE)

    async def _identified(self, conversation: str, text: str) -> Optional[datetime]:
        if not self._settings.identity_keys:
            raise ChannelError(404, "not_offered", "No key for statements of who is signed in is set on this server.")
        if len(text) > LONGEST_STATEMENT:
            raise _identity_invalid()
        try:
            statement = read_statement(self._settings.identity_keys, text, _now())
        except NotSigned as error:
            logger.warning("a statement of who is signed in was refused", extra={"reason": str(error)})
            raise _identity_invalid() from error
        # A statement that leaks out of a page is of no use in anybody else's conversation.
        owner = await self._state.claim(f"statement:{statement.id}", conversation, LONGEST_STATEMENT_SECONDS + 60)
        if owner != conversation:
            logger.warning("a statement of who is signed in was used twice", extra={"sender": conversation})
            raise _identity_invalid()
        until = await self._calls.identify(conversation, text)
        SESSIONS.labels(event="identified" if until else "unknown_customer").inc()
        return until

    async def forget_identity(self, request: Request) -> HTTPResponse:
        """They have signed out."""
        session = await self._allowed(request)
        await self._calls.forget_identity(session.conversation)
        return response.empty()

    async def stop(self, request: Request) -> HTTPResponse:
        """Stops the answer that is being written."""
        session = await self._allowed(request)
        turn = text_field(body_of(request), "turn")
        if not _TURN.fullmatch(turn):
            raise BadRequest("The field turn must be the id of a turn.")
        await self._turns.stop(turn, session.conversation)
        return response.empty()

    async def history(self, request: Request) -> HTTPResponse:
        """The conversation so far."""
        session = await self._allowed(request)
        tracker = await ready_agent(request).tracker_store.retrieve_full_tracker(session.conversation)
        messages = messages_of(tracker.events) if tracker is not None else []
        thumbs: Dict[str, str] = {}
        if messages:
            try:
                thumbs = await self._calls.thumbs(session.conversation)
            except ChannelError:  # logged and counted there; the messages are worth having without them
                logger.warning("a history is shown without its thumbs", extra={"sender": session.conversation})
        body = {
            "messages": messages[-MOST_MESSAGES:],
            "handoff": newest_handoff(messages),
            "feedback": thumbs,
            "more": len(messages) > MOST_MESSAGES,
        }
        return response.json(body, headers=NO_STORE)

    async def feedback(self, request: Request) -> HTTPResponse:
        """Thumbs and a comment on one message."""
        session = await self._allowed(request)
        body = body_of(request)
        message_id, comment = text_field(body, "message_id"), clean_text(text_field(body, "comment"))
        thumbs = body.get("thumbs")
        if thumbs is not None and thumbs not in THUMBS:
            raise BadRequest('The field thumbs must be "up", "down" or null.')
        if len(comment) > LONGEST_COMMENT:
            raise BadRequest(f"The field comment may have at most {LONGEST_COMMENT} characters.")
        tracker = await ready_agent(request).tracker_store.retrieve_full_tracker(session.conversation)
        messages = messages_of(tracker.events) if tracker is not None else []
        if not any(message["id"] == message_id and message["role"] == "assistant" for message in messages):
            raise ChannelError(404, "not_found", "There is no such message.")
        await self._calls.feedback(session.conversation, message_id, thumbs, comment)
        FEEDBACK.labels(thumbs=thumbs or "none").inc()
        return response.empty()

    async def image(self, request: Request) -> HTTPResponse:
        """An image, to go along with a message."""
        if self._images is None:
            raise ChannelError(404, "not_offered", "This server takes no images.")
        session = await self._allowed(request)
        kind = request.headers.get("content-type", "")
        name = await self._images.keep(session.conversation, kind, request.body or b"")
        return response.json({"id": name}, status=201, headers=NO_STORE)

    async def end(self, request: Request) -> HTTPResponse:
        """Ends the conversation, and erases it if asked to."""
        session = await self._allowed(request)
        erase = body_of(request).get("erase", False)
        if not isinstance(erase, bool):
            raise BadRequest("The field erase must be true or false.")
        # A client that hangs up meanwhile does not leave it half done.
        ending = asyncio.ensure_future(self._ended(session, ready_agent(request) if erase else None))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        await asyncio.shield(ending)
        return response.json({"erased": True}, headers=NO_STORE) if erase else response.empty()

    async def _ended(self, session: Session, agent: Optional[Any]) -> None:
        """Ends the conversation; with `agent`, erases it too. If that fails, nothing has ended."""
        conversation = session.conversation
        # First, so that no message comes in any more; those that wait are answered before the lock is ours.
        until = await self._sessions.end(session)
        self._turns.stop_all(conversation)
        try:
            if agent is not None:
                async with agent.lock_store.lock(conversation):
                    await self._calls.erase(conversation)
                    await erase_tracker(agent.tracker_store, conversation)
                    if self._images is not None:
                        await self._images.erase(conversation)
            # Last: from here on its tokens are dead for good, and nobody could ask again for what was not done.
            await self._calls.end(conversation, until)
        except Exception:
            await self._sessions.take_back_end(session)
            raise
        if agent is not None:
            self._turns.forget(conversation)
        SESSIONS.labels(event="ended" if agent is None else "erased").inc()
        logger.info("a conversation was ended", extra={"sender": conversation, "erased": agent is not None})

    async def _allowed(self, request: Request) -> Session:
        session = await self._sessions.required(request)
        await self._limits.request(session.conversation)
        return session


def _as_json(issued: Issued, identified_until: Optional[datetime]) -> Dict[str, Any]:
    session = issued.session
    return {
        "token": issued.token,
        "expires_in": max(0, int((session.expires_at - _now()).total_seconds())),
        "expires_at": _written(session.expires_at),
        "renew_until": _written(issued.renew_until),
        "identified_until": _written(identified_until),
    }


def _identity_invalid() -> ChannelError:
    return ChannelError(401, "identity_invalid", "The statement of who is signed in is not valid.")


def _written(moment: Optional[datetime]) -> Optional[str]:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _now() -> datetime:
    return datetime.now(timezone.utc)
