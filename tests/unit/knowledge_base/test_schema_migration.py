"""The migration makes exactly the tables that the mapped classes describe, and the full-text index beside them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text

from knowledge_base.database import Database
from knowledge_base.migrations import configuration
from knowledge_base.schema import Article, Base, KnowledgeState, Passage


@pytest.fixture
def empty_database(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> Iterator[Database]:
    """A database without tables."""
    if database_kind == "sqlite":
        (tmp_path / "empty.db").touch()
        url = f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        url = request.getfixturevalue("empty_postgresql_urls")()
    database = Database(url)
    yield database
    database.close()


def made_by_the_database(name: str | None) -> bool:
    """Whether the full-text index or SQLite itself keeps a table, column or index of this name."""
    full_text = ("search_vector", "ix_passages_search_vector")
    return str(name).startswith("passages_fts") or name in (*full_text, "sqlite_sequence")


def test_migrated_tables_equal_the_mapped_ones(database: Database) -> None:
    options = {
        "compare_type": True,
        "include_object": lambda _object, name, *_rest: not made_by_the_database(name),
    }
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_migrated_checks_equal_the_mapped_ones(database: Database, empty_database: Database) -> None:
    Base.metadata.create_all(empty_database.engine)
    assert checks(database) == checks(empty_database)


def checks(database: Database) -> dict[str, list[Any]]:
    """Name and text of each table's check constraints."""
    inspector = inspect(database.engine)
    return {
        table: sorted((check["name"], check["sqltext"]) for check in inspector.get_check_constraints(table))
        for table in Base.metadata.tables
    }


def test_migrated_sqlite_tables_count_rows_like_the_mapped_ones(tmp_path: Path) -> None:
    """Alembic does not compare AUTOINCREMENT, on which the uniqueness of return numbers rests."""
    counting = []
    for name in ("migrated", "mapped"):
        database = Database(f"sqlite:///{tmp_path / name}.db")
        if name == "migrated":
            database.migrate()
        else:
            (tmp_path / "mapped.db").touch()
            Base.metadata.create_all(database.engine)
        query = text("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%' ORDER BY name")
        with database.reading() as session:
            counting.append(session.execute(query).scalars().all())
    assert counting[0] == counting[1]
    assert {"returns", "claims", "tickets"} <= set(counting[0])


def test_migrating_twice_changes_nothing(database: Database) -> None:
    database.migrate()
    with database.reading() as session:
        assert session.get(KnowledgeState, 1).version == 0


def test_processes_that_start_together_migrate_once(empty_database: Database) -> None:
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(empty_database.migrate) for _ in range(3)]:
            done.result(timeout=30)
    with empty_database.reading() as session:
        assert session.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == ["0005"]


def test_the_migration_can_be_taken_back(database: Database) -> None:
    with database.transaction() as session:
        command.downgrade(configuration(session.connection()), "base")
    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version", "sqlite_sequence"}


def test_articles_of_the_first_schema_keep_their_passages_and_become_published(empty_database: Database) -> None:
    empty_database.migrate("0001")
    columns = "slug, title, category, content_hash, imported_at, retired_at"
    with empty_database.transaction() as session:
        for slug, retired_at in (("here", "NULL"), ("gone", "'2026-03-01 00:00:00'")):
            values = f"'{slug}', 'Title', 'delivery', '0', '2026-01-01 00:00:00', {retired_at}"
            session.execute(text(f"INSERT INTO articles ({columns}) VALUES ({values})"))
        session.execute(
            text(
                "INSERT INTO passages (article_id, position, title, heading, text, token_count) "
                "SELECT id, 0, title, '', 'Parcels are tracked.', 4 FROM articles WHERE slug = 'here'"
            )
        )
    empty_database.migrate()

    with empty_database.reading() as session:
        articles = {row.slug: row for row in session.scalars(select(Article))}
        assert {slug: row.status for slug, row in articles.items()} == {"here": "published", "gone": "retired"}
        assert (articles["here"].collection, articles["here"].source) == ("data/knowledge", "here.md")
        assert [passage.language for passage in articles["here"].passages] == ["en"]
    assert found_slugs(empty_database, "parcel") == ["here"]


def found_slugs(database: Database, word: str) -> list[str]:
    """Slugs of the articles whose passages hold `word`, by the database's own full-text index."""
    if database.is_sqlite:
        condition = "p.id IN (SELECT rowid FROM passages_fts WHERE passages_fts MATCH :word)"
    else:
        condition = "p.search_vector @@ plainto_tsquery('english', :word)"
    statement = text(f"SELECT a.slug FROM passages p JOIN articles a ON a.id = p.article_id WHERE {condition}")
    with database.reading() as session:
        return list(session.execute(statement, {"word": word}).scalars())


@pytest.fixture
def article(database: Database, now: Any) -> Article:
    """An article with one passage about parcels."""
    row = Article(slug="delivery", title="Delivery", category="delivery", content_hash="0", imported_at=now)
    row.passages = [Passage(position=0, title="Delivery", heading="", text="Parcels are tracked.", token_count=4)]
    with database.transaction() as session:
        session.add(row)
    return row


def test_the_full_text_index_finds_a_new_passage_by_word_stem(database: Database, article: Article) -> None:
    assert found_slugs(database, "parcel") == ["delivery"]


def test_the_full_text_index_follows_a_change(database: Database, article: Article) -> None:
    with database.transaction() as session:
        session.get(Passage, article.passages[0].id).text = "Kettles are boiled."
    assert (found_slugs(database, "parcel"), found_slugs(database, "kettle")) == ([], ["delivery"])


def test_the_full_text_index_forgets_a_deleted_passage(database: Database, article: Article) -> None:
    with database.transaction() as session:
        session.delete(session.get(Article, article.id))
    assert found_slugs(database, "parcel") == []
