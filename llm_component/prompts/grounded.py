"""Requests as tasks in their parts, for models that have a form of their own for them instead of a chat."""

from __future__ import annotations

from collections.abc import Sequence

from llm_component.engines.interface import Grounding, GroundingPassage, Message, RequestRefused
from llm_component.prompts.builder import AnswerPrompt
from llm_component.prompts.hygiene import data, data_line
from llm_component.prompts.retelling import RetellingPrompt
from llm_component.protocol import AnswerRequest, RewriteRequest, SummaryRequest, Turn


def grounded_answer(request: AnswerRequest) -> AnswerPrompt:
    """The task of an answer. How much of it fits is for the model's own source to say, which cuts passages and turns.

    Raises:
        RequestRefused: the question is empty.
    """
    question = data_line(request.question)
    if not question:
        raise RequestRefused("the question is empty")
    grounding = Grounding(
        "answer",
        request.question,
        _messages(request.history),
        tuple(request.facts.items()),
        tuple(
            GroundingPassage(passage.title, passage.heading, passage.text or passage.quote, passage.quote)
            for passage in request.passages
        ),
    )
    numbers = tuple(
        number for number, passage in enumerate(request.passages, 1) if data(passage.text) or data(passage.quote)
    )
    return AnswerPrompt(
        messages=(Message("user", question),),
        tokens=0,
        output_tokens=request.max_tokens,
        passages=numbers,
        sentences=0,
        turns=len(request.history),
        facts=len(request.facts),
        question_characters=len(question),
        grounding=grounding,
    )


def grounded_summary(request: SummaryRequest) -> RetellingPrompt:
    """The task of a summary. Raises `RequestRefused` where the customer has said nothing."""
    said = [turn for turn in request.turns if data_line(turn.content)]
    if not any(turn.role == "user" for turn in said):
        raise RequestRefused("there is nothing to sum up: the customer has said nothing")
    grounding = Grounding("summary", history=_messages(said), facts=tuple(request.facts.items()))
    whole = "\n".join(data_line(turn.content) for turn in said)
    return RetellingPrompt((Message("user", whole),), request.max_tokens, len(said), grounding)


def grounded_rewrite(request: RewriteRequest) -> RetellingPrompt:
    """The task of making a question whole. Raises `RequestRefused` where it is empty."""
    question = data_line(request.question)
    if not question:
        raise RequestRefused("the question is empty")
    grounding = Grounding("rewrite", request.question, _messages(request.history))
    return RetellingPrompt((Message("user", question),), request.max_tokens, len(request.history), grounding)


def _messages(turns: Sequence[Turn]) -> tuple[Message, ...]:
    return tuple(Message(turn.role, turn.content) for turn in turns)
