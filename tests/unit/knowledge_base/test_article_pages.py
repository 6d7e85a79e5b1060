"""Articles as pages: sections put together, anchors, and who may read them."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from knowledge_base.article_pages import ArticlePage, anchor_of, article_page, page_link
from knowledge_base.database import Database
from knowledge_base.schema import Article, Passage

TODAY = date(2026, 3, 10)


def write(database: Database, *passages: tuple[str, str], **changes: Any) -> None:
    with database.transaction() as session:
        fields = {
            "slug": "descaling", "title": "Descaling", "category": "how-to", "content_hash": "0" * 64,
            "imported_at": datetime(2026, 3, 1, tzinfo=timezone.utc),
            "source": "kettles/descaling.md", "dated": date(2026, 2, 1), **changes,
        }  # fmt: skip
        rows = [
            Passage(position=position, title="Descaling", heading=heading, text=text, token_count=1)
            for position, (heading, text) in enumerate(passages)
        ]
        session.add(Article(**fields, passages=rows))


def page(database: Database, slug: str = "descaling") -> ArticlePage | None:
    with database.reading() as session:
        return article_page(session, slug, TODAY)


def test_pieces_of_a_section_stand_together_under_its_headings(database: Database) -> None:
    write(database, ("", "First of all."), ("Acid", "One."), ("Acid", "Two."), ("Acid > How often", "Monthly."))

    found = page(database)

    assert found is not None
    assert [(section.path, section.anchor, section.text) for section in found.sections] == [
        ((), "", "First of all."),
        (("Acid",), "acid", "One.\n\nTwo."),
        (("Acid", "How often"), "acid-how-often", "Monthly."),
    ]
    assert (found.title, found.source, found.dated) == ("Descaling", "kettles/descaling.md", date(2026, 2, 1))


def test_of_two_sections_of_one_name_the_first_is_linked_to(database: Database) -> None:
    write(database, ("Acid", "One."), ("Vinegar", "Two."), ("Acid", "Three."))

    found = page(database)

    assert found is not None
    assert [section.anchor for section in found.sections] == ["acid", "vinegar", ""]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "draft"},
        {"status": "held"},
        {"status": "retired"},
        {"audience": "staff"},
        {"valid_until": TODAY - timedelta(days=1)},
        {"valid_from": TODAY + timedelta(days=1)},
    ],
    ids=lambda changes: next(iter(changes)) + str(next(iter(changes.values()))),
)
def test_what_not_everyone_may_read_today_has_no_page(database: Database, changes: dict[str, Any]) -> None:
    write(database, ("", "Secret."), **changes)

    assert page(database) is None


def test_an_unknown_article_has_no_page(database: Database) -> None:
    assert page(database, "nothing") is None


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("How often, and why?", "how-often-and-why"),
        ("A > B", "a-b"),
        ("Größe & Gewicht", "größe-gewicht"),
        ("水垢", "水垢"),
        ("", ""),
        ("?!", ""),
    ],
)
def test_a_heading_is_linked_to_by_its_words(heading: str, anchor: str) -> None:
    assert anchor_of(heading) == anchor


def test_a_link_can_stand_in_any_text() -> None:
    assert (
        page_link("sizes", "Größe (cm)", "https://shop.example/a") == "https://shop.example/a/sizes#gr%C3%B6%C3%9Fe-cm"
    )
    assert page_link("sizes", "", "https://shop.example/a") == "https://shop.example/a/sizes"
