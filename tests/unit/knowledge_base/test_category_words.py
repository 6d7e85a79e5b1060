"""What customers call the categories."""

from __future__ import annotations

from datetime import date

import pytest

from frontdesk.brand import load_brand
from knowledge_base.catalog_views import CategoryView
from knowledge_base.category_words import match_category, words_of
from knowledge_base.seed.catalogue_files import load_catalogue

CATEGORIES = [
    CategoryView(row["slug"], row["name"], row["singular"])
    for row in load_catalogue(date(2026, 3, 10), load_brand()).categories
]


@pytest.mark.parametrize(
    ("text", "slug", "kind"),
    [
        ("kettle", "kettles", ""),
        ("Kettles", "kettles", ""),
        ("vacuum-cleaners", "vacuum-cleaners", ""),
        ("hoover", "vacuum-cleaners", ""),
        ("tellies", "televisions", ""),
        ("TV", "televisions", ""),
        ("robot vacuum", "vacuum-cleaners", "robot"),
        ("robot hoover", "vacuum-cleaners", "robot"),
        ("microwve", "microwaves", ""),
        ("headfones", "headphones", ""),
        ("airfryer", "air-fryers", ""),
        ("a cheap coffee maker please", "coffee-machines", "a cheap please"),
        ("earbuds", "headphones", "earbuds"),
        ("air purifier", "air-care", "purifier"),
    ],
)
def test_words_lead_to_a_category(text: str, slug: str, kind: str) -> None:
    match = match_category(text, CATEGORIES)

    assert match is not None
    assert (match.slug, match.kind) == (slug, kind)


@pytest.mark.parametrize("text", ["", "?!", "banana", "where is my order"])
def test_other_words_lead_to_none(text: str) -> None:
    assert match_category(text, CATEGORIES) is None


def test_no_word_belongs_to_two_categories() -> None:
    words = [word for category in CATEGORIES for word in words_of(category).all]

    assert len(words) == len(set(words))


def test_singular_and_plural_are_both_known() -> None:
    for category in CATEGORIES:
        assert {category.name.casefold(), category.singular.casefold()} <= set(words_of(category).same)
