"""The turns that measure the router, run through the trained model in the state of dialogue that they came in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evaluation import TrainedModel, read_examples

from rasa_addons.routing.turns import IN_SCOPE, OPEN_QUESTION, LabelledTurn, read_turns

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class RoutingScores:
    """All as fractions from 0 to 1."""

    accuracy: float  # turns with the right decision
    accuracy_in_forms: float
    in_scope_to_model: float  # turns in scope that are sent to the knowledge base and the language model
    open_into_dialogue: float  # open questions that are taken for a request or an answer
    topic_accuracy: float  # of turns rightly out of scope whose topic is known


def routing_turns(part: Literal["dev", "test"]) -> list[LabelledTurn]:
    """The turns of a part; in-scope turns outside forms come from the messages that measure intents.

    Of the held-out messages the test takes every second one, so that they are less than half of it.
    """
    turns = read_turns(FOLDER / f"routing_{part}.yml")
    source = read_examples(FOLDER / ("heldout.yml" if part == "test" else "in_scope_dev.yml"))
    taken = source[::2] if part == "test" else source
    return [*turns, *(LabelledTurn(example.text, IN_SCOPE) for example in taken)]


def route(model: TrainedModel, turns: Sequence[LabelledTurn]) -> list[dict[str, Any]]:
    """What the router wrote into the message of each turn."""
    return [model.parse(turn.text, form=turn.state.form, asked=turn.state.asked)["routing"] for turn in turns]


def score_routing(turns: Sequence[LabelledTurn], routed: Sequence[dict[str, Any]]) -> RoutingScores:
    """Compares decisions with what the turns should get."""
    pairs = [(turn, result["decision"]) for turn, result in zip(turns, routed, strict=True)]
    topics = [
        (turn.topic, result["topic"])
        for turn, result in zip(turns, routed, strict=True)
        if turn.topic and result["topic"]
    ]
    return RoutingScores(
        accuracy=_share([turn.kind == decision for turn, decision in pairs]),
        accuracy_in_forms=_share([turn.kind == decision for turn, decision in pairs if turn.state.in_form]),
        in_scope_to_model=_share([decision == OPEN_QUESTION for turn, decision in pairs if turn.kind == IN_SCOPE]),
        open_into_dialogue=_share([decision == IN_SCOPE for turn, decision in pairs if turn.kind == OPEN_QUESTION]),
        topic_accuracy=_share([wanted == got for wanted, got in topics]),
    )


def _share(outcomes: Sequence[bool]) -> float:
    return sum(outcomes) / len(outcomes)
