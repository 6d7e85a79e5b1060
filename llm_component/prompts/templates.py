"""Fills the prompt templates of this folder. Everything that others wrote goes through `hygiene` first."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from llm_component.engines.interface import Message
from llm_component.prompts.hygiene import cut_middle, data_line
from llm_component.protocol import Profile, Turn

FOLDER = Path(__file__).resolve().parent
MAX_TURN_CHARACTERS = 2000  # a longer turn is cut in the middle, so that one pasted log does not hide all others
MAX_FACT_CHARACTERS = 300

# The prompts are plain text for a model; there is no markup to escape into.
_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER),
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # noqa: S701
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=False,
)


@dataclass(frozen=True)
class NumberedPassage:
    """A passage, or the part of it that fits, under its number in the request."""

    number: int
    title: str
    text: str


def render(template: str, **values: object) -> str:
    """The text of a template. Raises `jinja2.UndefinedError` where a value is missing."""
    return _ENVIRONMENT.get_template(template).render(**values).strip()


def messages_of(system: str, user: str) -> tuple[Message, ...]:
    """A prompt of two messages: chat templates of all models take that, also those that want roles to alternate."""
    return (Message("system", system), Message("user", user))


def system_of(messages: Sequence[Message]) -> str:
    """The rules at a prompt's beginning; empty where it has none."""
    return messages[0].content if messages and messages[0].role == "system" else ""


def clean_turns(turns: Sequence[Turn]) -> list[Turn]:
    """The turns with something in them, each on one line."""
    lines = (Turn(turn.role, cut_middle(data_line(turn.content), MAX_TURN_CHARACTERS)) for turn in turns)
    return [turn for turn in lines if turn.content]


def clean_facts(facts: dict[str, str]) -> list[tuple[str, str]]:
    """The facts with something in them, each on one line."""
    lines = (
        (
            cut_middle(data_line(name), MAX_FACT_CHARACTERS),
            cut_middle(data_line(value), MAX_FACT_CHARACTERS),
        )
        for name, value in facts.items()
    )
    return [(name, value) for name, value in lines if name and value]


def answer_system(profile: Profile, *, short: bool = False) -> str:
    """The fixed first part of every answer's prompt: the same bytes for every request of one profile."""
    return render("answer_system_short.jinja" if short else "answer_system.jinja", profile=profile)


def answer_user(
    question: str,
    passages: Sequence[NumberedPassage] = (),
    turns: Sequence[Turn] = (),
    facts: Sequence[tuple[str, str]] = (),
) -> str:
    """What changes with the request, least often changing first. All arguments must be clean."""
    return render("answer_user.jinja", question=question, passages=passages, turns=turns, facts=facts)


def passage_title(title: str, heading: str) -> str:
    """Title and heading in one line."""
    parts = [part for part in (data_line(title), data_line(heading)) if part]
    return ": ".join(dict.fromkeys(parts))


@functools.lru_cache(maxsize=1)
def fingerprint() -> str:
    """SHA-256 over all templates: answers to other prompts are other answers."""
    digest = hashlib.sha256()
    for file in sorted(FOLDER.glob("*.jinja")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
