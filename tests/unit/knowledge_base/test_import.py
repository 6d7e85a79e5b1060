"""Import: what goes in, what is embedded again, what is retired and what is skipped, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from frontdesk.brand import load_brand
from knowledge_base.database import Database
from knowledge_base.importer import DocumentError, ImportReport, import_articles
from knowledge_base.schema import Article, Passage
from knowledge_base.search import KnowledgeSearch
from knowledge_base.token_budget import FILLER
from tests.unit.knowledge_base.hashing_encoder import HashingEncoder

NOW = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
BRAND = load_brand()
ARTICLES = {
    "descale-a-kettle": (
        "how-to",
        "kettles",
        "Boil vinegar in it.\n\n## With citric acid\nStir in powder and wait.\n\n## How often\nEvery month.",
    ),
    "delivery-costs": ("delivery", None, "Standard delivery costs £4.95.\n\n## Express\nExpress costs £9.95."),
    "returns": ("returns", None, "Thirty days from delivery.\n\n## Opened goods\nEarbuds cannot go back once opened."),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three articles."""
    for slug, (topic, category, body) in ARTICLES.items():
        write(tmp_path, slug, body, topic, category)
    return tmp_path


def write(folder: Path, slug: str, body: str, topic: str = "how-to", category: str | None = None) -> None:
    head = f"title: {slug.replace('-', ' ').capitalize()}\ntopic: {topic}\n"
    head += f"category: {category}\n" if category else ""
    (folder / f"{slug}.md").write_text(f"---\n{head}---\n{body}\n", encoding="utf-8")


def run_import(database: Database, folder: Path, encoder: HashingEncoder | None = None) -> ImportReport:
    return import_articles(database, encoder or HashingEncoder(), folder, BRAND, now=NOW)


def test_articles_go_in_as_passages_with_their_vectors(database: Database, folder: Path) -> None:
    report = run_import(database, folder)

    assert report == ImportReport(added=3, changed=0, unchanged=0, retired=0, passages=7)
    with database.reading() as session:
        passage = session.scalars(select(Passage).where(Passage.heading == "With citric acid")).one()
        assert (passage.title, passage.position) == ("Descale a kettle", 1)
        vector = np.frombuffer(passage.embedding, dtype="<f4")
        assert vector.shape == (64,) and np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
        article = session.scalars(select(Article).where(Article.slug == "delivery-costs")).one()
        assert (article.category, article.url) == ("delivery", f"{BRAND.site_url}/help/delivery-costs")


def test_a_second_import_embeds_nothing(database: Database, folder: Path) -> None:
    run_import(database, folder)
    encoder = HashingEncoder()
    version = KnowledgeSearch(database, encoder).version()

    assert run_import(database, folder, encoder) == ImportReport(0, 0, unchanged=3, retired=0, passages=7)
    assert encoder.encoded == []
    assert KnowledgeSearch(database, encoder).version() == version


def test_only_what_changed_is_embedded_again_and_what_left_is_retired(database: Database, folder: Path) -> None:
    run_import(database, folder)
    write(folder, "returns", "Sixty days now.", "returns")
    (folder / "delivery-costs.md").unlink()
    encoder = HashingEncoder()

    report = run_import(database, folder, encoder)

    assert report == ImportReport(added=0, changed=1, unchanged=1, retired=1, passages=4)
    assert [text for text in encoder.encoded if not text.startswith(FILLER)] == ["Returns\nSixty days now."]
    found = KnowledgeSearch(database, encoder).search("delivery costs standard express", limit=10)
    assert "delivery-costs" not in {hit.slug for hit in found}
    with database.reading() as session:
        assert session.scalars(select(Article).where(Article.slug == "delivery-costs")).one().retired_at == NOW


def test_a_retired_article_comes_back(database: Database, folder: Path) -> None:
    run_import(database, folder)
    (folder / "returns.md").rename(folder / "returns.kept")
    run_import(database, folder)
    (folder / "returns.kept").rename(folder / "returns.md")

    assert run_import(database, folder).added == 1
    assert KnowledgeSearch(database, HashingEncoder()).search("earbuds opened")[0].slug == "returns"


def test_another_encoder_embeds_everything_again(database: Database, folder: Path) -> None:
    run_import(database, folder)

    assert run_import(database, folder, HashingEncoder(dimension=32)).changed == 3


def test_a_folder_without_articles_retires_none(database: Database, folder: Path, tmp_path: Path) -> None:
    run_import(database, folder)
    (tmp_path / "empty").mkdir()

    with pytest.raises(DocumentError, match="nothing was changed"):
        run_import(database, tmp_path / "empty")
    assert run_import(database, folder).unchanged == 3


def test_an_import_after_the_site_moved_rewrites_the_addresses(database: Database, folder: Path) -> None:
    run_import(database, folder)
    moved = replace(BRAND, site_url="https://moved.example.com")

    assert import_articles(database, HashingEncoder(), folder, moved, now=NOW).changed == 3
    with database.reading() as session:
        addresses = set(session.scalars(select(Article.url)))
    assert addresses == {f"https://moved.example.com/help/{slug}" for slug in ARTICLES}


def test_progress_names_each_article_and_ends_full(database: Database, folder: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    import_articles(
        database, HashingEncoder(), folder, BRAND, now=NOW, progress=lambda *progress: seen.append(progress)
    )

    assert seen == [(0, 3, "delivery-costs"), (1, 3, "descale-a-kettle"), (2, 3, "returns"), (3, 3, "")]
