"""Imports documents: what changed is cut and embedded anew, what left is retired, what cannot be read is skipped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from frontdesk.brand import Brand
from knowledge_base import article_writer
from knowledge_base.database import Database
from knowledge_base.documents.document import Document, DocumentError
from knowledge_base.documents.sources import DEFAULT_MOST_BYTES, Raw, Skipped, Sources, files_of
from knowledge_base.encoder import Encoder
from knowledge_base.import_batch import EMBEDDING_DTYPE, Change, ImportBatch, verb_for
from knowledge_base.import_scope import scope_of
from knowledge_base.locks import serialise

__all__ = [
    "EMBEDDING_DTYPE",
    "Change",
    "DocumentError",
    "ImportOptions",
    "ImportReport",
    "Progress",
    "Skipped",
    "import_articles",
]

Progress = Callable[[int, int, str], None]
"""Called before each document with how many are done, how many there are as far as is known, and its slug."""

SITEMAP_ENDING = ".xml"


@dataclass(frozen=True)
class ImportOptions:
    """What an import may be told.

    Parameters that control what goes live:
        draft: new and changed documents wait to be published.
        dry_run: say what would happen and change nothing.
    Parameters that control the reading:
        most_bytes: larger files and pages are skipped.
    """

    draft: bool = False
    dry_run: bool = False
    most_bytes: int = DEFAULT_MOST_BYTES


@dataclass(frozen=True)
class ImportReport:
    """How many articles an import added, changed, left and retired, and how many live passages there are now."""

    added: int
    changed: int
    unchanged: int
    retired: int
    passages: int
    skipped: tuple[Skipped, ...] = ()
    changes: tuple[Change, ...] = field(default=(), compare=False)

    @property
    def held(self) -> tuple[str, ...]:
        """Slugs of the documents that now wait for approval, because the scan found something."""
        return tuple(change.slug for change in self.changes if change.status == "held")


def import_articles(
    database: Database,
    encoder: Encoder,
    path: Path,
    brand: Brand,
    *,
    now: datetime,
    options: ImportOptions | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Make the database hold the documents of a file, a folder or a sitemap file.

    A document is imported anew when it, the encoder or the way of importing changed; passages that stayed the same
    keep their vectors. What the collection had from `path` and is no longer there is retired; a source that cannot be
    read is skipped, and what was imported of it before stays. Whole documents go in with a transaction each batch,
    so that a crash leaves a consistent base, which the next import completes. Nothing is changed where not one document
    can be read. Raises `DocumentError`, `TokenBudgetError` and `DatabaseUnavailable`.
    """
    run = _Run(database, encoder, path, now, options or ImportOptions())
    with ExitStack() as opened:
        sources = Sources(run.raws(opened), brand)
        for done, found in enumerate(sources):
            if isinstance(found, Skipped):
                run.skip(found)
                continue
            if progress is not None:
                progress(done, sources.total, found.slug)
            run.take(found)
    report = run.finish()
    if progress is not None:
        progress(sources.total, sources.total, "")
    return report


class _Run:
    """One import: what it compares with, and what it found so far."""

    def __init__(self, database: Database, encoder: Encoder, path: Path, now: datetime, options: ImportOptions) -> None:
        self._database, self._encoder, self._now, self._options = database, encoder, now, options
        with database.reading() as session:
            self._stored = article_writer.stored(session)
        self._scope = scope_of(path, {one.collection for one in self._stored.values()})
        self._batch = ImportBatch(database, encoder, self._scope.collection, draft=options.draft, now=now)
        self._seen: set[str] = set()
        self._skipped: list[Skipped] = []
        self._changes: list[Change] = []
        self._unchanged = 0

    def raws(self, opened: ExitStack) -> list[Raw]:
        """Where the documents are; what must stay open while they are read goes onto `opened`."""
        scope = self._scope
        if scope.path.suffix.lower() == SITEMAP_ENDING:
            from knowledge_base.documents.sitemap import pages_of, web_client

            return pages_of(scope.path, opened.enter_context(web_client()), self._options.most_bytes)
        return files_of(scope.path, scope.folder, self._options.most_bytes)

    def skip(self, skipped: Skipped) -> None:
        """Note a source that cannot be read."""
        self._skipped.append(skipped)

    def take(self, document: Document) -> None:
        """Compare a document with what is stored of it, and queue it where it differs."""
        before = self._stored.get(document.slug)
        if before is not None and before.collection != self._scope.collection and not before.is_retired:
            self.skip(Skipped(document.source, f"{document.slug} is a document of {before.collection} already"))
            return
        self._seen.add(document.slug)
        if before is not None and before.equals(document, self._encoder) and not before.is_retired:
            self._unchanged += 1
        elif self._options.dry_run:
            draft = self._options.draft or document.fields.draft
            status = "held" if document.findings else "draft" if draft else "published"
            self._changes.append(Change(verb_for(before), document.slug, status, document.source))
        else:
            self._batch.add(document, before)

    def finish(self) -> ImportReport:
        """Write what waits, retire what is gone, and tell what was done."""
        if not self._seen:
            # A mistyped folder, most likely; taken at its word it would retire every article there is.
            reasons = "".join(f"\n{one.source}: {one.reason}" for one in self._skipped)
            raise DocumentError(
                f"{self._scope.path}: there is no document that can be read; nothing was changed{reasons}"
            )
        self._batch.flush()
        skipped_sources = {one.source for one in self._skipped}
        gone = sorted(
            slug
            for slug, one in self._stored.items()
            if slug not in self._seen
            and not one.is_retired
            and one.source not in skipped_sources
            and self._scope.covers(one.collection, one.source)
        )
        if gone and not self._options.dry_run:
            with self._database.transaction() as session:
                serialise(session, article_writer.KNOWLEDGE_LOCK)
                article_writer.retire(session, gone, self._now)
                article_writer.next_version(session, self._now, self._encoder)
        with self._database.reading() as session:
            passages = article_writer.count_live_passages(session)
        changes = [
            *self._changes,
            *self._batch.changes,
            *(Change("retired", slug, "retired", self._stored[slug].source) for slug in gone),
        ]
        verbs = [change.verb for change in changes]
        return ImportReport(
            added=verbs.count("added"),
            changed=verbs.count("changed"),
            unchanged=self._unchanged + self._batch.unchanged,
            retired=verbs.count("retired"),
            passages=passages,
            skipped=tuple(self._skipped),
            changes=tuple(changes),
        )
