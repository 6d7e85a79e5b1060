"""The number that tells a search whether what it keeps in memory, or in an index of its own, is out of date."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from knowledge_base.schema import KnowledgeState


def knowledge_version(session: Session) -> int:
    """The knowledge version; it grows with every article that changes."""
    return int(session.execute(select(KnowledgeState.version)).scalar_one())
