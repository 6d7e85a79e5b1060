"""Mail to customers: texts from templates, kept in a table for development or sent by SMTP.

Both mailers are handed their mail inside a transaction. `SmtpMailer` sends only after that transaction has
committed, on a thread of its own: the reply to a customer neither waits for the mail server nor shows, by the
time it takes, whether there was anything to send. Its mails are never written to the database, as they hold
codes in clear.
"""

from __future__ import annotations

import logging
import smtplib
import ssl
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from sqlalchemy import event
from sqlalchemy.orm import Session

from knowledge_base.schema import OutboxMail
from knowledge_base.settings import DatabaseSettings, SettingsError

logger = logging.getLogger(__name__)

TEMPLATES = Path(__file__).parent / "mail_templates"
SUBJECT_LINE = "Subject: "
SMTP_TIMEOUT_SECONDS = 10.0
PAUSES_SECONDS = (2.0, 10.0)  # before the second and the third try
DEFAULT_PORTS = {"smtp": 587, "smtps": 465}
PENDING = "frontdesk_pending_mail"  # key in Session.info


class MailFailed(Exception):
    """The mail server could not be reached or refused the mail."""


class Mailer(Protocol):
    """Takes mail within a transaction; nothing goes out if that is rolled back."""

    @property
    def placeholders(self) -> Mapping[str, str]:
        """The shop's values for mail templates, as `Brand.placeholders()` gives them."""

    def send(self, session: Session, to: str, subject: str, body: str, now: datetime) -> None:
        """Take a mail for delivery once `session` has committed."""


def mail_text(template: str, values: Mapping[str, str]) -> tuple[str, str]:
    """Subject and body of a template with its `{placeholders}` filled.

    Raises KeyError for a placeholder without a value; values are put in as they are, braces and all.
    """
    subject, _, body = (TEMPLATES / f"{template}.txt").read_text(encoding="utf-8").partition("\n\n")
    if not subject.startswith(SUBJECT_LINE):
        raise ValueError(f"mail template {template} must begin with a line {SUBJECT_LINE!r} and an empty line")
    return subject[len(SUBJECT_LINE) :].format_map(values), body.format_map(values)


class OutboxMailer:
    """For development: keeps mails in table `outbox`, where the command line shows them, and sends none."""

    def __init__(self, placeholders: Mapping[str, str]) -> None:
        self.placeholders = placeholders

    def send(self, session: Session, to: str, subject: str, body: str, now: datetime) -> None:
        """Add a row to the outbox."""
        session.add(OutboxMail(to_address=to, subject=subject, body=body, created_at=now))
        session.flush()


class SmtpMailer:
    """Sends by SMTP: `smtp://user:password@host:587` with STARTTLS, `smtps://` with TLS from the start.

    `?tls=none` at the end of the URL sends in the clear, for a mail server on the same machine. What could
    not be sent is logged, without address or text, and counted in `failures`.
    """

    def __init__(
        self,
        url: str,
        sender: str,
        placeholders: Mapping[str, str],
        *,
        timeout: float = SMTP_TIMEOUT_SECONDS,
        pauses: tuple[float, ...] = PAUSES_SECONDS,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise SettingsError("FRONTDESK_SMTP_URL must look like smtp://user:password@host:587")
        self.placeholders = placeholders
        self.failures = 0
        self._host, self._port = parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme]
        self._tls_from_start = parts.scheme == "smtps"
        self._plain = parse_qs(parts.query).get("tls") == ["none"]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._sender, self._timeout, self._pauses = sender, timeout, pauses
        self._closing = threading.Event()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")

    def send(self, session: Session, to: str, subject: str, body: str, now: datetime) -> None:
        """Send once `session` has committed; returns at once."""
        if PENDING not in session.info:
            session.info[PENDING] = []
            event.listen(session, "after_commit", self._hand_over)
            event.listen(session, "after_rollback", _drop)
        session.info[PENDING].append(self._message(to, subject, body, now))

    def deliver(self, message: EmailMessage) -> None:
        """Send now, once. Raises MailFailed."""
        try:
            with self._connected() as server:
                if self._user:
                    server.login(self._user, self._password)
                server.send_message(message)
        except (smtplib.SMTPException, OSError) as error:
            # The server's own words repeat the address: only the kind of failure is passed on.
            code = getattr(error, "smtp_code", None)
            raise MailFailed(type(error).__name__ + (f" {code}" if code else "")) from None

    def close(self) -> None:
        """Try what is waiting once more, without pauses, and stop."""
        self._closing.set()
        self._worker.shutdown(wait=True)

    def _connected(self) -> smtplib.SMTP:
        if self._tls_from_start:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout, context=context)
        server = smtplib.SMTP(self._host, self._port, timeout=self._timeout)
        if not self._plain:
            try:
                server.starttls(context=ssl.create_default_context())
            except (smtplib.SMTPException, OSError):
                server.close()
                raise
        return server

    def _message(self, to: str, subject: str, body: str, now: datetime) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, to, subject
        message["Date"] = format_datetime(now)
        message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2].rstrip(">"))
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body)
        return message

    def _hand_over(self, session: Session) -> None:
        messages, session.info[PENDING] = session.info[PENDING], []
        for message in messages:
            self._worker.submit(self._deliver_with_patience, message)

    def _deliver_with_patience(self, message: EmailMessage) -> None:
        for pause in (*self._pauses, None):
            try:
                self.deliver(message)
                return
            except MailFailed as error:
                if pause is None:
                    self.failures += 1
                    logger.error("a mail could not be sent: %s", error)
                else:
                    logger.warning("a mail could not be sent yet: %s", error)
                    self._closing.wait(pause)


def mailer_from_settings(settings: DatabaseSettings, placeholders: Mapping[str, str]) -> Mailer:
    """The SMTP mailer if a server is set, the development outbox otherwise. Raises SettingsError."""
    if settings.smtp_url is None:
        return OutboxMailer(placeholders)
    return SmtpMailer(settings.smtp_url, settings.mail_from, placeholders)


def _drop(session: Session) -> None:
    session.info[PENDING] = []
