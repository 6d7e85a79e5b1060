"""The shop's own held-out questions and conversations, and what the knowledge base finds for the questions."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.generation.datasets import OWN
from benchmarks.generation_sets import (
    HeldOutPassage,
    HeldOutQuestion,
    handoff_conversations,
    held_out_passages,
    held_out_questions,
    retrieved_questions,
)
from benchmarks.report import ROOT
from llm_component.encoder import SentenceEncoder
from llm_component.evaluation.cases import Case
from llm_component.evaluation.measures import Said
from llm_component.protocol import Turn
from llm_component.training.data.examples import ABSTENTION, Example, Passage

QUESTIONS = OWN / "shop_heldout.jsonl"
PASSAGES = OWN / "shop_heldout_passages.jsonl"
RETRIEVED = OWN / "shop_retrieved.jsonl"
HANDOFF = OWN / "handoff.jsonl"
KNOWLEDGE = ROOT / "data" / "knowledge"
FOUND = 5  # passages that the search gives, as for a customer
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")


def questions() -> list[Case]:
    """Questions about products that no training data has, with the passages written beside them, in their order."""
    return [_held_out(one) for one in held_out_questions()] if QUESTIONS.is_file() else []


def article_questions() -> list[tuple[Case, frozenset[str]]]:
    """Questions about the shop's articles, with the names of the articles that answer them; they have no reference."""
    if not RETRIEVED.is_file():
        return []
    found = []
    for one in retrieved_questions():
        example = Example("answer", one.question, "" if one.answerable else ABSTENTION, source="shop_articles")
        found.append((Case(one.id, example, one.facts), frozenset(Path(article).stem for article in one.articles)))
    return found


def _held_out(one: HeldOutQuestion) -> Case:
    marks = "".join(f" [{number}]" for number in one.cites)
    example = Example(
        "answer",
        one.question,
        one.answer + marks if one.answerable else ABSTENTION,
        history=tuple(Turn(turn.role, turn.content) for turn in one.history),
        passages=tuple(Passage(passage.title, passage.heading, passage.text) for passage in one.passages),
        cites=one.cites,
        source="shop_heldout",
    )
    return Case(one.id, example, one.facts, one.kind)


def conversations() -> list[Case]:
    """The conversations with a reference summary and what it must say."""
    if not HANDOFF.is_file():
        return []
    found = []
    for one in handoff_conversations():
        said = tuple(Turn(turn.role, turn.content) for turn in one.turns)
        example = Example("summary", "", one.summary, history=said, source="handoff")
        found.append(Case(one.id, example, one.must, one.topic))
    return found


@contextmanager
def knowledge(encoder: SentenceEncoder, *, held_out: bool) -> Iterator[Any]:
    """The search over the held-out passages, or over the shop's articles, in a database that is gone afterwards.

    Not over both: the held-out shop has rules of its own, which the articles would contradict.
    """
    from frontdesk.brand import load_brand
    from knowledge_base.database import Database
    from knowledge_base.importer import import_articles
    from knowledge_base.search import KnowledgeSearch

    with TemporaryDirectory(prefix="frontdesk-generation-") as name:
        folder = Path(name)
        if held_out:
            write_articles(held_out_passages(), folder / "articles")
        else:
            shutil.copytree(KNOWLEDGE, folder / "articles")
        database = Database(f"sqlite:///{folder / 'knowledge.db'}")
        try:
            database.migrate()
            import_articles(database, encoder, folder / "articles", load_brand(), now=datetime.now(timezone.utc))
            yield KnowledgeSearch(database, encoder)
        finally:
            database.close()


def write_articles(passages: Sequence[HeldOutPassage], folder: Path) -> None:
    """Passages as articles, one a title, so that they are found among the shop's own."""
    folder.mkdir(parents=True)
    by_title: dict[str, list[HeldOutPassage]] = {}
    for one in passages:
        by_title.setdefault(one.title, []).append(one)
    for title, parts in by_title.items():
        body = "\n\n".join(f"## {one.heading}\n\n{one.text}" for one in parts)
        front = f"---\ntitle: {json.dumps(title)}\ntopic: products\n---\n"
        slug = "held-out-" + _NOT_IN_A_NAME.sub("-", title.lower()).strip("-")
        (folder / f"{slug}.md").write_text(front + body + "\n", encoding="utf-8")


def retrieved(case: Case, search: Any, articles: frozenset[str] = frozenset()) -> Case:
    """The case with the passages that the search finds for its question instead of those that were written down.

    Gold are passages of `articles`, or those that are a gold passage of the case or share text with it. Where none was
    found, whatever is cited is wrong, and the answer counts as missed.
    """
    example = case.example
    said = [turn.content for turn in example.history if turn.role == "user"]
    hits = search.search(" ".join([*said[-1:], example.question]), limit=FOUND)
    gold = [example.passages[number - 1] for number in example.cites]
    found = tuple(Passage(hit.title, hit.heading, hit.text) for hit in hits)
    cites = tuple(
        number
        for number, (hit, one) in enumerate(zip(hits, found, strict=True), 1)
        if hit.slug in articles or any(same(one, other) for other in gold)
    )
    cites = cites if example.answerable else ()
    return replace(
        case,
        example=replace(example, passages=found, cites=cites),
        unfound=example.answerable and not cites,
    )


def quoted_best(case: Case, encoder: SentenceEncoder, *, ranked: bool) -> Said:
    """What a customer gets without a model: the best passage's sentences that answer best, word for word.

    Args:
        ranked: the passages are in the search's order; else the one whose vector is nearest to the question's is best.
    """
    from knowledge_base.quoting import quote

    passages = case.example.passages
    if not passages:
        return Said("", abstained=True)
    best = 0
    if not ranked:
        vectors = encoder.encode(
            [case.example.question, *(f"{one.title} {one.heading} {one.text}" for one in passages)]
        )
        best = int((vectors[1:] @ vectors[0]).argmax())
    return Said(quote(case.example.question, passages[best].text, encoder), (best + 1,))


def same(one: Passage, other: Passage) -> bool:
    """Whether one passage is the other or a part of it."""
    if (one.title, one.heading) == (other.title, other.heading):
        return True
    left, right = (" ".join(text.split()).casefold() for text in (one.text, other.text))
    return left in right or right in left
