"""The full-text indexes of both databases: which passages hold a question's words, and how common a word is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import text
from sqlalchemy.orm import Session

from knowledge_base.search.stems import stem
from knowledge_base.search.versions import knowledge_version

# BM25 weights of the index columns title, heading and text: where a word stands says what a passage is about.
COLUMN_WEIGHTS = (3.0, 2.0, 1.0)
# The index scores each passage that holds any word asked for. The rarest words are asked first, and commoner ones left
# out once so many passages are to be scored: they would cost most of the time and say least.
MOST_SCORED_PASSAGES = 20_000
COUNTED_UP_TO = 1000  # PostgreSQL: a word that its statistics don't list is counted up to here

_SQLITE = """
    SELECT passages_fts.rowid AS id, passages_fts.rank AS score
    FROM passages_fts {join}
    WHERE passages_fts MATCH :words AND passages_fts.rank MATCH :weights {only}
    ORDER BY passages_fts.rank
    LIMIT :limit
"""
_SQLITE_JOIN = "JOIN passages ON passages.id = passages_fts.rowid"
_SQLITE_ONLY = "AND passages.article_id NOT IN (SELECT value FROM json_each(:excluded))"
_POSTGRESQL = """
    SELECT passages.id, -ts_rank(passages.search_vector, asked.words) AS score
    FROM passages, (SELECT {query} AS words) AS asked
    WHERE passages.search_vector @@ asked.words AND passages.article_id <> ALL(CAST(:excluded AS integer[]))
    ORDER BY score, passages.id
    LIMIT :limit
"""
_LEXEMES = "SELECT tsvector_to_array({vector})"
_COUNTED = """
    SELECT count(*) FROM (SELECT 1 FROM passages WHERE search_vector @@ ({query}) LIMIT :most) AS counted
"""
_COMMON = """
    SELECT unnest(CAST(CAST(most_common_elems AS text) AS text[])) AS word,
           unnest(most_common_elem_freqs[1:cardinality(CAST(CAST(most_common_elems AS text) AS text[]))]) AS share
    FROM pg_stats
    WHERE schemaname = current_schema() AND tablename = 'passages' AND attname = 'search_vector'
"""
# The same languages as in migrations/versions/0002; one that is not here is indexed word for word.
CONFIGURATIONS = {
    "da": "danish",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
}
OTHER_CONFIGURATION = "simple"


@dataclass(frozen=True)
class TextHit:
    """A passage that the index found; `score` is the index's own, lower is better."""

    passage_id: int
    score: float


class FullText(Protocol):
    """A database's full-text index over the live passages."""

    name: str

    def frequencies(self, session: Session, words: Sequence[str]) -> dict[str, int]:
        """In how many passages each word stands, at least roughly; 0 only where none has it."""

    def rank(self, session: Session, words: Sequence[str], excluded: Sequence[int], limit: int) -> list[TextHit]:
        """The passages that hold any of `words`, best first; those of the articles `excluded` are left out."""


class SqliteFullText:
    """FTS5 with BM25."""

    name = "fts5"

    def frequencies(self, session: Session, words: Sequence[str]) -> dict[str, int]:
        """Exact: the index keeps the number."""
        statement = text("SELECT doc FROM passages_fts_vocabulary WHERE term = :term")
        return {word: int(session.execute(statement, {"term": stem(word)}).scalar() or 0) for word in words}

    def rank(self, session: Session, words: Sequence[str], excluded: Sequence[int], limit: int) -> list[TextHit]:
        """By BM25, its columns weighted."""
        join, only = (_SQLITE_JOIN, _SQLITE_ONLY) if excluded else ("", "")
        values = {
            # Inside quotes nothing is an operator.
            "words": " OR ".join(f'"{word}"' for word in words),
            "weights": f"bm25({', '.join(map(str, COLUMN_WEIGHTS))})",
            "limit": limit,
        }
        if excluded:
            values["excluded"] = json.dumps(list(excluded))
        found = session.execute(text(_SQLITE.format(join=join, only=only)), values)
        return sorted((TextHit(int(row.id), float(row.score)) for row in found), key=_by_score)


