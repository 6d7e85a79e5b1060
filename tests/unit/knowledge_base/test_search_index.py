"""Search over imported articles: what is found, in which order, and for whatever is typed, on both databases."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from knowledge_base.database import Database
from knowledge_base.search import KnowledgeSearch, fuse, query_words
from tests.unit.knowledge_base.article_files import run_import, write
from tests.unit.knowledge_base.hashing_encoder import HashingEncoder


def test_a_question_finds_its_passage_by_words_and_by_vector(database: Database, folder: Path) -> None:
    run_import(database, folder)

    hit = KnowledgeSearch(database, HashingEncoder()).search("how do I descale with citric acid powder?")[0]

    assert (hit.slug, hit.heading, hit.text) == (
        "descale-a-kettle",
        "With citric acid",
        "Stir in powder and wait.",
    )
    assert (hit.text_rank, hit.vector_rank) == (1, 1)
    assert hit.score == pytest.approx(3 / 11)
    assert 0 < hit.similarity <= 1


def test_word_forms_are_found(database: Database, folder: Path) -> None:
    run_import(database, folder)

    hits = KnowledgeSearch(database, HashingEncoder()).search("descaling kettles")

    assert hits[0].slug == "descale-a-kettle" and hits[0].text_rank is not None


def test_a_category_keeps_the_others_out(database: Database, folder: Path) -> None:
    run_import(database, folder)
    search = KnowledgeSearch(database, HashingEncoder())

    assert {hit.slug for hit in search.search("costs of delivery", limit=10, category="returns")} == {"returns"}
    assert search.search("costs of delivery", category="bananas") == []


def test_the_limit_holds_and_nothing_is_found_for_nothing(database: Database, folder: Path) -> None:
    run_import(database, folder)
    search = KnowledgeSearch(database, HashingEncoder())

    assert len(search.search("delivery", limit=2)) == 2
    assert search.search("", limit=5) == search.search("   ") == search.search("delivery", limit=0) == []


def test_an_empty_knowledge_base_finds_nothing(database: Database) -> None:
    assert KnowledgeSearch(database, HashingEncoder()).search("delivery") == []


def test_a_running_search_sees_a_new_import(database: Database, folder: Path) -> None:
    search = KnowledgeSearch(database, HashingEncoder())
    assert search.search("wattage of toasters") == []
    write(folder, "toasters", "The wattage of toasters is printed below them.")
    run_import(database, folder)

    assert search.search("wattage of toasters")[0].slug == "toasters"


def test_passages_of_another_encoder_are_found_by_their_words_and_the_log_says_so(
    database: Database, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run_import(database, folder)
    with caplog.at_level(logging.WARNING, logger="knowledge_base.search"):
        hits = KnowledgeSearch(database, HashingEncoder(name="other")).search("citric acid")

    assert hits[0].slug == "descale-a-kettle"
    assert (hits[0].vector_rank, hits[0].similarity) == (None, 0.0)
    assert "import the articles again" in caplog.text


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.text(max_size=60)
    | st.sampled_from(['"', "'", "NEAR(a b)", "a AND", "*", "title:x", "a:b", "! & |", "\x00", "()"])
)
def test_any_text_is_a_safe_query(database: Database, query: str) -> None:
    assert KnowledgeSearch(database, HashingEncoder()).search(query + " kettle", limit=1) == []


@pytest.mark.parametrize(
    "query", ['"', "a AND (b", "it's", "x; DROP TABLE passages", "kettle*", "-kettle", "a\x00b", "\ud83d"]
)
def test_operators_and_quotes_are_plain_words(database: Database, folder: Path, query: str) -> None:
    run_import(database, folder)

    assert KnowledgeSearch(database, HashingEncoder()).search(f"{query} kettle")[0].slug == "descale-a-kettle"
    with database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM passages")).scalar_one() == 7


def test_ranks_are_fused_by_reciprocal_rank_and_vectors_count_twice() -> None:
    assert fuse([1, 2], [2, 3]) == [(2, 1 / 12 + 2 / 11), (3, 2 / 12), (1, 1 / 11)]


def test_common_words_are_left_out_unless_there_are_no_others() -> None:
    assert query_words("How do I descale THE kettle, the kettle?") == ["descale", "kettle"]
    assert query_words("what is it") == ["what", "is", "it"]
