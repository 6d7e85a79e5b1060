"""What a model is evaluated on: examples with what has to be in their answers, from JSON lines."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from llm_component.protocol import Turn
from llm_component.training.data.examples import ABSTENTION, Example, Passage

T = TypeVar("T")
TASKS = ("answer", "rewrite", "summary")
ASSISTANTS = frozenset({"assistant", "agent", "bot", "shop", "system"})


class EvaluationError(ValueError):
    """What was asked for cannot be measured; the message says why and what to do."""


@dataclass(frozen=True)
class Case:
    """An example, and `must`: what its answer or summary must say, each in one of several forms.

    `group` tells kinds apart in a report, such as "price" or "unanswerable". `wanted` is the reference letter by
    letter, where the target is not (published scores are of texts as they came). `unfound`: a passage that answers
    exists and is not among those given, so that no citation can be right.
    """

    name: str
    example: Example
    must: tuple[tuple[str, ...], ...] = ()
    group: str = ""
    wanted: str = ""
    unfound: bool = False

    @property
    def reference(self) -> str:
        """What the answer is compared with: the target without citation marks."""
        from llm_component.evaluation.citations import without_marks

        return self.wanted or without_marks(self.example.target)


def read_cases(path: Path) -> list[Case]:
    """The cases of a file with one JSON object a line.

    Keys: `target` (its sentences may end with citation marks), `question`, and as far as there are any `task`
    ("answer"), `history` ([{"role", "content"}]), `passages` ([{"title", "heading", "text"}]), `facts` (an object),
    `cites` (numbers), `must` (texts, or lists of texts of
    which one is enough), `answerable` (false: the target is the abstention), `id`, `group`.

    Raises:
        EvaluationError: the file is missing or empty, or a line cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read ({error.strerror})") from error
    cases = [_case(line, path, number) for number, line in enumerate(lines, 1) if line.strip()]
    if not cases:
        raise EvaluationError(f"{path} holds no examples: it needs one JSON object a line")
    return cases


def from_examples(examples: Iterable[Example]) -> list[Case]:
    """Cases without more to be said than their targets."""
    return [Case(f"{example.source or 'example'}-{number}", example) for number, example in enumerate(examples, 1)]


def sample(cases: Sequence[T], limit: int, seed: int) -> list[T]:
    """At most `limit` of them (0: all), drawn by the seed, in their old order."""
    if not 0 < limit < len(cases):
        return list(cases)
    chosen = sorted(random.Random(seed).sample(range(len(cases)), limit))
    return [cases[index] for index in chosen]


def _case(line: str, path: Path, number: int) -> Case:
    try:
        said = json.loads(line)
        answerable = bool(said.get("answerable", True))
        example = Example(
            task=said.get("task", "answer"),
            question=str(said.get("question", "")),
            target=str(said["target"]) if answerable else ABSTENTION,
            history=tuple(turns(said.get("history", ()))),
            facts={str(name): str(value) for name, value in said.get("facts", {}).items()},
            passages=tuple(passages(said.get("passages", ()))),
            cites=tuple(int(cite) for cite in said.get("cites", ())),
            source=path.stem,
        )
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise EvaluationError(f"{path}, line {number}: no example ({type(error).__name__}: {error})") from error
    if example.task not in TASKS:
        raise EvaluationError(f"{path}, line {number}: the task {example.task!r} is none of {', '.join(TASKS)}")
    name = str(said.get("id", f"{path.stem}-{number}"))
    return Case(name, example, alternatives(said.get("must", ())), str(said.get("group", "")))


def alternatives(said: Iterable[Any]) -> tuple[tuple[str, ...], ...]:
    """What must be said from texts, or from lists of texts of which one is enough."""
    return tuple((one,) if isinstance(one, str) else tuple(str(each) for each in one) for one in said)


def turns(said: Iterable[Any]) -> Iterator[Turn]:
    """Turns from objects with role and content, or from pairs of both."""
    for one in said:
        role, content = (one["role"], one["content"]) if isinstance(one, dict) else one
        yield Turn("assistant" if str(role).lower() in ASSISTANTS else "user", str(content))


def passages(said: Iterable[Any]) -> Iterator[Passage]:
    """Passages from objects with title, heading and text, or from plain texts."""
    for one in said:
        if isinstance(one, str):
            yield Passage("", "", one)
        else:
            yield Passage(str(one.get("title", "")), str(one.get("heading", "")), str(one["text"]))
