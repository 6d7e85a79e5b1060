"""The contract of the vector engines: all find the same, in the same order, whatever changes beneath them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import pytest

from knowledge_base.database import Database
from knowledge_base.search import Filters, KnowledgeSearch, Question
from knowledge_base.search.engines import EngineError, VectorEngine, engine_for
from knowledge_base.search.engines.exact import ExactEngine
from knowledge_base.search.engines.pgvector import REBUILT_FROM, copied
from knowledge_base.search.engines.sqlite_vec import SqliteVecEngine, extension_driver
from tests.unit.knowledge_base.article_rows import remove_article, write_article
from tests.unit.knowledge_base.hashing_encoder import HashingEncoder

ENGINES = [
    pytest.param(("sqlite", "exact"), id="exact-sqlite"),
    pytest.param(("sqlite", "sqlite-vec"), id="sqlite-vec"),
    pytest.param(("postgresql", "exact"), id="exact-postgresql", marks=pytest.mark.postgresql),
    pytest.param(("postgresql", "pgvector"), id="pgvector", marks=pytest.mark.postgresql),
]
TODAY = date(2026, 3, 10)


@pytest.fixture(params=ENGINES)
def engine_kind(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Kind of database and name of the engine on it."""
    if request.param[1] == "sqlite-vec" and extension_driver() is None:
        pytest.skip("no SQLite here loads extensions, and there is no pysqlite3 for this platform")
    return request.param


@pytest.fixture
def database(request: pytest.FixtureRequest, engine_kind: tuple[str, str]) -> Iterator[Database]:
    """A migrated, empty database for the engine."""
    opened = Database(request.getfixturevalue(f"{engine_kind[0]}_urls")())
    yield opened
    opened.close()


@pytest.fixture
def encoder() -> HashingEncoder:
    return HashingEncoder()


@pytest.fixture
def engine(database: Database, encoder: HashingEncoder, engine_kind: tuple[str, str]) -> VectorEngine:
    return engine_for(database, encoder, engine_kind[1])


@pytest.fixture
def search(database: Database, encoder: HashingEncoder, engine: VectorEngine) -> KnowledgeSearch:
    return KnowledgeSearch(database, encoder, engine=engine, today=lambda: TODAY)


Nearest = Callable[..., list[tuple[int, float]]]


@pytest.fixture
def nearest(database: Database, encoder: HashingEncoder, engine: VectorEngine) -> Nearest:
    """Asks the engine alone for the passages nearest to a text."""

    def ask(text: str, excluded: tuple[int, ...] = (), limit: int = 10) -> list[tuple[int, float]]:
        engine.prepare()
        with database.reading() as session:
            return engine.nearest(session, encoder.encode([text])[0], excluded, limit)

    return ask


def test_the_nearest_come_first_with_their_cosine(
    database: Database, encoder: HashingEncoder, nearest: Nearest
) -> None:
    texts = ["kettle limescale", "kettle limescale vinegar", "parcel courier", "refund card"]
    ids = write_article(database, encoder, "mixed", texts)

    found = nearest("kettle limescale")

    cosines = encoder.encode(texts) @ encoder.encode(["kettle limescale"])[0]
    expected = sorted(zip(ids, cosines, strict=True), key=lambda pair: (-pair[1], pair[0]))
    assert [passage_id for passage_id, _ in found[:2]] == [passage_id for passage_id, _ in expected[:2]]
    assert [cosine for _, cosine in found] == pytest.approx([cosine for _, cosine in expected], abs=1e-5)


def test_an_empty_base_has_no_neighbours(nearest: Nearest) -> None:
    assert nearest("kettle") == []


def test_no_more_than_the_limit_is_found(database: Database, encoder: HashingEncoder, nearest: Nearest) -> None:
    write_article(database, encoder, "many", [f"kettle number{i}" for i in range(30)])

    assert len(nearest("kettle", limit=7)) == 7


