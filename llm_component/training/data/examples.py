"""One training example, whatever it was made from: what a model is given and what it should write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from llm_component.protocol import Turn

Task = Literal["answer", "rewrite", "summary"]
# What stands for "the passages do not say"; the answers' pipeline puts the profile's own sentence in its place.
ABSTENTION = "I don't know."


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of text as the knowledge base finds it. `heading` is "" where the text stands under the title alone."""

    title: str
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Example:
    """What is given and what should come out.

    answer: `question` after `history` (oldest turn first), from `passages` and `facts`. `target` is sentences, each
        followed by its citations (`The charge is £4.95. [1]`, numbers from 1 in the order of `passages`), or
        `ABSTENTION` where the passages do not answer. `cites` are the numbers cited, ascending.
    rewrite: `question` after `history` made whole, so that it can be understood alone. No passages.
    summary: `history` is the conversation, `target` what the colleague who takes over must know. No question.

    `source` names where it comes from, for counts.
    """

    task: Task
    question: str
    target: str
    history: tuple[Turn, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    passages: tuple[Passage, ...] = ()
    cites: tuple[int, ...] = ()
    source: str = ""

    @property
    def answerable(self) -> bool:
        """False where the right answer is that the passages do not say."""
        return self.target != ABSTENTION
