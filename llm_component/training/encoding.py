"""Examples as rows of token ids, for each kind of model as the component asks it when it serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from llm_component.compact.examples import example_ids
from llm_component.compact.source import Limits, SourceBuilder
from llm_component.engines.interface import Message, RequestRefused
from llm_component.models.chat_template import ChatTemplate
from llm_component.prompts import builder, retelling
from llm_component.protocol import AnswerRequest, Passage, Profile, SummaryRequest
from llm_component.training.data.examples import ABSTENTION, Example
from llm_component.training.rows import IGNORED, Row


class Encoding(Protocol):
    """Makes rows of one model's kind."""

    def row(self, example: Example) -> Row | None:
        """The example as a row; None where it does not fit, or where the model is never asked such a thing."""
        ...


class CompactEncoding:
    """For the compact model, in the form in which it is served."""

    def __init__(self, tokenizer: Any, limits: Limits) -> None:
        self._builder = SourceBuilder(tokenizer, limits)

    def row(self, example: Example) -> Row | None:
        try:
            ids, target = example_ids(self._builder, example)
        except ValueError:  # without a question, or nothing was said
            return None
        return Row(ids=ids, target=target)


class _Prompts:
    """The prompts of the answers' pipeline, with the target in the words of a profile."""

    def __init__(self, template: ChatTemplate, profile: Profile, context: int, most_target: int) -> None:
        self._template = template
        self._profile = profile
        self._context = context
        self._most_target = most_target

    def _count(self, messages: Sequence[Message]) -> int:
        return len(self._template.prompt_ids(messages))

    def prompt(self, example: Example) -> list[int] | None:
        """Token ids of what the model is asked."""
        try:
            if example.task == "answer":
                return self._template.prompt_ids(self._answer(example))
            if example.task == "summary":
                request = SummaryRequest(
                    list(example.history), "", dict(example.facts), self._profile, max_tokens=self._most_target
                )
                return self._template.prompt_ids(retelling.fit_summary(request, self._count, self._context).messages)
        except RequestRefused:
            return None
        return None  # nobody asks a chat model to rewrite a question

    def _answer(self, example: Example) -> Sequence[Message]:
        request = AnswerRequest(
            question=example.question,
            profile=self._profile,
            passages=[Passage(one.title, one.text, heading=one.heading) for one in example.passages],
            history=list(example.history),
            facts=dict(example.facts),
            max_tokens=self._most_target,
        )
        return builder.fit(request, self._count, self._context).messages

    def target(self, example: Example) -> str:
        """What it should say."""
        return self._profile.abstention if example.target == ABSTENTION else example.target


class CausalEncoding(_Prompts):
    """For chat models: the prompt, then the answer, of which alone something is learned, and the token that ends it."""

    def __init__(self, tokenizer: Any, profile: Profile, context: int, most_target: int) -> None:
        super().__init__(ChatTemplate(tokenizer), profile, context, most_target)
        self._end = int(tokenizer.eos_token_id)

    def row(self, example: Example) -> Row | None:
        prompt = self.prompt(example)
        if prompt is None:
            return None
        target = [*self._template.text_ids(self.target(example))[: self._most_target - 1], self._end]
        ids = (prompt + target)[: self._context]
        # Position i says token i + 1: the last one of the prompt says the answer's first.
        labels = [IGNORED] * (len(prompt) - 1) + ids[len(prompt) :]
        return Row(ids=ids[:-1], labels=labels) if len(ids) > len(prompt) else None


class WrittenEncoding(_Prompts):
    """For encoder-decoders of transformers: the prompt is the source, in the plain form in which they are served."""

    def __init__(self, tokenizer: Any, profile: Profile, context: int, most_target: int) -> None:
        super().__init__(ChatTemplate(tokenizer, plain=True), profile, context, most_target)
        self._tokenizer = tokenizer

    def row(self, example: Example) -> Row | None:
        prompt = self.prompt(example)
        if prompt is None:
            return None
        end = int(self._tokenizer.eos_token_id)
        target = list(self._tokenizer(text_target=self.target(example), verbose=False)["input_ids"])
        if not target or target[-1] != end:
            target.append(end)
        if len(target) > self._most_target:
            target = [*target[: self._most_target - 1], end]
        return Row(ids=prompt[: self._context], target=target)
