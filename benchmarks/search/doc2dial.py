"""Doc2Dial's validation set: which of 273 documents a turn of a conversation is about (Feng et al., EMNLP 2020)."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.report import Row
from benchmarks.search.bases import fill, sqlite_base
from benchmarks.search.ranks import document_rank, recall_rows
from knowledge_base.encoder import Encoder
from knowledge_base.search import Found, KnowledgeSearch, Question
from knowledge_base.search.questions import in_conversation

DATASET = "doc2dial_val"
ALL_CANDIDATES = 100  # both rankings whole


@dataclass(frozen=True)
class Turn:
    """A customer's turn with what was said before it, oldest first, and the document that its answer stands in."""

    asked: str
    history: tuple[str, ...]
    document: str


def files(data: Path) -> list[Path]:
    """What has to be there."""
    return [data / DATASET / name for name in ("documents.jsonl", "grounded_turns.jsonl")]


def turns(data: Path, most: int = 0, seed: int = 1) -> list[Turn]:
    """All turns, or so many drawn by the seed."""
    with files(data)[1].open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    if 0 < most < len(rows):
        rows = random.Random(seed).sample(rows, most)
    said = [[text for _who, text in row["history"]] for row in rows]
    return [Turn(texts[-1], tuple(texts[:-1]), row["doc_id"]) for texts, row in zip(said, rows, strict=True)]


def write_documents(data: Path, folder: Path) -> dict[str, str]:
    """Each document as a Markdown file for the importer; gives its slug by its id."""
    slugs = {}
    with files(data)[0].open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            row = json.loads(line)
            slug = slugs[row["doc_id"]] = f"document-{number:04d}"
            head = yaml.safe_dump({"title": row["doc_id"].split("#")[0].strip(), "topic": row["domain"]})
            (folder / f"{slug}.md").write_text(f"---\n{head}---\n{row['text']}\n", encoding="utf-8")
    return slugs


def measure(data: Path, encoder: Encoder, most: int, seed: int) -> list[Row]:
    """The ablation: text, vectors and both, for the last turn alone, with the whole conversation, and as it ships."""
    asked = turns(data, most, seed)
    alone = [Question(turn.asked) for turn in asked]
    whole = [Question(turn.asked, turn.history) for turn in asked]
    decided = [in_conversation(turn.asked, turn.history) for turn in asked]
    with tempfile.TemporaryDirectory(prefix="frontdesk-doc2dial-") as name, sqlite_base() as database:
        slugs = write_documents(data, Path(name))
        fill(database, encoder, Path(name))
        search = KnowledgeSearch(database, encoder)
        right = [{slugs[turn.document]} for turn in asked]
        rows = _ablation("last_turn", _found(search, encoder, alone), right)
        rows += _ablation("conversation", _found(search, encoder, whole), right)
        found = _found(search, encoder, decided)
        ranks = [document_rank(_slugs(one), good) for one, good in zip(found, right, strict=True)]
        return rows + recall_rows(DATASET, "fused_conversation_if_needed", ranks)


def _found(search: KnowledgeSearch, encoder: Encoder, questions: Sequence[Question]) -> list[Found]:
    vectors = encoder.encode([question.text for question in questions])
    return [
        search.find_by(question, vector, ALL_CANDIDATES) for question, vector in zip(questions, vectors, strict=True)
    ]


def _ablation(read: str, found: Sequence[Found], right: Sequence[set[str]]) -> list[Row]:
    rankings = {
        "text": [_slugs(one, "text_rank") for one in found],
        "vector": [_slugs(one, "vector_rank") for one in found],
        "fused": [_slugs(one) for one in found],
    }
    rows = []
    for name, slugs in rankings.items():
        ranks = [document_rank(one, good) for one, good in zip(slugs, right, strict=True)]
        rows += recall_rows(DATASET, f"{name}_{read}", ranks)
    return rows


def _slugs(found: Found, by: str = "") -> list[str]:
    """Documents of the hits: as they came, or in the order of one stage."""
    if not by:
        return [hit.slug for hit in found.hits]
    placed = [(getattr(hit, by), hit.slug) for hit in found.hits if getattr(hit, by) is not None]
    return [slug for _rank, slug in sorted(placed)]
