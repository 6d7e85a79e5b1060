"""The development outbox on the screen."""

from __future__ import annotations

from collections.abc import Callable

from tools.outbox import Mail, OutboxUnreadable, OutboxWindow

Eventually = Callable[[Callable[[], object]], None]


class Outbox:
    """An outbox in memory."""

    def __init__(self, *mails: Mail) -> None:
        self.mails = list(mails)
        self.broken = False
        self.reads = 0

    def __call__(self, after: int) -> list[Mail]:
        self.reads += 1
        if self.broken:
            raise OutboxUnreadable("the database is locked")
        return [mail for mail in self.mails if mail.number > after]


OLD = Mail(1, "amira@example.com", "Your code", "111111")
NEW = Mail(2, "bo@example.com", "Your code", "Your code is 222222.\n\nIt is valid for ten minutes.")


def test_a_new_mail_is_shown_once_with_every_line_marked(eventually: Eventually) -> None:
    outbox = Outbox()
    said: list[str] = []
    window = OutboxWindow(outbox, said.append, poll_seconds=0.0)
    outbox.mails.append(NEW)
    eventually(lambda: said)
    reads = outbox.reads
    eventually(lambda: outbox.reads > reads + 1)
    window.close()
    assert said == [
        "  DEVELOPMENT mail | to bo@example.com: Your code\n"
        "  DEVELOPMENT mail | Your code is 222222.\n"
        "  DEVELOPMENT mail | It is valid for ten minutes.\n"
    ]


def test_a_mail_from_before_is_not_shown(eventually: Eventually) -> None:
    outbox = Outbox(OLD)
    said: list[str] = []
    window = OutboxWindow(outbox, said.append, poll_seconds=0.0)
    outbox.mails.append(NEW)
    eventually(lambda: said)
    window.close()
    assert "111111" not in "".join(said)


def test_a_database_that_does_not_answer_is_told_once_and_asked_again(eventually: Eventually) -> None:
    outbox = Outbox()
    said: list[str] = []
    window = OutboxWindow(outbox, said.append, poll_seconds=0.0)
    outbox.broken = True
    eventually(lambda: said)
    reads = outbox.reads
    eventually(lambda: outbox.reads > reads + 2)
    assert said == ["  DEVELOPMENT mail cannot be shown at the moment: the database is locked"]
    outbox.mails.append(NEW)
    outbox.broken = False
    eventually(lambda: len(said) == 2)
    window.close()
    assert "222222" in said[1]
