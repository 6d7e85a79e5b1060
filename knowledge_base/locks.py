"""Locks that keep two transactions from deciding on the same count at once."""

from __future__ import annotations

import hashlib

from sqlalchemy import text
from sqlalchemy.orm import Session


def advisory_key(name: str) -> int:
    """A signed 64-bit number for `name`, as PostgreSQL's advisory locks want it."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def serialise(session: Session, *names: str) -> None:
    """Until the transaction ends, let no other one hold any of `names`.

    On SQLite every writing transaction already holds the only write lock, so there is nothing to take. The
    keys are taken in order, so that two transactions that want the same names cannot wait for each other.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    for key in sorted(advisory_key(name) for name in names):
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
