"""Proving who one is: a six-digit code, mailed to the customer of an order and confirmed in the conversation, or the
word of the shop's own site that they are signed in there.

A request that matches nobody leaves a decoy behind and is answered, limited and confirmed exactly like one
that matches, so that nobody learns which orders exist or whose they are. Codes are kept as HMAC-SHA256 under
a key that is not in the database.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from knowledge_base.locks import serialise
from knowledge_base.mail import Mailer, mail_text
from knowledge_base.orders import plain_order_number
from knowledge_base.principal import Principal
from knowledge_base.schema import Customer, Order, VerificationCode, VerifiedConversation

CODE_DIGITS = 6
CODE_LIFETIME = timedelta(minutes=10)
VERIFIED_FOR = timedelta(minutes=30)
MAX_TRIES = 5  # with six digits a code is guessed once in 200,000 attempts
MAX_REQUESTS = 5
REQUEST_WINDOW = timedelta(hours=1)
CODES_KEPT_FOR = timedelta(days=1)
LONGEST_CONVERSATION_ID = 255


class CodeResult(Enum):
    """What became of a code; `MAX_TRIES` wrong ones are WRONG, any after them TOO_MANY_TRIES."""

    VERIFIED = "verified"
    WRONG = "wrong"
    EXPIRED = "expired"
    TOO_MANY_TRIES = "too_many_tries"
    NOT_REQUESTED = "not_requested"


class OtherCustomer(Exception):
    """The conversation belongs to another customer: what was said in it is none of this one's business."""


class TooManyCodeRequests(Exception):
    """The conversation or the order has had its codes for now; ask again after `retry_after`."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(f"too many code requests; again in {retry_after}")
        self.retry_after = retry_after


def request_code(
    session: Session,
    *,
    conversation_id: str,
    order_number: str,
    email: str,
    now: datetime,
    mailer: Mailer,
    pepper: bytes,
) -> None:
    """Mail a code to the order's customer if the email is theirs; otherwise do the same and mail nothing.

    An earlier code of the conversation stops working. Raises TooManyCodeRequests, without having looked at
    whether order and email belong together.
    """
    conversation_id = _checked(conversation_id)
    number = plain_order_number(order_number)
    serialise(session, f"codes of conversation {conversation_id}", f"codes of order {number}")
    session.execute(
        delete(VerificationCode)
        .where(VerificationCode.created_at < now - CODES_KEPT_FOR)
        .execution_options(synchronize_session=False)
    )
    _refuse_too_many(session, VerificationCode.conversation_id == conversation_id, now)
    _refuse_too_many(session, VerificationCode.order_number == number, now)

    found = session.execute(
        select(Customer.id, Customer.email).join(Order, Order.customer_id == Customer.id).where(Order.number == number)
    ).one_or_none()
    on_record = found.email if found else "nobody@example.invalid"
    same_email = hmac.compare_digest(_comparable(plain_email(email)), _comparable(on_record))
    matches = same_email and found is not None

    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    _close_codes(session, conversation_id, now)
    session.add(
        VerificationCode(
            conversation_id=conversation_id,
            order_number=number,
            customer_id=found.id if matches and found else None,
            code_hmac=_code_hmac(pepper, conversation_id, code),
            tries=0,
            created_at=now,
            expires_at=now + CODE_LIFETIME,
        )
    )
    minutes = int(CODE_LIFETIME.total_seconds()) // 60
    subject, body = mail_text("verification_code", {**mailer.placeholders, "code": code, "minutes": str(minutes)})
    session.flush()
    if matches and found:
        mailer.send(session, found.email, subject, body, now)


def confirm_code(session: Session, *, conversation_id: str, code: str, now: datetime, pepper: bytes) -> CodeResult:
    """Compare a code with the last one of this conversation; on success the conversation is verified.

    The try is counted before the comparison, by a statement that two transactions cannot both win for the
    last try. The caller must commit whatever the result.
    """
    conversation_id = _checked(conversation_id)
    guess = _code_hmac(pepper, conversation_id, _digits(code))
    latest = (
        select(VerificationCode)
        .where(VerificationCode.conversation_id == conversation_id, VerificationCode.closed_at.is_(None))
        .order_by(VerificationCode.id.desc())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    requested = session.execute(latest).scalar_one_or_none()
    if requested is None:
        return CodeResult.NOT_REQUESTED
    if now >= requested.expires_at:
        return CodeResult.EXPIRED
    counted = session.execute(
        update(VerificationCode)
        .where(VerificationCode.id == requested.id, VerificationCode.tries < MAX_TRIES)
        .values(tries=VerificationCode.tries + 1)
        .execution_options(synchronize_session=False)
    ).rowcount
    if counted == 0:
        return CodeResult.TOO_MANY_TRIES
    same = hmac.compare_digest(requested.code_hmac, guess)
    if not same or requested.customer_id is None:
        return CodeResult.WRONG
    _close_codes(session, conversation_id, now)
    _verify(session, conversation_id, requested.customer_id, now)
    return CodeResult.VERIFIED


def bind_signed_in(session: Session, *, conversation_id: str, email: str, now: datetime) -> Principal | None:
    """The shop vouches for who is signed in on its site: the conversation is theirs, as after a code.

    None where nobody has this email; the conversation stays as it was. A later call makes the proof longer. The caller
    has checked the shop's signature. Raises OtherCustomer, even where the other one's proof has run out.
    """
    conversation_id = _checked(conversation_id)
    serialise(session, f"identity of conversation {conversation_id}")
    customer_id = session.execute(select(Customer.id).where(Customer.email == plain_email(email))).scalar_one_or_none()
    if customer_id is None:
        return None
    before = session.get(VerifiedConversation, conversation_id)
    if before is not None and before.customer_id != customer_id:
        raise OtherCustomer("the conversation belongs to another customer")
    _close_codes(session, conversation_id, now)
    _verify(session, conversation_id, customer_id, now)
    return principal_for(session, conversation_id, now)


def principal_for(session: Session, conversation_id: str, now: datetime) -> Principal | None:
    """The customer this conversation belongs to, as long as the proof is fresh; None otherwise."""
    verified = session.execute(
        select(VerifiedConversation).where(
            VerifiedConversation.conversation_id == _checked(conversation_id),
            VerifiedConversation.expires_at > now,
        )
    ).scalar_one_or_none()
    if verified is None:
        return None
    return Principal(
        customer_id=verified.customer_id,
        role="customer",
        conversation_id=verified.conversation_id,
        expires_at=verified.expires_at,
    )


def forget(session: Session, conversation_id: str) -> None:
    """Take back the conversation's proof of identity and any code it may still confirm."""
    conversation_id = _checked(conversation_id)
    session.execute(
        delete(VerifiedConversation)
        .where(VerifiedConversation.conversation_id == conversation_id)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(VerificationCode)
        .where(VerificationCode.conversation_id == conversation_id, VerificationCode.closed_at.is_(None))
        .values(closed_at=VerificationCode.created_at)
        .execution_options(synchronize_session=False)
    )


