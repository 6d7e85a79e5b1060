"""What every command has at hand: the settings, the database, two consoles, the time and an encoder on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

from rich.console import Console
from sqlalchemy import inspect

from frontdesk.brand import Brand, load_brand
from knowledge_base.database import Database
from knowledge_base.encoder import Encoder
from knowledge_base.search.reranking import Reranker
from knowledge_base.settings import DatabaseSettings

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2  # argparse's own
EXIT_DATABASE = 3
EXIT_REFUSED = 4  # it would delete customers' data
EXIT_SKIPPED = 5  # imported, but for documents that could not be read


class CommandFailed(Exception):
    """A command cannot do what was asked; the message is one sentence for the person at the terminal."""

    def __init__(self, message: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass
class Context:
    """Handed to every command; what it does not use is not opened."""

    encoder_factory: Callable[[], Encoder]
    reranker_factory: Callable[[], Reranker | None] = lambda: None
    # soft_wrap: lines are cut by the terminal, not by us, so that logs and pipes get them whole.
    out: Console = field(default_factory=lambda: Console(soft_wrap=True, highlight=False))
    err: Console = field(default_factory=lambda: Console(stderr=True, soft_wrap=True, highlight=False))
    clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc)

    @cached_property
    def settings(self) -> DatabaseSettings:
        """The settings of the environment."""
        return DatabaseSettings.from_environment()

    @cached_property
    def brand(self) -> Brand:
        """The shop."""
        return load_brand()

    @cached_property
    def database(self) -> Database:
        """The database, whatever it holds."""
        return Database(self.settings.database_url)

    def prepared_database(self) -> Database:
        """The database, its tables made. Raises `CommandFailed` where `init` has not run."""
        if not self._has_tables():
            raise CommandFailed(
                f"{self.settings.masked()['database_url']} has no tables yet; run: python -m knowledge_base init",
                EXIT_DATABASE,
            )
        return self.database

    def _has_tables(self) -> bool:
        if self.database.is_sqlite and not Path(str(self.database.url.database)).exists():
            return False  # looking into it would make the file
        with self.database.reading() as session:
            return bool(inspect(session.connection()).has_table("knowledge_state"))

    def now(self) -> datetime:
        """The time, UTC."""
        return self.clock()
