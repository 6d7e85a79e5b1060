"""The shop's own questions: is the right article found, and is a question refused that none answers?"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.report import ROOT, Row
from benchmarks.search.bases import fill, sqlite_base
from benchmarks.search.ranks import document_rank, recall_rows
from knowledge_base.encoder import Encoder
from knowledge_base.search import Found, KnowledgeSearch
from knowledge_base.search.questions import in_conversation
from knowledge_base.search.relevance import Relevance

DATASET = "shop_questions"
QUESTIONS = ROOT / "benchmarks" / "data" / "search" / "shop_questions.jsonl"
ARTICLES = ROOT / "data" / "knowledge"
FITTED_ON, MEASURED_ON = "a", "b"  # the halves
DEPTH = 100  # passages, both rankings whole: an article has several
READ = 5  # passages that the assistant looks at


@dataclass(frozen=True)
class ShopQuestion:
    """A question with the slugs of the articles that answer it, none if none does.

    `kind`: single; follow_up (only with its history, oldest first, a question); near_miss (about a product of the shop,
    but no article says it); off_topic.
    """

    id: str
    kind: str
    half: str
    question: str
    history: tuple[str, ...]
    articles: frozenset[str]

    @property
    def answerable(self) -> bool:
        """Whether an article answers it."""
        return bool(self.articles)


@dataclass(frozen=True)
class Asked:
    """A question with what the search found for it."""

    question: ShopQuestion
    found: Found


def questions(file: Path = QUESTIONS) -> list[ShopQuestion]:
    """All questions of the set."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [
        ShopQuestion(**{**row, "history": tuple(row["history"]), "articles": frozenset(row["articles"])})
        for row in rows
    ]


def ask_all(encoder: Encoder) -> tuple[list[Asked], list[Asked]]:
    """Every question put to the shop's articles, as the assistant does; then the single ones amid another topic.

    The second list has the questions of kind single behind the history of a follow-up question that is none of
    theirs: what was said before must not lead them astray.
    """
    asked = questions()
    others = [one.history for one in asked if one.kind == "follow_up"]
    with sqlite_base() as database:
        fill(database, encoder, ARTICLES)
        search = KnowledgeSearch(database, encoder)

        def ask(one: ShopQuestion, history: Sequence[str]) -> Asked:
            return Asked(one, search.find(in_conversation(one.question, history), limit=DEPTH))

        plain = [ask(one, one.history) for one in asked]
        singles = [one for one in asked if one.kind == "single"]
        amid = [ask(one, others[number % len(others)]) for number, one in enumerate(singles)]
    return plain, amid


def scored(asked: Sequence[Asked], fitted: Relevance) -> list[Asked]:
    """The same with the score of a new fit."""
    return [
        Asked(
            one.question,
            replace(one.found, relevance=fitted.probability(one.found.signs), threshold=fitted.threshold),
        )
        for one in asked
    ]


def rows_of(asked: Sequence[Asked], amid: Sequence[Asked]) -> list[Row]:
    """Recall of the articles, and what the threshold refuses, on the half that it was not chosen on."""
    held = [one for one in asked if one.question.half == MEASURED_ON]
    rows = recall_rows(DATASET, "fused", _ranks(held))
    read = [
        any(hit.slug in one.question.articles for hit in one.found.hits[:READ])
        for one in held
        if one.question.answerable
    ]
    rows.append(Row(DATASET, "fused", "article_in_5_passages", float(np.mean(read))))
    for kind in ("single", "follow_up"):
        rows += recall_rows(f"{DATASET}_{kind}", "fused", _ranks([one for one in held if one.question.kind == kind]))
    rows += recall_rows(
        f"{DATASET}_amid_another_topic", "fused", _ranks([one for one in amid if one.question.half == MEASURED_ON])
    )

    def refused(chosen: Callable[[ShopQuestion], bool]) -> float:
        return float(np.mean([one.found.nothing_answers for one in held if chosen(one.question)]))

    return [
        *rows,
        Row(DATASET, "calibrated", "unanswerable_refused", refused(lambda one: not one.answerable)),
        Row(DATASET, "calibrated", "off_topic_refused", refused(lambda one: one.kind == "off_topic")),
        Row(DATASET, "calibrated", "near_miss_refused", refused(lambda one: one.kind == "near_miss")),
        Row(DATASET, "calibrated", "answerable_refused", refused(lambda one: one.answerable)),
    ]


def curve(asked: Sequence[Asked], half: str) -> list[tuple[float, float, float]]:
    """Threshold, share of the unanswerable refused, share of the answerable refused; for 101 thresholds."""
    scored = [(one.found.relevance or 0.0, one.question.answerable) for one in asked if one.question.half == half]
    bad, good = (np.array([score for score, kind in scored if kind is wanted]) for wanted in (False, True))
    return [(float(at), float((bad < at).mean()), float((good < at).mean())) for at in np.linspace(0, 1, 101)]


def _ranks(asked: Sequence[Asked]) -> list[int | None]:
    return [
        document_rank([hit.slug for hit in one.found.hits], one.question.articles)
        for one in asked
        if one.question.answerable
    ]