def plain_email(email: str) -> str:
    """`email` as customers' addresses are kept: trimmed, in lower case."""
    return unicodedata.normalize("NFKC", email).strip().lower()


def _refuse_too_many(session: Session, same: object, now: datetime) -> None:
    recent = (
        select(VerificationCode.created_at)
        .where(same, VerificationCode.created_at > now - REQUEST_WINDOW)
        .order_by(VerificationCode.created_at.desc())
        .limit(MAX_REQUESTS)
    )
    requested_at = session.execute(recent).scalars().all()
    if len(requested_at) >= MAX_REQUESTS:
        raise TooManyCodeRequests(requested_at[-1] + REQUEST_WINDOW - now)


def _close_codes(session: Session, conversation_id: str, now: datetime) -> None:
    session.execute(
        update(VerificationCode)
        .where(VerificationCode.conversation_id == conversation_id, VerificationCode.closed_at.is_(None))
        .values(closed_at=now)
        .execution_options(synchronize_session=False)
    )


def _verify(session: Session, conversation_id: str, customer_id: int, now: datetime) -> None:
    """Write the row that proves who the conversation's customer is."""
    session.merge(
        VerifiedConversation(
            conversation_id=conversation_id, customer_id=customer_id, verified_at=now, expires_at=now + VERIFIED_FOR
        )
    )
    session.flush()


def _code_hmac(pepper: bytes, conversation_id: str, code: str) -> str:
    return hmac.new(pepper, f"{conversation_id}|{code}".encode(), hashlib.sha256).hexdigest()


def _digits(code: str) -> str:
    """The ASCII digits of a typed code, "123 456" being "123456"."""
    return re.sub(r"[^0-9]", "", unicodedata.normalize("NFKC", code))


def _comparable(text: str) -> bytes:
    """A digest of fixed length: comparing it takes the same time for every address."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _checked(conversation_id: str) -> str:
    if not conversation_id.isprintable() or not 1 <= len(conversation_id) <= LONGEST_CONVERSATION_ID:
        raise ValueError(f"a conversation id is 1 to {LONGEST_CONVERSATION_ID} printable characters")
    return conversation_id
