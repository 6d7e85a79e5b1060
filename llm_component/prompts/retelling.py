"""Prompts that say a text anew within a budget of tokens: a summary, a reworded message, a question made whole."""

from __future__ import annotations

from dataclasses import dataclass

from llm_component.engines.interface import Grounding, Message, RequestRefused
from llm_component.prompts import templates
from llm_component.prompts.budget import CountTokens, largest, output_tokens
from llm_component.prompts.hygiene import data, data_line
from llm_component.protocol import RephraseRequest, RewriteRequest, SummaryRequest


@dataclass(frozen=True)
class RetellingPrompt:
    """A prompt that fits. `turns` of the conversation are in it, `output_tokens` are kept free."""

    messages: tuple[Message, ...]
    output_tokens: int
    turns: int
    grounding: Grounding | None = None  # in place of the messages, for models that take tasks in their parts

    @property
    def system(self) -> str:
        """The fixed first part; empty where the prompt has none."""
        return templates.system_of(self.messages)


def fit_summary(request: SummaryRequest, count_tokens: CountTokens, context_tokens: int) -> RetellingPrompt:
    """The prompt for a summary. Of a long conversation it holds the customer's first message, which mostly says what
    they want, and the newest turns.

    Raises:
        RequestRefused: there is no conversation, or not even its newest turn fits.
    """
    output = output_tokens(request.max_tokens, context_tokens)
    turns = templates.clean_turns(request.turns)
    facts = templates.clean_facts(request.facts)
    if not any(turn.role == "user" for turn in turns):
        raise RequestRefused("there is nothing to sum up: the customer has said nothing")
    system = templates.render("summary_system.jinja", shop_name=request.profile.shop_name if request.profile else "")
    opening = next(index for index, turn in enumerate(turns) if turn.role == "user")

    def messages(newest: int) -> tuple[Message, ...]:
        start = len(turns) - newest
        kept = ([turns[opening]] if opening < start else []) + turns[start:]
        return templates.messages_of(system, templates.render("summary_user.jinja", turns=kept, facts=facts))

    fitting = largest(lambda n: count_tokens(messages(n)) <= context_tokens - output, len(turns))
    if not fitting:
        raise RequestRefused("the conversation's newest turn does not fit into the model's context")
    return RetellingPrompt(messages(fitting), output, fitting)


def fit_rephrasing(request: RephraseRequest, count_tokens: CountTokens, context_tokens: int) -> RetellingPrompt:
    """The prompt for a rewording, with as many of the newest turns as fit; the message itself is never cut.

    Raises:
        RequestRefused: the message is empty, or it does not fit.
    """
    output = output_tokens(request.max_tokens, context_tokens)
    turns = templates.clean_turns(request.history)
    text = data(request.text)
    if not text:
        raise RequestRefused("the message is empty")
    system = templates.render("rephrase_system.jinja", profile=request.profile)

    def messages(newest: int) -> tuple[Message, ...]:
        kept = turns[len(turns) - newest :]
        return templates.messages_of(system, templates.render("rephrase_user.jinja", turns=kept, text=text))

    room = context_tokens - output
    fitting = largest(lambda n: count_tokens(messages(n)) <= room, len(turns))
    if not fitting and count_tokens(messages(0)) > room:
        raise RequestRefused("the message does not fit into the model's context")
    return RetellingPrompt(messages(fitting), output, fitting)


def fit_rewrite(request: RewriteRequest, count_tokens: CountTokens, context_tokens: int) -> RetellingPrompt:
    """The prompt that makes a question whole, with as many of the newest turns as fit.

    Raises:
        RequestRefused: the question is empty, or it does not fit beside the newest turn.
    """
    output = output_tokens(request.max_tokens, context_tokens)
    turns = templates.clean_turns(request.history)
    question = data_line(request.question)
    if not question:
        raise RequestRefused("the question is empty")
    system = templates.render("rewrite_system.jinja")

    def messages(newest: int) -> tuple[Message, ...]:
        kept = turns[len(turns) - newest :]
        return templates.messages_of(system, templates.render("rewrite_user.jinja", turns=kept, question=question))

    fitting = largest(lambda n: count_tokens(messages(n)) <= context_tokens - output, len(turns))
    if turns and not fitting:
        raise RequestRefused("the question and the turn before it do not fit into the model's context")
    return RetellingPrompt(messages(fitting), output, fitting)
