"""Files become documents: their names, titles, categories and side files, and what is skipped with its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.brand import load_brand
from knowledge_base.documents.document import Document
from knowledge_base.documents.sources import DEFAULT_MOST_BYTES, Skipped, Sources, files_of, slug_of

BRAND = load_brand()
ROOT = Path(__file__).resolve().parents[4]
MOST_BYTES = 4096
ARTICLE = "---\ntitle: A\ntopic: delivery\n---\nText."


def write(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def read(path: Path, root: Path | None = None) -> tuple[dict[str, Document], dict[str, str]]:
    """Documents by slug, and reasons by the source that was skipped."""
    found = list(Sources(files_of(path, root or path, MOST_BYTES), BRAND))
    documents = {one.slug: one for one in found if isinstance(one, Document)}
    return documents, {one.source: one.reason for one in found if isinstance(one, Skipped)}


def test_an_article_is_known_by_its_files_name_and_has_a_page_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, "kettles/descale-a-kettle.md", ARTICLE)
    (document,) = read(tmp_path)[0].values()

    assert (document.slug, document.source) == ("descale-a-kettle", "kettles/descale-a-kettle.md")
    assert (document.category, document.url) == ("delivery", f"{BRAND.site_url}/help/descale-a-kettle")
    assert (document.format, document.language) == ("markdown", "en")


def test_any_other_file_is_known_by_its_path_and_belongs_to_its_folder(tmp_path: Path) -> None:
    write(tmp_path, "Manuals & more/Kettle_v2.txt", "Boil water.")
    (document,) = read(tmp_path)[0].values()

    assert (document.slug, document.category) == ("manuals-more-kettle-v2-txt", "manuals-more")
    assert (document.title, document.url, document.format) == ("Kettle v2", None, "text")


def test_the_only_outermost_heading_is_the_title_and_not_repeated(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "# Kettles\n\nIntro.\n\n## Care\n\nRinse.")
    (document,) = read(tmp_path)[0].values()

    assert document.title == "Kettles"
    assert [section.path for section in document.sections] == [(), ("Care",)]


def test_the_pairs_of_a_table_are_documents_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, "faq.csv", "id,question,answer\n1,Why?,So.\n2,When?,Now.")
    sources = Sources(files_of(tmp_path, tmp_path, MOST_BYTES), BRAND)

    assert [(one.slug, one.title, one.source) for one in sources if isinstance(one, Document)] == [
        ("faq-csv-1", "Why?", "faq.csv"),
        ("faq-csv-2", "When?", "faq.csv"),
    ]
    assert sources.total == 2


def test_a_side_file_says_what_the_document_does_not(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "Boil water.")
    write(tmp_path, "a.txt.yml", "author: Ann Lee\naudience: staff\nproducts: [Swift]\nvalid_from: 2026-01-01\n")
    documents, skipped = read(tmp_path)
    fields = documents["a-txt"].fields

    assert (fields.author, fields.audience, fields.products) == ("Ann Lee", "staff", ("Swift",))
    assert (fields.valid_from, skipped) == (date(2026, 1, 1), {})


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.md", "", "empty"),
        ("a.md", "---\ntitle: A\ntopic: x\n---\n", "no text"),
        ("a.md", "---\ntitle: A\ntopic: x\n---\n{{shopname}}", "shopname"),
        ("a.txt", b"\0\1\2\3" * 50, "control characters"),
        ("a.txt", "x" * (MOST_BYTES + 1), "at most"),
        ("a.pdf", "no pdf", "is no PDF"),
        ("a.html", "<html><body><nav>Menu</nav></body></html>", "no text"),
        ("a.json", "[]", "no text"),
    ],
)
def test_a_file_that_cannot_be_used_is_skipped_with_its_reason(
    tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    write(tmp_path, name, content)
    write(tmp_path, "good.txt", "Good.")
    documents, skipped = read(tmp_path)

    assert list(documents) == ["good-txt"]
    assert list(skipped) == [name] and reason in skipped[name]


def test_a_fault_in_a_side_file_skips_its_document(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "Text.")
    write(tmp_path, "a.txt.yml", "valid_from: soon")

    assert "valid_from" in read(tmp_path)[1]["a.txt"]


def test_of_two_documents_with_one_name_the_second_is_skipped(tmp_path: Path) -> None:
    write(tmp_path, "one/a.md", ARTICLE)
    write(tmp_path, "two/a.md", ARTICLE)
    documents, skipped = read(tmp_path)

    assert documents["a"].source == "one/a.md"
    assert "another document is called a already: one/a.md" in skipped["two/a.md"]


def test_hidden_lock_and_foreign_files_are_passed_over(tmp_path: Path) -> None:
    for name in (".git/a.md", ".a.txt", "~$a.docx", "a.png", "a.txt.yml"):
        write(tmp_path, name, "x")

    assert read(tmp_path) == ({}, {})


def test_a_file_that_is_named_itself_is_not_passed_over(tmp_path: Path) -> None:
    file = write(tmp_path, "a.png", "x")

    assert "files of this kind are not read" in read(file, tmp_path)[1]["a.png"]


def test_text_in_another_encoding_is_read(tmp_path: Path) -> None:
    text = "Die Kaffeemaschine für Köche löscht den Zähler. Größe und Gewicht stehen auf dem Gehäuse. " * 3
    write(tmp_path, "a.txt", text.encode("cp1252"))
    write(tmp_path, "b.txt", text.encode("utf-16"))
    documents, _skipped = read(tmp_path)

    assert {document.sections[0].blocks[0].text for document in documents.values()} == {text.strip()}


def test_the_hash_follows_everything_that_is_stored(tmp_path: Path) -> None:
    write(tmp_path, "a.md", ARTICLE)
    (document,) = read(tmp_path)[0].values()
    variants = [
        replace(document, title="B"),
        replace(document, url="https://moved.example/help/a"),
        replace(document, sections=()),
        *(replace(document, fields=replace(document.fields, **{name: value})) for name, value in CHANGES.items()),
    ]

    assert len({document.content_hash, *(variant.content_hash for variant in variants)}) == len(variants) + 1


CHANGES = {
    "version": "2",
    "author": "Ann",
    "dated": date(2026, 1, 1),
    "audience": "staff",
    "products": ("Swift",),
    "keywords": ("x",),
    "valid_from": date(2026, 1, 2),
    "valid_until": date(2026, 1, 3),
    "draft": True,
}


@given(st.text(min_size=1, max_size=300))
def test_a_slug_is_short_and_plain_and_keeps_long_names_apart(name: str) -> None:
    slug = slug_of(name)

    assert 0 < len(slug) <= 120
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert slug_of("a" * 200 + name) != slug_of("a" * 200 + name + "b")


def test_the_shops_own_articles_are_all_valid() -> None:
    folder = ROOT / "data" / "knowledge"
    found = list(Sources(files_of(folder, folder, DEFAULT_MOST_BYTES), BRAND))

    assert len(found) >= 100
    assert [one for one in found if isinstance(one, Skipped) or one.findings or "{{" in str(one.sections)] == []
