"""Documents of an import that are embedded together and written in one transaction."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy.orm import Session

from knowledge_base import article_writer
from knowledge_base.article_writer import EmbeddedPassage, Stored
from knowledge_base.database import Database
from knowledge_base.documents.document import Document
from knowledge_base.encoder import Encoder
from knowledge_base.locks import serialise
from knowledge_base.passages import CutPassage, cut
from knowledge_base.token_budget import measured_max_tokens

EMBEDDING_DTYPE = "<f4"
"""Passages keep their vectors as little-endian float32."""

# Passages that are embedded together. The encoder sorts them by length, so that few are padded; a crash loses at most
# these vectors and those of the document that filled the batch.
BATCH_PASSAGES = 256


@dataclass(frozen=True)
class Change:
    """What happened to one document, or would: `verb` is added, changed or retired."""

    verb: str
    slug: str
    status: str
    source: str


def verb_for(before: Stored | None) -> str:
    """Whether storing a document adds it or changes what is there."""
    return "added" if before is None or before.is_retired else "changed"


class ImportBatch:
    """Takes documents that differ from what is stored, and writes them whenever enough passages have gathered."""

    def __init__(self, database: Database, encoder: Encoder, collection: str, *, draft: bool, now: datetime) -> None:
        self.changes: list[Change] = []
        self.unchanged = 0  # documents that another import had written the same by then
        self._database, self._encoder, self._collection = database, encoder, collection
        self._draft, self._now = draft, now
        self._max_tokens: int | None = None
        self._waiting: list[tuple[Document, list[CutPassage]]] = []
        self._waiting_passages = 0

    def add(self, document: Document, before: Stored | None) -> None:
        """Queue a document; one that was only retired needs no new passages."""
        same = before is not None and before.equals(document, self._encoder)
        passages = [] if same else self._cut(document)
        self._waiting.append((document, passages))
        self._waiting_passages += len(passages)
        if self._waiting_passages >= BATCH_PASSAGES:
            self.flush()

    def flush(self) -> None:
        """Embed and write the documents that wait."""
        if not self._waiting:
            return
        # Embedding takes time: it is done before the transaction takes the lock.
        vectors = self._vectors()
        with self._database.transaction() as session:
            serialise(session, article_writer.KNOWLEDGE_LOCK)
            # Another import may have written some of them since the comparison.
            there = article_writer.stored(session, {document.slug for document, _passages in self._waiting})
            for document, passages in self._waiting:
                self._write(session, document, passages, vectors, there.get(document.slug))
            article_writer.next_version(session, self._now, self._encoder)
        self._waiting, self._waiting_passages = [], 0

    def _write(
        self,
        session: Session,
        document: Document,
        passages: list[CutPassage],
        vectors: dict[str, bytes],
        before: Stored | None,
    ) -> None:
        same = before is not None and before.equals(document, self._encoder)
        if before is not None and same and before.is_retired:
            status = article_writer.bring_back(
                session, document, collection=self._collection, draft=self._draft, now=self._now
            )
        elif same or not passages:
            # Without passages: it was retired at the comparison, and another import has brought it back changed.
            self.unchanged += 1
            return
        else:
            embedded = [EmbeddedPassage(one, _hash(one), vectors[_hash(one)]) for one in passages]
            status = article_writer.write(
                session,
                document,
                embedded,
                self._encoder,
                collection=self._collection,
                draft=self._draft,
                now=self._now,
            )
        self.changes.append(Change(verb_for(before), document.slug, status, document.source))

    def _cut(self, document: Document) -> list[CutPassage]:
        if self._max_tokens is None:
            self._max_tokens = measured_max_tokens(self._encoder)
        return cut(
            document.title, document.sections, self._encoder.count_tokens, self._max_tokens, document.fields.keywords
        )

    def _vectors(self) -> dict[str, bytes]:
        """Vectors of all waiting passages by the hash of their text; only what no article has yet is encoded."""
        texts = {_hash(one): one.embedded for _document, passages in self._waiting for one in passages}
        with self._database.reading() as session:
            slugs = {document.slug for document, passages in self._waiting if passages}
            vectors = article_writer.kept_vectors(session, slugs, self._encoder)
        missing = [digest for digest in texts if digest not in vectors]
        for start in range(0, len(missing), BATCH_PASSAGES):
            part = missing[start : start + BATCH_PASSAGES]
            encoded = self._encoder.encode([texts[digest] for digest in part])
            rows = np.asarray(encoded, dtype=EMBEDDING_DTYPE)  # (passages, dimension)
            vectors |= {digest: row.tobytes() for digest, row in zip(part, rows, strict=True)}
        return vectors


def _hash(passage: CutPassage) -> str:
    return hashlib.sha256(passage.embedded.encode("utf-8", "replace")).hexdigest()
