"""The development outbox on the screen: mails that are not sent, such as verification codes, as they are written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

SMTP_VARIABLE = "FRONTDESK_SMTP_URL"  # with it, mails are sent and there is nothing to show
MARK = "DEVELOPMENT"
POLL_SECONDS = 1.0


class OutboxUnreadable(Exception):
    """The database did not answer; it may the next time."""


@dataclass(frozen=True)
class Mail:
    """One mail of the outbox; `number` grows with each."""

    number: int
    to: str
    subject: str
    body: str


# Gives the mails after a number, the oldest first. Raises `OutboxUnreadable`.
ReadOutbox = Callable[[int], "list[Mail]"]


def database_outbox(environment: Mapping[str, str]) -> ReadOutbox:
    """Reads the outbox of the knowledge base that the environment names."""
    from sqlalchemy import select

    from knowledge_base.database import Database, DatabaseUnavailable
    from knowledge_base.schema import OutboxMail
    from knowledge_base.settings import DatabaseSettings

    database = Database(DatabaseSettings.from_environment(environment).database_url)

    def read(after: int) -> list[Mail]:
        try:
            with database.reading() as session:
                found = session.scalars(select(OutboxMail).where(OutboxMail.id > after).order_by(OutboxMail.id))
                return [Mail(mail.id, mail.to_address, mail.subject, mail.body) for mail in found]
        except DatabaseUnavailable as error:
            raise OutboxUnreadable(str(error)) from error

    return read


class OutboxWindow:
    """Shows each new mail, every line plainly marked; mails from before it was opened are not shown."""

    def __init__(
        self, read: ReadOutbox, say: Callable[[str], None] = print, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._read = read
        self._say = say
        self._poll_seconds = poll_seconds
        self._closed = threading.Event()
        self._last = max((mail.number for mail in read(0)), default=0)
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        readable = True
        while not self._closed.wait(self._poll_seconds):
            try:
                mails = self._read(self._last)
                readable = True
            except OutboxUnreadable as error:
                if readable:
                    self._say(f"  {MARK} mail cannot be shown at the moment: {error}")
                readable = False
                continue
            for mail in mails:
                self._last = mail.number
                self._show(mail)

    def _show(self, mail: Mail) -> None:
        lines = [f"to {mail.to}: {mail.subject}", *(line for line in mail.body.splitlines() if line.strip())]
        self._say("\n".join(f"  {MARK} mail | {line.rstrip()}" for line in lines) + "\n")

    def close(self) -> None:
        """Ends the showing."""
        self._closed.set()
        self._thread.join(timeout=5.0)
