"""How fast an import is beside encoding alone: passages a second, from files to a base that can be searched."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

from sqlalchemy import select

from benchmarks.report import Row
from benchmarks.search import shop
from benchmarks.search.bases import fill, sqlite_base
from knowledge_base.encoder import Encoder
from knowledge_base.passages import in_context
from knowledge_base.schema import Passage

PASSAGES = 10_000
SECTIONS_IN_DOCUMENT = 5


def measure(encoder: Encoder, seed: int, passages: int = PASSAGES) -> list[Row]:
    """Import synthetic documents of about `passages` passages, then encode the same texts in one call."""
    dataset = f"import_{passages // 1000}k" if passages >= 1000 else f"import_{passages}"
    with tempfile.TemporaryDirectory(prefix="frontdesk-import-") as name, sqlite_base() as database:
        write_documents(Path(name), passages, seed)
        began = time.perf_counter()
        count = fill(database, encoder, Path(name))
        imported = time.perf_counter() - began
        with database.reading() as session:
            rows = session.execute(select(Passage.title, Passage.heading, Passage.text)).all()
    texts = [in_context(row.title, row.heading, row.text) for row in rows]
    began = time.perf_counter()
    encoder.encode(texts)
    encoded = time.perf_counter() - began
    return [
        Row(dataset, "import", "passages_per_second", count / imported, "1/s"),
        Row(dataset, "encode_alone", "passages_per_second", len(texts) / encoded, "1/s"),
    ]


def write_documents(folder: Path, passages: int, seed: int) -> None:
    """Markdown files of sections as long as the shop's, whose sentences are drawn from its articles."""
    draw = random.Random(seed)
    bodies = [file.read_text(encoding="utf-8").split("---", 2)[2] for file in sorted(shop.ARTICLES.rglob("*.md"))]
    paragraphs = [part for body in bodies for part in body.split("\n\n") if part.strip() and not part.startswith("#")]
    for number in range(-(-passages // SECTIONS_IN_DOCUMENT)):
        sections = [
            f"## Section {number}.{place}\n\n" + "\n\n".join(draw.sample(paragraphs, 2))
            for place in range(min(SECTIONS_IN_DOCUMENT, passages - number * SECTIONS_IN_DOCUMENT))
        ]
        head = f"---\ntitle: Synthetic document {number}\ntopic: synthetic\n---\n"
        (folder / f"synthetic-{number:05d}.md").write_text(head + "\n\n".join(sections) + "\n", encoding="utf-8")
