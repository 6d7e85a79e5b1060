"""Prompts as grounded support turns have them: a shared beginning, passages of their own, 1,500 tokens in all."""

from __future__ import annotations

import random
from dataclasses import dataclass

from llm_component.engines.interface import Grounding, Message

PROMPT_TOKENS = 1500
SHARED_TOKENS = 400  # system prompt and rules, equal for all customers
COMPLETION_TOKENS = 120


@dataclass(frozen=True)
class Prompt:
    """A chat prompt and the passages in it, or a task in its parts."""

    messages: tuple[Message, ...] = ()
    passages: tuple[str, ...] = ()
    grounding: Grounding | None = None


def words(generator: random.Random, count: int, vocabulary: int) -> str:
    """`count` words of the benchmark's tokenizer."""
    return " ".join(f"w{generator.randrange(4, vocabulary)}" for _ in range(count))


def prompts(count: int, vocabulary: int, seed: int, tokens: int = PROMPT_TOKENS) -> list[Prompt]:
    """`count` prompts of about `tokens` tokens that share their first part."""
    shared = min(SHARED_TOKENS, tokens // 3)
    system = Message("system", words(random.Random(seed), shared, vocabulary))
    made = []
    for number in range(count):
        generator = random.Random(seed * 1000 + number + 1)
        passages = tuple(words(generator, (tokens - shared) // 4, vocabulary) for _ in range(3))
        question = words(generator, (tokens - shared) // 4, vocabulary)
        made.append(Prompt((system, Message("user", "\n".join([*passages, question]))), passages))
    return made
