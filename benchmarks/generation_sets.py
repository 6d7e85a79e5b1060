"""The hand-written sets that generation is measured on; `data/generation/README.md` says what is in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).with_name("data") / "generation"

Kind = Literal["number", "yes_no", "how_to", "where", "condition", "multi", "unanswerable"]
Fact = tuple[str, ...]  # one of these wordings has to stand in a right answer


@dataclass(frozen=True)
class Turn:
    """One message of a conversation."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True)
class HeldOutPassage:
    """A passage of the invented shop; those of one `family` speak of the same or similar things."""

    id: str
    family: str
    title: str
    heading: str
    text: str


@dataclass(frozen=True)
class HeldOutQuestion:
    """A question with the passages a search would give; `cites` are the numbers, from 1, of those that answer it."""

    id: str
    kind: Kind
    question: str
    history: tuple[Turn, ...]
    passages: tuple[HeldOutPassage, ...]
    answer: str
    facts: tuple[Fact, ...]
    cites: tuple[int, ...]
    answerable: bool


@dataclass(frozen=True)
class RetrievedQuestion:
    """A question on the shop's own articles; `articles` are the paths of those that answer it, none if none does."""

    id: str
    question: str
    articles: tuple[str, ...]
    facts: tuple[Fact, ...]
    answerable: bool


@dataclass(frozen=True)
class HandoffConversation:
    """A conversation, a note on it for a colleague, and what each note `must` say."""

    id: str
    topic: str
    turns: tuple[Turn, ...]
    summary: str
    must: tuple[Fact, ...]


def states(text: str, fact: Fact) -> bool:
    """Whether a text states the fact in one of its wordings; upper and lower case are alike.

    A wording that begins or ends with a digit does not count inside a longer number: "12" is not in "120" or "1.12".
    """
    return any(_stands(wording.casefold(), text.casefold()) for wording in fact)


def _stands(wording: str, text: str) -> bool:
    at = text.find(wording)
    while at >= 0:
        before, after = text[:at], text[at + len(wording) :]
        begins = not (wording[0].isdigit() and (before[-1:].isdigit() or _number_goes_on(before[::-1])))
        ends = not (wording[-1].isdigit() and (after[:1].isdigit() or _number_goes_on(after)))
        if begins and ends:
            return True
        at = text.find(wording, at + 1)
    return False


def _number_goes_on(rest: str) -> bool:
    """Whether a number goes on behind a point, comma or colon."""
    return rest[:1] in (".", ",", ":") and rest[1:2].isdigit()


def held_out_passages(folder: Path = FOLDER) -> list[HeldOutPassage]:
    """All passages of the invented shop: what a bench that retrieves by itself searches."""
    return [HeldOutPassage(**row) for row in _rows(folder / "shop_heldout_passages.jsonl")]


def held_out_questions(folder: Path = FOLDER) -> list[HeldOutQuestion]:
    """The questions with their passages. Raises KeyError where a passage is missing."""
    passages = {passage.id: passage for passage in held_out_passages(folder)}
    return [
        HeldOutQuestion(
            **{
                **row,
                "history": _turns(row["history"]),
                "passages": tuple(passages[key] for key in row["passages"]),
                "facts": _facts(row["facts"]),
                "cites": tuple(row["cites"]),
            }
        )
        for row in _rows(folder / "shop_heldout.jsonl")
    ]


def retrieved_questions(folder: Path = FOLDER) -> list[RetrievedQuestion]:
    """Questions on `data/knowledge`, for which the bench searches itself."""
    rows = _rows(folder / "shop_retrieved.jsonl")
    return [
        RetrievedQuestion(**{**row, "articles": tuple(row["articles"]), "facts": _facts(row["facts"])}) for row in rows
    ]


def handoff_conversations(folder: Path = FOLDER) -> list[HandoffConversation]:
    """Conversations with reference notes."""
    rows = _rows(folder / "handoff.jsonl")
    return [HandoffConversation(**{**row, "turns": _turns(row["turns"]), "must": _facts(row["must"])}) for row in rows]


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def _turns(rows: Sequence[dict[str, Any]]) -> tuple[Turn, ...]:
    return tuple(Turn(**row) for row in rows)


def _facts(rows: Sequence[Sequence[str]]) -> tuple[Fact, ...]:
    return tuple(tuple(wordings) for wordings in rows)
