"""Commands on what conversations left behind: `erase` and `purge`."""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import timedelta

from knowledge_base.cli.context import EXIT_OK, CommandFailed, Context
from knowledge_base.erase import (
    erase_conversation,
    erase_idle_conversations,
    idle_conversations,
    open_tickets_of_idle,
)


def erase(context: Context, arguments: argparse.Namespace) -> int:
    """Erase one conversation."""
    with context.prepared_database().transaction() as session:
        erased = erase_conversation(session, arguments.conversation_id)
    if not any(erased.values()):
        raise CommandFailed(f"conversation {arguments.conversation_id} is not in the database")
    context.out.print(f"Erased conversation {arguments.conversation_id}: {_listed(erased)}.", markup=False)
    return EXIT_OK


def purge(context: Context, arguments: argparse.Namespace) -> int:
    """Erase the conversations that have been idle for too long."""
    database = context.prepared_database()
    before = context.now() - timedelta(days=arguments.older_than)
    with database.reading() as session:
        idle = len(idle_conversations(session, before))
        waiting = open_tickets_of_idle(session, before)
    if arguments.dry_run:
        said = f"Would erase {_conversations(idle)}"
        details = ""
    else:
        erased = erase_idle_conversations(database, before)
        said = f"Erased {_conversations(erased.pop('conversations', 0))}"
        details = f": {_listed(erased)}" if erased else ""
    context.out.print(f"{said} idle since before {before:%Y-%m-%d %H:%M} UTC{details}.", markup=False)
    if waiting:
        context.out.print(f"Tickets among them that nobody has answered: {waiting}.", markup=False)
    return EXIT_OK


def _conversations(count: int) -> str:
    return f"{count} conversation" if count == 1 else f"{count} conversations"


def _listed(erased: Counter[str]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in erased.items() if count)
