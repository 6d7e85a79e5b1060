"""Sessions: a signed token that runs out is the only key to a conversation whose id the server drew."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Awaitable, Callable, Optional

from sanic.request import Request

from frontdesk.signing import NotSigned
from rasa_addons.web.errors import BadRequest, ChannelError
from rasa_addons.web.settings import WebSettings
from rasa_addons.web.shared_state import SharedState

AUDIENCE = "frontdesk-chat"
# Conversation ids of sessions; no client without a token may name one.
PREFIX = "web-"
RANDOM_BYTES = 16
LONGEST_SENDER = 128
LONGEST_TOKEN = 2000
GOOD, ENDED = "good", "ended"
GOOD_SECONDS = 3600  # how long it is remembered that a conversation has not ended; then the database is asked again


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Session:
    """Whoever holds this token: their conversation, and when it began."""

    conversation: str
    began: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Issued:
    """A token and its times."""

    token: str
    session: Session
    renew_until: datetime


class Sessions:
    """Issues tokens and knows which of them count."""

    def __init__(
        self,
        settings: WebSettings,
        state: SharedState,
        was_ended: Callable[[str], Awaitable[bool]],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """`was_ended` says of a conversation whether the database knows that it has ended: it outlives the state."""
        self._settings = settings
        self._state = state
        self._was_ended = was_ended
        self._clock = clock

    async def begin(self) -> Issued:
        """A token for a new conversation, with an id that nobody can guess. Raises StateUnavailable."""
        issued = self._issue(PREFIX + secrets.token_hex(RANDOM_BYTES), self._clock())
        await self._state.put(_standing(issued.session.conversation), GOOD, GOOD_SECONDS)
        return issued

    def renew(self, session: Session) -> Issued:
        """A fresh token for the same conversation. Raises ChannelError once it has gone on for too long."""
        if self._clock().timestamp() >= session.began.timestamp() + self._settings.conversation_seconds:
            raise _invalid()
        return self._issue(session.conversation, session.began)

    def _issue(self, conversation: str, began: datetime) -> Issued:
        now, start = int(self._clock().timestamp()), int(began.timestamp())
        renew_until = start + self._settings.conversation_seconds
        expires = min(now + self._settings.token_seconds, renew_until)
        claims = {
            "aud": AUDIENCE,
            "sub": conversation,
            "jti": uuid.uuid4().hex,
            "iat": now,
            "exp": expires,
            "began": start,
        }
        session = Session(conversation, _moment(start), _moment(expires))
        return Issued(self._settings.session_keys.sign(claims), session, _moment(renew_until))

    async def of(self, request: Request) -> Optional[Session]:
        """The session of a request's token; None where it brings none.

        Raises ChannelError for a token that does not count, or where the database has to be asked and does not answer;
        and StateUnavailable.
        """
        header = request.headers.get("authorization", "")
        scheme, _, token = header.partition(" ")
        if not header:
            return None
        if scheme.lower() != "bearer" or not token.strip() or len(token) > LONGEST_TOKEN:
            raise _invalid()
        try:
            claims = self._settings.session_keys.read(token.strip(), AUDIENCE, ("sub", "jti", "began"), self._clock())
        except NotSigned as error:
            raise _invalid() from error
        conversation, began = claims["sub"], claims["began"]
        if not isinstance(conversation, str) or not conversation.startswith(PREFIX) or not isinstance(began, int):
            raise _invalid()
        if await self._has_ended(conversation):
            raise _invalid()
        return Session(conversation, _moment(began), _moment(claims["exp"]))

    async def _has_ended(self, conversation: str) -> bool:
        key = _standing(conversation)
        standing = await self._state.value(key)
        if standing is None:
            # After a restart, or an hour. Whoever ends it meanwhile wins: their word is put, this one only claimed.
            known = ENDED if await self._was_ended(conversation) else GOOD
            standing = await self._state.claim(key, known, GOOD_SECONDS)
        return standing == ENDED

    async def required(self, request: Request) -> Session:
        """The session of a request that needs one. Raises as `of`, and ChannelError where there is none."""
        session = await self.of(request)
        if session is None:
            raise _missing()
        return session

    async def sender(self, request: Request, named: object) -> str:
        """The conversation of a message: the token's, or in open mode the one that the body names or a new one.

        Raises as `required`; ChannelError too where a body names a session's conversation or nothing that can be one.
        """
        session = await self.of(request)
        if session is not None:
            return session.conversation
        if self._settings.require_session:
            raise _missing()
        if named is not None and not isinstance(named, str):
            raise BadRequest("The field sender must be a text.")
        if not named:
            return uuid.uuid4().hex
        if len(named) > LONGEST_SENDER:
            raise BadRequest(f"The field sender may have at most {LONGEST_SENDER} characters.")
        if not named.isprintable():
            raise BadRequest("The field sender may have printable characters only.")
        if named.startswith(PREFIX):
            raise ChannelError(403, "sender_reserved", "This conversation belongs to a session; send its token.")
        return named

    async def end(self, session: Session) -> datetime:
        """From now on no token of this conversation counts; gives when the last of them would have run out.

        For longer than the state lives the database has to know. Raises StateUnavailable.
        """
        await self._state.put(_standing(session.conversation), ENDED, self._settings.conversation_seconds)
        return _moment(int(session.began.timestamp()) + self._settings.conversation_seconds)

    async def take_back_end(self, session: Session) -> None:
        """What was to end with the session could not be done: its tokens count again. Raises StateUnavailable."""
        await self._state.forget(_standing(session.conversation))


def _standing(conversation: str) -> str:
    return f"standing:{conversation}"


def _missing() -> ChannelError:
    return ChannelError(401, "session_required", "Begin a session: POST /webhooks/rest/session.")


def _invalid() -> ChannelError:
    return ChannelError(
        401, "session_invalid", "The session has ended; begin a new one.", response="utter_session_ended"
    )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
