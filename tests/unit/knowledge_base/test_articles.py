"""Reading articles: front matter, placeholders, and errors that name the file and the fault."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from frontdesk.brand import load_brand
from knowledge_base.articles import ArticleError, read_articles

BRAND = load_brand()
ROOT = Path(__file__).resolve().parents[3]


def write(folder: Path, name: str, content: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")
    return file


def test_an_article_is_read_with_its_placeholders_filled(tmp_path: Path) -> None:
    write(
        tmp_path,
        "kettles/descale-a-kettle.md",
        "---\ntitle: How to descale\ntopic: how-to\ncategory: kettles\nproducts: [Norvane Swift 1.7]\n"
        "updated: 2026-09-03\nkeywords: [limescale, 1.7]\n---\nWrite to {{support_email}}.\n",
    )

    (article,) = read_articles(tmp_path, BRAND)

    assert (article.slug, article.title, article.topic) == ("descale-a-kettle", "How to descale", "how-to")
    assert (article.category, article.products) == ("kettles", ("Norvane Swift 1.7",))
    assert (article.updated, article.keywords) == (date(2026, 9, 3), ("limescale", "1.7"))
    assert article.body == f"Write to {BRAND.support_email}."


def test_without_a_category_the_topic_stands_for_it(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "---\ntitle: A\ntopic: delivery\n---\nText.")

    assert read_articles(tmp_path, BRAND)[0].category == "delivery"


def test_the_hash_follows_the_content_but_not_the_date(tmp_path: Path) -> None:
    hashes = []
    for head, body in (
        ("updated: 2026-01-01", "A."),
        ("updated: 2026-02-02", "A."),
        ("keywords: [b]", "A."),
        ("", "B."),
    ):
        write(tmp_path, "a.md", f"---\ntitle: A\ntopic: delivery\n{head}\n---\n{body}")
        hashes.append(read_articles(tmp_path, BRAND)[0].content_hash)

    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_the_hash_follows_the_address_of_the_shops_site(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "---\ntitle: A\ntopic: delivery\n---\nText.")
    (here,) = read_articles(tmp_path, replace(BRAND, site_url="https://www.example.com"))
    (moved,) = read_articles(tmp_path, replace(BRAND, site_url="https://shop.example.com"))

    assert (here.url, moved.url) == ("https://www.example.com/help/a", "https://shop.example.com/help/a")
    assert here.content_hash != moved.content_hash


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.md", "No front matter", "front matter"),
        ("a.md", "---\ntitle: A: b\ntopic: x\n---\nT.", "not valid YAML"),
        ("a.md", "---\n- a\n---\nT.", "no fields"),
        ("a.md", "---\ntopic: x\n---\nT.", "field 'title': missing"),
        ("a.md", "---\ntitle: A\n---\nT.", "field 'topic': missing"),
        ("a.md", "---\ntitle: A\ntopic: x\ntags: [b]\n---\nT.", "field 'tags': unknown"),
        ("a.md", "---\ntitle: A\ntopic: x\nkeywords: b\n---\nT.", "field 'keywords'"),
        ("a.md", "---\ntitle: A\ntopic: x\nupdated: soon\n---\nT.", "field 'updated'"),
        ("a.md", "---\ntitle: A\ntopic: x\n---\n", "empty"),
        ("a.md", "---\ntitle: A\ntopic: x\n---\n{{shopname}}", "shopname"),
        ("A b.md", "---\ntitle: A\ntopic: x\n---\nT.", "small letters"),
    ],
)
def test_a_fault_is_named_with_its_file(tmp_path: Path, name: str, content: str, fault: str) -> None:
    write(tmp_path, name, content)

    with pytest.raises(ArticleError) as caught:
        read_articles(tmp_path, BRAND)
    assert name in str(caught.value) and fault in str(caught.value)


def test_a_folder_without_an_article_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "readme.txt", "Not an article.")

    with pytest.raises(ArticleError, match="there is no article"):
        read_articles(tmp_path, BRAND)


def test_all_faults_are_told_at_once_and_doubles_are_one(tmp_path: Path) -> None:
    write(tmp_path, "one.md", "nothing")
    write(tmp_path, "two.md", "---\ntitle: A\ntopic: x\n---\nT.")
    write(tmp_path, "more/two.md", "---\ntitle: A\ntopic: x\n---\nT.")

    with pytest.raises(ArticleError) as caught:
        read_articles(tmp_path, BRAND)
    assert len(str(caught.value).splitlines()) == 2


def test_the_shops_own_articles_are_all_valid() -> None:
    articles = read_articles(ROOT / "data" / "knowledge", BRAND)

    assert len(articles) >= 100
    assert not [article.slug for article in articles if "{{" in article.body]
