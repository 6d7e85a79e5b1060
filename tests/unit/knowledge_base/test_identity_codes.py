"""Identity: codes prove who one is, and nothing on the way tells an attacker anything."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from knowledge_base.database import Database
from knowledge_base.identity import (
    CodeResult,
    TooManyCodeRequests,
    confirm_code,
    forget,
    principal_for,
    request_code,
)
from knowledge_base.mail import OutboxMailer
from knowledge_base.principal import Principal
from knowledge_base.schema import OutboxMail, VerificationCode, VerifiedConversation

PEPPER = b"a secret key that only tests use"
PLACEHOLDERS = {
    "shop_name": "Shop",
    "support_email": "help@example.com",
    "support_phone": "0113 496 0000",
    "support_hours": "Mon-Fri 8:00-20:00",
    "site_url": "https://example.com",
}
MATCH = ("1043", "alex@example.com")
FOREIGN = ("1044", "alex@example.com")  # an order of somebody else
UNKNOWN = ("9999", "alex@example.com")
MISMATCHES = [FOREIGN, UNKNOWN, ("1043", "sam@example.org"), ("1043", ""), ("", "alex@example.com")]


class Conversation:
    """A customer who asks for codes and types them."""

    def __init__(self, database: Database, now: datetime, conversation_id: str = "chat-1") -> None:
        self.database, self.now, self.id = database, now, conversation_id

    def ask(self, order_number: str, email: str) -> None:
        with self.database.transaction() as session:
            request_code(
                session,
                conversation_id=self.id,
                order_number=order_number,
                email=email,
                now=self.now,
                mailer=OutboxMailer(PLACEHOLDERS),
                pepper=PEPPER,
            )

    def enter(self, code: str) -> CodeResult:
        with self.database.transaction() as session:
            return confirm_code(session, conversation_id=self.id, code=code, now=self.now, pepper=PEPPER)

    def principal(self) -> Principal | None:
        with self.database.reading() as session:
            return principal_for(session, self.id, self.now)

    def mailed_code(self) -> str:
        """The code in the newest mail."""
        with self.database.reading() as session:
            body = session.query(OutboxMail).order_by(OutboxMail.id.desc()).first().body
        return re.findall(r"\b\d{6}\b", body)[0]

    def wrong_code(self) -> str:
        return f"{(int(self.mailed_code()) + 1) % 1_000_000:06d}"


@pytest.fixture
def chat(database: Database, rows: Any, now: datetime) -> Conversation:
    """A conversation in a shop where Alex has order 1043 and Sam has order 1044."""
    rows.product("KET-1", "39.99")
    rows.order("1043", rows.customer("alex@example.com"), [("KET-1", 1)], "processing")
    rows.order("1044", rows.customer("sam@example.org"), [("KET-1", 1)], "processing")
    return Conversation(database, now)


def test_the_mailed_code_verifies_the_conversation(chat: Conversation) -> None:
    chat.ask(*MATCH)
    assert chat.enter(chat.mailed_code()) is CodeResult.VERIFIED
    principal = chat.principal()
    assert principal is not None
    assert (principal.customer_id, principal.role, principal.conversation_id) == (1, "customer", "chat-1")


@pytest.mark.parametrize("email", ["ALEX@Example.COM", "  alex@example.com \n"])
def test_email_matches_whatever_its_case_and_the_spaces_around_it(chat: Conversation, email: str) -> None:
    chat.ask("1043", email)
    assert chat.enter(chat.mailed_code()) is CodeResult.VERIFIED


@pytest.mark.parametrize("number", ["#1043", " 1043 ", "１０４３"])
def test_order_numbers_match_however_they_are_typed(chat: Conversation, number: str) -> None:
    chat.ask(number, "alex@example.com")
    assert chat.enter(chat.mailed_code()) is CodeResult.VERIFIED


@pytest.mark.parametrize("typed", ["{} {}", "{}-{}", " {}{}\n"])
def test_codes_match_however_they_are_spaced(chat: Conversation, typed: str) -> None:
    chat.ask(*MATCH)
    code = chat.mailed_code()
    assert chat.enter(typed.format(code[:3], code[3:])) is CodeResult.VERIFIED


def test_the_mail_goes_to_the_address_on_record_and_names_the_shop(chat: Conversation, rows: Any) -> None:
    chat.ask("1043", "ALEX@EXAMPLE.COM")
    (mail,) = rows.all(OutboxMail)
    assert mail.to_address == "alex@example.com"
    assert mail.subject == "Your Shop verification code"
    assert "10 minutes" in mail.body and "{" not in mail.body


@pytest.mark.parametrize("request_of", MISMATCHES)
def test_a_request_that_does_not_match_mails_nothing(
    chat: Conversation, rows: Any, request_of: tuple[str, str]
) -> None:
    chat.ask(*request_of)
    assert rows.all(OutboxMail) == []


def shape_of(row: VerificationCode) -> tuple[Any, ...]:
    return (row.conversation_id, len(row.code_hmac), row.tries, row.created_at, row.expires_at, row.closed_at)


@pytest.mark.parametrize("request_of", MISMATCHES)
def test_a_request_that_does_not_match_leaves_the_same_traces(
    chat: Conversation, rows: Any, request_of: tuple[str, str]
) -> None:
    chat.ask(*MATCH)
    chat.id = "chat-2"
    chat.ask(*request_of)
    matching, decoy = rows.all(VerificationCode)
    assert shape_of(decoy) == ("chat-2", *shape_of(matching)[1:])


@pytest.mark.parametrize("request_of", MISMATCHES)
def test_a_request_that_does_not_match_runs_the_same_statements_but_for_the_mail(
    chat: Conversation, request_of: tuple[str, str]
) -> None:
    def statements(request_of: tuple[str, str]) -> list[str]:
        seen: list[str] = []
        listener = ("before_cursor_execute", lambda _c, _cur, statement, *_: seen.append(statement))
        event.listen(chat.database.engine, *listener)
        chat.ask(*request_of)
        event.remove(chat.database.engine, *listener)
        return [statement for statement in seen if "outbox" not in statement]

    assert statements(request_of) == statements(MATCH)


@pytest.mark.parametrize("request_of", MISMATCHES)
def test_a_decoy_is_confirmed_like_a_real_code(chat: Conversation, request_of: tuple[str, str]) -> None:
    chat.ask(*request_of)
    assert [chat.enter("000000") for _ in range(6)] == [CodeResult.WRONG] * 5 + [CodeResult.TOO_MANY_TRIES]
    chat.now += timedelta(minutes=10)
    assert chat.enter("000000") is CodeResult.EXPIRED


def test_even_the_right_guess_of_a_decoy_verifies_nobody(chat: Conversation, database: Database) -> None:
    chat.ask(*FOREIGN)
    with database.transaction() as session:
        decoy = session.query(VerificationCode).one()
        decoy.code_hmac = hmac.new(PEPPER, b"chat-1|123456", hashlib.sha256).hexdigest()
    assert chat.enter("123456") is CodeResult.WRONG
    assert chat.principal() is None


def test_a_code_is_kept_only_as_an_hmac_under_the_pepper(chat: Conversation, rows: Any) -> None:
    chat.ask(*MATCH)
    (row,) = rows.all(VerificationCode)
    code = chat.mailed_code()
    assert row.code_hmac == hmac.new(PEPPER, f"chat-1|{code}".encode(), hashlib.sha256).hexdigest()
    assert code not in {str(value) for value in vars(row).values()}


def test_codes_are_compared_in_constant_time(chat: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[Any, Any]] = []

    def compare(left: Any, right: Any) -> bool:
        compared.append((left, right))
        return left == right

    monkeypatch.setattr(hmac, "compare_digest", compare)
    chat.ask(*MATCH)
    compared.clear()
    assert chat.enter(chat.mailed_code()) is CodeResult.VERIFIED
    assert len(compared) == 1


def test_no_code_was_requested(chat: Conversation) -> None:
    assert chat.enter("123456") is CodeResult.NOT_REQUESTED


def test_a_code_of_another_conversation_is_wrong(chat: Conversation, database: Database, now: datetime) -> None:
    chat.ask(*MATCH)
    code = chat.mailed_code()
    other = Conversation(database, now, "chat-2")
    other.ask(*UNKNOWN)
    assert other.enter(code) is CodeResult.WRONG


def test_a_code_lasts_ten_minutes(chat: Conversation, now: datetime) -> None:
    chat.ask(*MATCH)
    chat.now = now + timedelta(minutes=10)
    assert chat.enter(chat.mailed_code()) is CodeResult.EXPIRED
    chat.now = now + timedelta(minutes=9, seconds=59)
    assert chat.enter(chat.mailed_code()) is CodeResult.VERIFIED


def test_a_code_works_once(chat: Conversation) -> None:
    chat.ask(*MATCH)
    code = chat.mailed_code()
    chat.enter(code)
    assert chat.enter(code) is CodeResult.NOT_REQUESTED


def test_a_new_code_makes_the_old_one_useless(chat: Conversation) -> None:
    chat.ask(*MATCH)
    old = chat.mailed_code()
    chat.ask(*MATCH)
    while chat.mailed_code() == old:  # one in a million
        chat.ask(*MATCH)
    assert chat.enter(old) is CodeResult.WRONG
    assert chat.enter(chat.mailed_code()) is CodeResult.VERIFIED


def test_a_request_for_another_order_makes_the_old_code_useless(chat: Conversation) -> None:
    chat.ask(*MATCH)
    chat.ask(*UNKNOWN)
    assert chat.enter(chat.mailed_code()) is CodeResult.WRONG


def test_the_right_code_after_five_wrong_ones_is_refused(chat: Conversation) -> None:
    chat.ask(*MATCH)
    assert [chat.enter(chat.wrong_code()) for _ in range(5)] == [CodeResult.WRONG] * 5
    assert chat.enter(chat.mailed_code()) is CodeResult.TOO_MANY_TRIES
    assert chat.principal() is None


def test_the_fifth_try_still_counts(chat: Conversation) -> None:
    chat.ask(*MATCH)
    for _ in range(4):
        chat.enter(chat.wrong_code())
    assert chat.enter(chat.mailed_code()) is CodeResult.VERIFIED


@pytest.mark.parametrize("nonsense", ["", "abc", "12345", "1" * 10_000, "\0\ud800"])
def test_nonsense_counts_as_a_try(chat: Conversation, rows: Any, nonsense: str) -> None:
    chat.ask(*MATCH)
    assert chat.enter(nonsense) is CodeResult.WRONG
    assert rows.all(VerificationCode)[0].tries == 1


def test_confirmations_at_once_get_five_tries_together(
    chat: Conversation, rows: Any, at_once: Callable[..., list[Any]]
) -> None:
    chat.ask(*MATCH)
    wrong = chat.wrong_code()

    def enter(session: Session) -> CodeResult:
        return confirm_code(session, conversation_id="chat-1", code=wrong, now=chat.now, pepper=PEPPER)

    results = at_once(enter, 8)
    assert results.count(CodeResult.WRONG) == 5
    assert results.count(CodeResult.TOO_MANY_TRIES) == 3
    assert rows.all(VerificationCode)[0].tries == 5


def test_of_two_confirmations_at_once_one_verifies(chat: Conversation, at_once: Callable[..., list[Any]]) -> None:
    chat.ask(*MATCH)
    code = chat.mailed_code()

    def enter(session: Session) -> CodeResult:
        return confirm_code(session, conversation_id="chat-1", code=code, now=chat.now, pepper=PEPPER)

    assert sorted(result.value for result in at_once(enter, 4)) == ["not_requested"] * 3 + ["verified"]


@pytest.mark.parametrize("request_of", [MATCH, FOREIGN, UNKNOWN])
def test_a_conversation_gets_five_codes_an_hour(chat: Conversation, request_of: tuple[str, str]) -> None:
    for _ in range(5):
        chat.ask(*request_of)
        chat.now += timedelta(minutes=1)
    with pytest.raises(TooManyCodeRequests) as caught:
        chat.ask("1111", "someone@example.net")
    assert caught.value.retry_after == timedelta(minutes=55)
    chat.now += caught.value.retry_after
    chat.ask(*request_of)


@pytest.mark.parametrize("request_of", [MATCH, FOREIGN, UNKNOWN])
def test_an_order_gets_five_codes_an_hour_from_all_conversations(
    chat: Conversation, request_of: tuple[str, str]
) -> None:
    for number in range(5):
        chat.id = f"chat-{number}"
        chat.ask(*request_of)
    chat.id = "chat-5"
    with pytest.raises(TooManyCodeRequests) as caught:
        chat.ask(f"#{request_of[0]}", "someone@example.net")
    assert caught.value.retry_after == timedelta(hours=1)


def test_requests_at_once_do_not_get_past_the_limit(
    chat: Conversation, rows: Any, at_once: Callable[..., list[Any]]
) -> None:
    def ask(session: Session) -> None:
        request_code(
            session,
            conversation_id="chat-1",
            order_number="1043",
            email="alex@example.com",
            now=chat.now,
            mailer=OutboxMailer(PLACEHOLDERS),
            pepper=PEPPER,
        )

    results = at_once(ask, 8)
    assert sum(isinstance(result, TooManyCodeRequests) for result in results) == 3
    open_codes = [row for row in rows.all(VerificationCode) if row.closed_at is None]
    assert (len(rows.all(VerificationCode)), len(open_codes)) == (5, 1)


def test_old_code_requests_are_not_kept(chat: Conversation, rows: Any) -> None:
    chat.ask(*MATCH)
    chat.now += timedelta(days=1, seconds=1)
    chat.ask(*MATCH)
    assert len(rows.all(VerificationCode)) == 1


def test_a_proof_lasts_thirty_minutes(chat: Conversation, now: datetime) -> None:
    chat.ask(*MATCH)
    chat.enter(chat.mailed_code())
    chat.now = now + timedelta(minutes=29, seconds=59)
    assert chat.principal() is not None
    chat.now = now + timedelta(minutes=30)
    assert chat.principal() is None


def test_a_proof_is_for_one_conversation(chat: Conversation, database: Database, now: datetime) -> None:
    chat.ask(*MATCH)
    chat.enter(chat.mailed_code())
    assert Conversation(database, now, "chat-2").principal() is None


def test_a_second_customer_in_the_conversation_takes_the_place_of_the_first(chat: Conversation, rows: Any) -> None:
    chat.ask(*MATCH)
    chat.enter(chat.mailed_code())
    chat.ask("1044", "sam@example.org")
    chat.enter(chat.mailed_code())
    assert [row.customer_id for row in rows.all(VerifiedConversation)] == [2]


def test_forgetting_takes_back_the_proof_and_the_open_code(chat: Conversation, database: Database) -> None:
    chat.ask(*MATCH)
    chat.enter(chat.mailed_code())
    chat.ask(*MATCH)
    with database.transaction() as session:
        forget(session, "chat-1")
    assert chat.principal() is None
    assert chat.enter(chat.mailed_code()) is CodeResult.NOT_REQUESTED


@pytest.mark.parametrize("conversation_id", ["", "x" * 256, "a\0b", "a\nb"])
def test_an_impossible_conversation_id_is_refused(chat: Conversation, conversation_id: str) -> None:
    chat.id = conversation_id
    with pytest.raises(ValueError, match="conversation id"):
        chat.ask(*MATCH)