@dataclass(frozen=True)
class _Statistics:
    """What PostgreSQL knows of the index at one knowledge version."""

    version: int
    configurations: tuple[str, ...]  # one for each language of the live articles
    passages: int
    common: dict[str, float]  # the commonest stems, each with the share of passages that have it


class PostgresqlFullText:
    """tsvector with a GIN index; each passage is stemmed in its own language, and so is the question."""

    name = "tsvector"

    def __init__(self) -> None:
        self._cached: _Statistics | None = None

    def frequencies(self, session: Session, words: Sequence[str]) -> dict[str, int]:
        """From the table's statistics where they list the word, else counted, up to `COUNTED_UP_TO`."""
        known = self._statistics(session)
        found = {}
        for word in words:
            lexemes = session.execute(text(_LEXEMES.format(vector=_vector(known))), {"word": word}).scalar_one()
            shares = [known.common[lexeme] for lexeme in lexemes if lexeme in known.common]
            if shares:
                found[word] = max(1, round(max(shares) * known.passages))
            else:
                statement = text(_COUNTED.format(query=_query(known)))
                values = {"words": _quoted([word]), "most": COUNTED_UP_TO}
                found[word] = int(session.execute(statement, values).scalar_one())
        return found

    def rank(self, session: Session, words: Sequence[str], excluded: Sequence[int], limit: int) -> list[TextHit]:
        """By `ts_rank`, which weighs title, heading and text, but not how rare a word is."""
        query = _query(self._statistics(session))
        values = {"words": _quoted(words), "limit": limit, "excluded": list(excluded)}
        found = session.execute(text(_POSTGRESQL.format(query=query)), values)
        return sorted((TextHit(int(row.id), float(row.score)) for row in found), key=_by_score)

    def _statistics(self, session: Session) -> _Statistics:
        version = knowledge_version(session)
        known = self._cached
        if known is None or known.version != version:
            languages = session.scalars(text("SELECT DISTINCT language FROM articles WHERE status = 'published'"))
            known = self._cached = _Statistics(
                version=version,
                configurations=tuple(sorted({CONFIGURATIONS.get(name, OTHER_CONFIGURATION) for name in languages})),
                passages=int(session.execute(text("SELECT count(*) FROM passages")).scalar_one()),
                common={row.word: float(row.share) for row in session.execute(text(_COMMON))},
            )
        return known


def rarest(words: Sequence[str], frequencies: Mapping[str, int], most: int = MOST_SCORED_PASSAGES) -> list[str]:
    """The words to ask the index for: rarest first, as long as they stand in at most `most` passages together.

    One word at least, and none that no passage has.
    """
    chosen: list[str] = []
    scored = 0
    for word in sorted((word for word in words if frequencies[word]), key=lambda word: frequencies[word]):
        scored += frequencies[word]
        if chosen and scored > most:
            break
        chosen.append(word)
    return chosen


def full_text_of(is_sqlite: bool) -> FullText:
    """The index of a kind of database."""
    return SqliteFullText() if is_sqlite else PostgresqlFullText()


def _vector(known: _Statistics) -> str:
    """SQL for the stems of `:word` in every language there is; names of configurations are constants of this file."""
    return " || ".join(f"to_tsvector('{name}', :word)" for name in known.configurations or (OTHER_CONFIGURATION,))


def _query(known: _Statistics) -> str:
    """SQL for a search for `:words` in every language there is."""
    return " || ".join(f"to_tsquery('{name}', :words)" for name in known.configurations or (OTHER_CONFIGURATION,))


def _quoted(words: Sequence[str]) -> str:
    """Words of letters and digits as PostgreSQL takes them; inside quotes nothing is an operator."""
    return " | ".join(f"'{word}'" for word in words)


def _by_score(hit: TextHit) -> tuple[float, int]:
    return hit.score, hit.passage_id