def test_excluded_articles_do_not_take_places_from_others(
    database: Database, encoder: HashingEncoder, nearest: Nearest
) -> None:
    write_article(database, encoder, "secret", [f"kettle kettle secret{i}" for i in range(300)])
    open_ids = write_article(database, encoder, "open", ["kettle open", "parcel open"])

    assert [passage_id for passage_id, _ in nearest("kettle secret1", excluded=(1,), limit=2)] == open_ids


def test_what_is_added_and_removed_later_is_seen(
    database: Database, encoder: HashingEncoder, search: KnowledgeSearch
) -> None:
    write_article(database, encoder, "kettles", ["how to descale a kettle"])
    assert [hit.slug for hit in search.search("descale kettle")] == ["kettles"]

    write_article(database, encoder, "more-kettles", ["descale a kettle kettle"])
    remove_article(database, "kettles")

    hits = search.search("descale kettle")
    assert [hit.slug for hit in hits] == ["more-kettles"]
    assert (hits[0].text_rank, hits[0].vector_rank) == (1, 1)


def test_passages_of_another_encoder_are_found_by_their_words_only(
    database: Database, encoder: HashingEncoder, search: KnowledgeSearch
) -> None:
    write_article(database, HashingEncoder(name="older"), "old", ["descale the kettle"])
    write_article(database, encoder, "new", ["parcel tracking"])

    hit = next(hit for hit in search.search("descale kettle") if hit.slug == "old")

    assert (hit.text_rank, hit.vector_rank, hit.similarity) == (1, None, 0.0)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), {"everyone", "german", "of-the-kettle"}),
        (Filters(language="de"), {"german"}),
        (Filters(category="kettles"), {"of-the-kettle"}),
        (Filters(audience="staff"), {"everyone", "german", "of-the-kettle", "staff-only"}),
        (Filters(product="Norvane Swift 1.7"), {"everyone", "german", "of-the-kettle"}),
        (Filters(product="Sonarra Boom 2"), {"everyone", "german"}),
    ],
    ids=["none", "language", "category", "audience", "product", "other-product"],
)
def test_filters_leave_out_what_is_not_meant(
    database: Database, encoder: HashingEncoder, search: KnowledgeSearch, filters: Filters, expected: set[str]
) -> None:
    write_article(database, encoder, "everyone", ["warranty everyone"])
    write_article(database, encoder, "german", ["warranty garantie"], language="de")
    write_article(database, encoder, "staff-only", ["warranty staff"], audience="staff")
    write_article(
        database, encoder, "of-the-kettle", ["warranty kettle"], category="kettles", products=["Norvane Swift 1.7"]
    )
    write_article(database, encoder, "not-yet", ["warranty soon"], valid_from=date(2026, 3, 11))
    write_article(database, encoder, "no-longer", ["warranty past"], valid_until=date(2026, 3, 9))

    found = search.find(Question("warranty"), limit=10, filters=filters)

    assert {hit.slug for hit in found.hits} == expected


@pytest.mark.parametrize("day", [date(2026, 3, 11), date(2026, 3, 20)])
def test_an_article_is_found_from_its_first_to_its_last_day(
    database: Database, encoder: HashingEncoder, engine: VectorEngine, day: date
) -> None:
    write_article(
        database, encoder, "sale", ["sale prices"], valid_from=date(2026, 3, 11), valid_until=date(2026, 3, 20)
    )

    found = KnowledgeSearch(database, encoder, engine=engine, today=lambda: day).search("sale prices")

    assert [hit.slug for hit in found] == ["sale"]


def test_searches_while_articles_come_and_go_never_fail_and_never_see_half_of_one(
    database: Database, encoder: HashingEncoder, search: KnowledgeSearch
) -> None:
    parts = [f"kettle part{i}" for i in range(6)]
    write_article(database, encoder, "article-0", parts)
    done = threading.Event()

    def import_again() -> None:
        try:
            for number in range(1, 8):
                write_article(database, encoder, f"article-{number}", parts)
                remove_article(database, f"article-{number - 1}")
        finally:
            done.set()

    def ask() -> list[dict[str, int]]:
        seen = []
        while not done.is_set():
            slugs = [hit.slug for hit in search.search("kettle", limit=50)]
            seen.append({slug: slugs.count(slug) for slug in set(slugs)})
        return seen

    with ThreadPoolExecutor(4) as pool:
        searches = [pool.submit(ask) for _ in range(3)]
        pool.submit(import_again).result(timeout=60)
        seen = [counts for answer in searches for counts in answer.result(timeout=60)]

    assert seen
    assert all(set(counts.values()) <= {len(parts)} for counts in seen)


