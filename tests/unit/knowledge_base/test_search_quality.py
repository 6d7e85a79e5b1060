"""Questions as customers ask them, put to the shop's own articles with the real encoder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
import yaml

from frontdesk.brand import load_brand
from knowledge_base.database import Database
from knowledge_base.importer import import_articles
from knowledge_base.search import KnowledgeSearch
from llm_component.encoder import load_encoder

ROOT = Path(__file__).resolve().parents[3]
QUESTIONS = yaml.safe_load(Path(__file__).with_name("search_questions.yml").read_text(encoding="utf-8"))
BEST = 5  # the answer is built from the first passages
EXPECTED_SHARE = 0.95


def test_every_question_has_an_article_that_is_there() -> None:
    slugs = {file.stem for file in (ROOT / "data" / "knowledge").rglob("*.md")}

    assert set(QUESTIONS.values()) <= slugs


@pytest.mark.slow
def test_the_right_article_is_nearly_always_among_the_first_passages(sqlite_urls: Callable[[], str]) -> None:
    database = Database(sqlite_urls())
    encoder = load_encoder()
    now = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
    import_articles(database, encoder, ROOT / "data" / "knowledge", load_brand(), now=now)
    search = KnowledgeSearch(database, encoder)

    missed = [
        question
        for question, slug in QUESTIONS.items()
        if slug not in [hit.slug for hit in search.search(question, limit=BEST)]
    ]
    database.close()

    assert len(missed) <= (1 - EXPECTED_SHARE) * len(QUESTIONS), missed
