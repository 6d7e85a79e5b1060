"""A few articles as files, and their import: what tests of import and search share."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from frontdesk.brand import load_brand
from knowledge_base.database import Database
from knowledge_base.importer import ImportReport, import_articles
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


def write(folder: Path, slug: str, body: str, topic: str = "how-to", category: str | None = None) -> None:
    head = f"title: {slug.replace('-', ' ').capitalize()}\ntopic: {topic}\n"
    head += f"category: {category}\n" if category else ""
    (folder / f"{slug}.md").write_text(f"---\n{head}---\n{body}\n", encoding="utf-8")


def run_import(database: Database, folder: Path, encoder: HashingEncoder | None = None) -> ImportReport:
    return import_articles(database, encoder or HashingEncoder(), folder, BRAND, now=NOW)
