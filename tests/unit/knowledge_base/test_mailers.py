"""Mailers: nothing goes out of a transaction that is rolled back, and failures are counted, not shown."""

from __future__ import annotations

import logging
import socketserver
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from knowledge_base.database import Database
from knowledge_base.mail import MailFailed, OutboxMailer, SmtpMailer, mail_text, mailer_from_settings
from knowledge_base.schema import OutboxMail
from knowledge_base.settings import DatabaseSettings, SettingsError

SENDER = "Shop <no-reply@example.com>"
VALUES = dict.fromkeys(("shop_name", "support_email", "support_phone", "support_hours", "site_url"), "x")


class SmtpSession(socketserver.StreamRequestHandler):
    """One conversation of a mail server that speaks the few commands of RFC 5321 a client needs."""

    def handle(self) -> None:
        self.say("220 ready")
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "DATA":
                self.say("354 go on")
                self.server.mails.append(self.message())  # type: ignore[attr-defined]
                self.say("250 taken")
            elif verb == "RCPT" and self.server.refuses:  # type: ignore[attr-defined]
                self.say("550 no such mailbox <alex@example.com>")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def message(self) -> str:
        lines = []
        while (line := self.rfile.readline().decode()) != ".\r\n":
            lines.append(line)
        return "".join(lines)


@pytest.fixture
def server() -> Iterator[Any]:
    """A mail server on the loopback; `mails` are what it took, `refuses` makes it refuse every recipient."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), SmtpSession) as running:
        running.mails, running.refuses = [], False  # type: ignore[attr-defined]
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def mailer_for(server: Any, query: str = "?tls=none") -> SmtpMailer:
    url = f"smtp://127.0.0.1:{server.server_address[1]}{query}"
    return SmtpMailer(url, SENDER, VALUES, timeout=5, pauses=(0.0, 0.0))


def send(mailer: Any, session: Any, now: datetime) -> None:
    mailer.send(session, "alex@example.com", "Your code", "It is 123456", now)


def test_the_verification_template_fills_every_placeholder() -> None:
    subject, body = mail_text("verification_code", {**VALUES, "code": "123456", "minutes": "10", "shop_name": "{a}"})
    assert subject == "Your {a} verification code"
    assert "123456" in body and "10 minutes" in body


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="shop_name"):
        mail_text("verification_code", {})


def test_the_outbox_keeps_a_mail_with_its_transaction(database: Database, rows: Any, now: datetime) -> None:
    with database.transaction() as session:
        send(OutboxMailer(VALUES), session, now)
    with pytest.raises(KeyError), database.transaction() as session:
        send(OutboxMailer(VALUES), session, now)
        raise KeyError
    assert [(mail.to_address, mail.subject) for mail in rows.all(OutboxMail)] == [("alex@example.com", "Your code")]


def test_a_mail_goes_out_after_the_commit_and_is_not_in_the_database(
    database: Database, rows: Any, server: Any, now: datetime
) -> None:
    mailer = mailer_for(server)
    with database.transaction() as session:
        send(mailer, session, now)
        session.flush()
        assert server.mails == []
    mailer.close()
    (mail,) = server.mails
    assert "To: alex@example.com" in mail and "It is 123456" in mail and "From: Shop <no-reply@example.com>" in mail
    assert rows.all(OutboxMail) == []


def test_a_mail_of_a_transaction_that_fails_is_not_sent(database: Database, server: Any, now: datetime) -> None:
    mailer = mailer_for(server)
    with pytest.raises(KeyError), database.transaction() as session:
        send(mailer, session, now)
        raise KeyError
    mailer.close()
    assert server.mails == []


def test_each_mail_of_a_transaction_is_sent_once(database: Database, server: Any, now: datetime) -> None:
    mailer = mailer_for(server)
    with database.transaction() as session:
        send(mailer, session, now)
        send(mailer, session, now)
    mailer.close()
    assert len(server.mails) == 2


def test_a_mail_that_cannot_be_sent_is_counted_and_logged_without_address_or_code(
    database: Database, server: Any, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    server.refuses = True
    mailer = mailer_for(server)
    with caplog.at_level(logging.DEBUG, logger="knowledge_base"), database.transaction() as session:
        send(mailer, session, now)
    mailer.close()
    assert mailer.failures == 1
    assert "could not be sent: SMTPRecipientsRefused" in caplog.text
    assert "alex" not in caplog.text and "123456" not in caplog.text


def test_a_server_without_tls_is_refused_unless_the_url_says_so(server: Any, now: datetime) -> None:
    mailer = mailer_for(server, query="")
    with pytest.raises(MailFailed):
        mailer.deliver(mailer._message("alex@example.com", "s", "b", now))
    assert server.mails == []


def test_a_header_cannot_be_smuggled_in(server: Any, database: Database, now: datetime) -> None:
    mailer = mailer_for(server)
    with pytest.raises(ValueError, match="linefeed"), database.transaction() as session:
        mailer.send(session, "alex@example.com\nBcc: x@example.org", "s", "b", now)


@pytest.mark.parametrize("url", ["http://mail.example.org", "mail.example.org:587", "smtp://"])
def test_a_mail_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="FRONTDESK_SMTP_URL"):
        SmtpMailer(url, SENDER, VALUES)


def test_settings_choose_the_mailer(tmp_path: Path) -> None:
    plain = DatabaseSettings.from_environment({}, root=tmp_path)
    smtp = DatabaseSettings.from_environment({"FRONTDESK_SMTP_URL": "smtps://mail.example.org"}, root=tmp_path)
    assert isinstance(mailer_from_settings(plain, VALUES), OutboxMailer)
    assert isinstance(mailer_from_settings(smtp, VALUES), SmtpMailer)
