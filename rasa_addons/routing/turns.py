"""Turns with the kind they should be routed to, and the state of the dialogue that they came in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

IN_SCOPE = "in_scope"
OPEN_QUESTION = "open_question"
CLARIFY = "clarify"
OUT_OF_SCOPE = "out_of_scope"
DECISIONS = (IN_SCOPE, OPEN_QUESTION, CLARIFY, OUT_OF_SCOPE)
# Why a turn is out of scope; chooses the response.
TOPICS = ("rude", "nonsense", "elsewhere")
# What the model tells apart: the decisions, out of scope by its topics.
LABELS = (IN_SCOPE, OPEN_QUESTION, CLARIFY, *TOPICS)


class TurnsError(ValueError):
    """A file of turns that cannot be used; the message names the file and what to change."""


@dataclass(frozen=True)
class DialogueState:
    """What was going on when a message came: the running form, and the slot that the bot has just asked for."""

    form: str | None = None
    asked: str | None = None

    @property
    def in_form(self) -> bool:
        return self.form is not None


NO_FORM = DialogueState()


@dataclass(frozen=True)
class LabelledTurn:
    """A message with its state and the decision it should get; `topic` says why it is out of scope, if known."""

    text: str
    kind: str
    topic: str | None = None
    state: DialogueState = NO_FORM

    @property
    def label(self) -> str:
        """What the model learns to tell apart: the decision, or the topic of a turn that is out of scope."""
        return self.topic or self.kind


def read_turns(path: Path) -> list[LabelledTurn]:
    """The turns of a YAML file: a list `turns` of groups with `kind`, perhaps `topic`, `form`, `asks`, and `examples`.

    Raises:
        TurnsError: the file is not of this form.
    """
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    groups = document.get("turns") if isinstance(document, dict) else None
    if not isinstance(groups, list):
        raise TurnsError(f"{path}: expected a list `turns` at the top")
    return [
        turn for number, group in enumerate(groups, start=1) for turn in _turns_of(group, f"{path}, group {number}")
    ]


def read_folder(folder: Path) -> list[LabelledTurn]:
    """The turns of all YAML files in `folder` to learn from, in the order of their names.

    Raises:
        TurnsError: the folder holds none, a file is not of the form of `read_turns`, or a topic is missing.
    """
    turns = [turn for path in sorted(folder.glob("*.yml")) for turn in read_turns(path)]
    if not turns:
        raise TurnsError(f"{folder} holds no examples for routing: it needs *.yml files with a list `turns`")
    if nameless := [turn.text for turn in turns if turn.kind == OUT_OF_SCOPE and turn.topic is None]:
        raise TurnsError(f"{folder}: {nameless[0]!r} is {OUT_OF_SCOPE} and needs a `topic`: {', '.join(TOPICS)}")
    return turns


def _turns_of(group: Any, place: str) -> Iterator[LabelledTurn]:
    if not isinstance(group, dict) or group.get("kind") not in DECISIONS:
        raise TurnsError(f"{place}: `kind` has to be one of {', '.join(DECISIONS)}")
    topic = group.get("topic")
    if topic is not None and (group["kind"] != OUT_OF_SCOPE or topic not in TOPICS):
        raise TurnsError(f"{place}: a `topic` has {OUT_OF_SCOPE} only, and it is one of {', '.join(TOPICS)}")
    state = DialogueState(group.get("form"), group.get("asks"))
    for text in group.get("examples") or ():
        if not isinstance(text, str) or not text.strip():
            raise TurnsError(f"{place}: {text!r} is no text; put quotes around numbers, yes and no")
        yield LabelledTurn(text, group["kind"], topic, state)
