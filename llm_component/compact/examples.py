"""Training examples, read by the compact model just as it reads what is asked of it when it serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from llm_component.compact.source import SourceBuilder
from llm_component.engines.interface import Grounding, GroundingPassage, Message


class ExampleLike(Protocol):
    """What a training example has; see `llm_component.training.data.examples.Example`."""

    @property
    def task(self) -> Any: ...
    @property
    def question(self) -> str: ...
    @property
    def history(self) -> Sequence[Any]: ...
    @property
    def facts(self) -> Mapping[str, str]: ...
    @property
    def passages(self) -> Sequence[Any]: ...
    @property
    def target(self) -> str: ...


def grounding_of(example: ExampleLike) -> Grounding:
    """A training example as the serving side would ask it."""
    return Grounding(
        task=example.task,
        question=example.question,
        history=tuple(Message(turn.role, turn.content) for turn in example.history),
        facts=tuple(example.facts.items()),
        passages=tuple(GroundingPassage(each.title, each.heading, each.text) for each in example.passages),
    )


def example_ids(builder: SourceBuilder, example: ExampleLike) -> tuple[list[int], list[int]]:
    """Source and target of a training example. Raises `ValueError` where it has no question or nothing was said."""
    return list(builder.build(grounding_of(example)).ids), builder.target_ids(example.target)
