"""What one search gives back beside its hits: the stages, the reranker's order, and whether anything answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from sqlalchemy.orm import Session

from knowledge_base.database import Database
from knowledge_base.search import KnowledgeSearch, Question
from knowledge_base.search.found import Found
from knowledge_base.search.full_text import PostgresqlFullText
from tests.unit.knowledge_base.article_rows import write_article
from tests.unit.knowledge_base.hashing_encoder import HashingEncoder


class WantsVinegar:
    """A reranker that puts what speaks of vinegar first."""

    name = "vinegar"

    def __init__(self) -> None:
        self.read: list[str] = []

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        self.read.extend(passages)
        return [float("vinegar" in passage) for passage in passages]


@pytest.fixture
def filled(database: Database) -> Iterator[Database]:
    """Two articles on kettles and one on parcels."""
    encoder = HashingEncoder()
    write_article(database, encoder, "descaling", ["descale a kettle with acid", "descale a kettle with vinegar"])
    write_article(database, encoder, "parcels", ["track a parcel"])
    yield database


def test_the_stages_are_told(filled: Database) -> None:
    found = KnowledgeSearch(filled, HashingEncoder()).find(Question("how to descale with acid, dragon"))

    assert set(found.words) == {"descale", "acid"}
    assert found.left_out == ("dragon",)
    assert found.hits[0].text == "descale a kettle with acid"
    assert (found.hits[0].text_rank, found.hits[0].vector_rank, found.hits[0].fused_rank) == (1, 1, 1)
    assert found.hits[0].text_score is not None
    assert len(found.signs) == 6


def test_a_reranker_has_the_last_word(filled: Database) -> None:
    reranker = WantsVinegar()

    found = KnowledgeSearch(filled, HashingEncoder(), reranker=reranker).find(Question("descale with acid"), limit=1)

    assert [(hit.text, hit.rerank_score) for hit in found.hits] == [("descale a kettle with vinegar", 1.0)]
    assert len(reranker.read) == 3


class RemembersTheGone:
    """An engine that an import has just overtaken: all that it knows has been taken away."""

    name = "behind"
    exact = True

    def prepare(self) -> None:
        pass

    def nearest(
        self, session: Session, question: np.ndarray, excluded: Sequence[int], limit: int
    ) -> list[tuple[int, float]]:
        return [(1_000_000 + number, 0.9) for number in range(limit)]

    def size_bytes(self) -> int:
        return 0


def test_what_an_import_has_just_taken_away_takes_no_places(filled: Database) -> None:
    search = KnowledgeSearch(filled, HashingEncoder(), engine=RemembersTheGone())

    texts = {hit.text for hit in search.search("descale a kettle", limit=2)}

    assert texts == {"descale a kettle with acid", "descale a kettle with vinegar"}


def test_without_a_fitted_score_only_nothing_found_answers_nothing(filled: Database) -> None:
    search = KnowledgeSearch(filled, HashingEncoder())

    assert search.find(Question("descale")).relevance is None
    assert not search.find(Question("descale")).nothing_answers
    assert search.find(Question("")).nothing_answers


@pytest.mark.parametrize(("relevance", "expected"), [(0.29, True), (0.3, False)])
def test_below_the_threshold_nothing_answers(filled: Database, relevance: float, expected: bool) -> None:
    hits = KnowledgeSearch(filled, HashingEncoder()).find(Question("descale")).hits
    found = Found("descale", ("descale",), (), "exact", hits, relevance=relevance, threshold=0.3)

    assert found.nothing_answers is expected


@pytest.mark.postgresql
@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_postgresql_stems_a_question_in_the_language_of_the_articles(database: Database) -> None:
    write_article(database, HashingEncoder(), "garantie", ["Die Geräte haben zwei Jahre Garantie."], language="de")
    write_article(database, HashingEncoder(), "warranty", ["All appliances have a warranty."])
    index = PostgresqlFullText()

    with database.reading() as session:
        german = index.rank(session, ["gerät"], [], 10)
        english = index.rank(session, ["appliance"], [], 10)
        counted = index.frequencies(session, ["gerät", "appliance", "drache"])

    assert len(german) == len(english) == 1
    assert german[0].passage_id != english[0].passage_id
    assert counted == {"gerät": 1, "appliance": 1, "drache": 0}