def test_threads_that_search_a_new_base_together_find_the_same(
    database: Database, encoder: HashingEncoder, search: KnowledgeSearch
) -> None:
    write_article(database, encoder, "kettles", [f"kettle part{i}" for i in range(20)])

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: [hit.passage_id for hit in search.search("kettle part3")], range(8)))

    assert answers == [answers[0]] * 8
    assert len(answers[0]) == 5


def test_the_index_has_a_size(
    database: Database, encoder: HashingEncoder, engine: VectorEngine, nearest: Nearest
) -> None:
    write_article(database, encoder, "kettles", ["kettle"])
    nearest("kettle")

    assert engine.size_bytes() >= encoder.dimension * 4


def test_a_lost_index_file_is_made_anew(sqlite_urls: Callable[[], str], encoder: HashingEncoder) -> None:
    if extension_driver() is None:
        pytest.skip("no SQLite here loads extensions, and there is no pysqlite3 for this platform")
    database = Database(sqlite_urls())
    write_article(database, encoder, "kettles", ["kettle"])
    engine = engine_for(database, encoder, "sqlite-vec")
    assert isinstance(engine, SqliteVecEngine)
    search = KnowledgeSearch(database, encoder, engine=engine)
    assert [hit.vector_rank for hit in search.search("kettle")] == [1]

    for file in engine.path.parent.glob(f"{engine.path.name}*"):
        file.unlink()

    assert [hit.vector_rank for hit in search.search("kettle")] == [1]
    database.close()


def test_an_engine_of_the_other_database_is_refused(sqlite_urls: Callable[[], str], encoder: HashingEncoder) -> None:
    database = Database(sqlite_urls())

    with pytest.raises(EngineError, match="pgvector cannot run: the database is SQLite"):
        engine_for(database, encoder, "pgvector")
    with pytest.raises(EngineError, match="can be exact, sqlite-vec, pgvector or empty"):
        engine_for(database, encoder, "faiss")
    assert isinstance(engine_for(database, encoder), ExactEngine)
    database.close()


@pytest.mark.postgresql
def test_postgresql_without_a_setting_uses_pgvector(
    postgresql_urls: Callable[[], str], encoder: HashingEncoder
) -> None:
    database = Database(postgresql_urls())

    assert engine_for(database, encoder).name == "pgvector"
    database.close()


@pytest.mark.postgresql
def test_many_new_vectors_are_indexed_at_once_and_found(
    postgresql_urls: Callable[[], str], encoder: HashingEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert REBUILT_FROM > 50
    monkeypatch.setattr("knowledge_base.search.engines.pgvector.REBUILT_FROM", 50)
    database = Database(postgresql_urls())
    ids = write_article(database, encoder, "kettles", [*(f"kettle number{i}" for i in range(60)), "parcel"])
    engine = engine_for(database, encoder)

    engine.prepare()

    with database.reading() as session:
        found = engine.nearest(session, encoder.encode(["parcel"])[0], (), 1)
    assert [passage_id for passage_id, _ in found] == [ids[60]]
    database.close()


def test_rows_for_copy_have_the_layout_of_postgresql() -> None:
    rows = copied([7], np.array([[1.0, -2.0]], dtype=np.float32), "enc")

    assert rows[:19] == b"PGCOPY\n\xff\r\n\0" + bytes(8)
    assert rows[19:] == (
        b"\x00\x03"
        b"\x00\x00\x00\x04\x00\x00\x00\x07"
        b"\x00\x00\x00\x03enc"
        b"\x00\x00\x00\x0c\x00\x02\x00\x00\x3f\x80\x00\x00\xc0\x00\x00\x00"
        b"\xff\xff"
    )
