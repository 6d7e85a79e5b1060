"""A decoder without a model, for tests of the scheduler: it answers from a function, and fails when it is told to.

The next token depends on the row's tokens alone, as a model's at temperature 0. The tokens are bytes: a character
outside ASCII takes several, which is what the tests of incremental text need.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from llm_component.decoding.interface import Decoder, DecoderStats, OutOfMemory, Row, RowStep
from llm_component.engines.interface import Message
from llm_component.models.loaded import LoadedModel

PROMPT_END = 1  # the byte after which the completion begins
CONTEXT_TOKENS = 4096


def byte_tokenizer() -> Any:
    """A transformers tokenizer of 256 tokens, one a byte; the token's id is the byte."""
    from transformers import PreTrainedTokenizerFast

    vocabulary = {character: byte for byte, character in _byte_characters().items()}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def _byte_characters() -> dict[int, str]:
    """GPT-2's table of printable characters for bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in printable}
    others = [byte for byte in range(256) if byte not in table]
    return table | {byte: chr(256 + place) for place, byte in enumerate(others)}


class ByteTemplate:
    """The chat template of the byte model: the messages' text, one after the other."""

    stop: tuple[str, ...] = ()

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        return [*"\n".join(message.content for message in messages).encode(), PROMPT_END]

    def text_ids(self, text: str) -> list[int]:
        return list(text.encode())


def byte_model(**changes: Any) -> LoadedModel:
    """A loaded model that has everything but a model."""
    values: dict[str, Any] = {
        "name": "bytes",
        "model": SimpleNamespace(),
        "tokenizer": byte_tokenizer(),
        "kind": "causal",
        "device": torch.device("cpu"),
        "dtype": torch.float32,
        "context_tokens": CONTEXT_TOKENS,
        "end_token_ids": frozenset({0}),
        "pad_token_id": PROMPT_END,
        "chat_template": ByteTemplate(),
    }
    return LoadedModel(**(values | changes))


def echoed(question: str) -> str:
    """The default answer: what was asked, and a full stop."""
    return f"You said: {question}."


@dataclass
class _Running:
    row: Row
    done: list[int] = field(default_factory=list)


class FakeDecoder(Decoder):
    """Completes rows with `answer(question)`, one byte a row and step.

    Everything that happens is noted in `calls`. Failures wait in `fail_admit` and `fail_step`, each for one call.
    `gate`, where there is one, is passed by a step only while it is set; `at_gate` is set while a step waits there.
    """

    def __init__(
        self,
        answer: Callable[[str], str] = echoed,
        max_rows: int = 8,
        capacity: int = 10**9,
        tokens_a_step: int = 1,
        kind: str = "causal",
    ) -> None:
        self.max_rows = max_rows
        self.context_tokens = CONTEXT_TOKENS
        self.capacity = capacity  # positions of the key-value cache
        self.calls: list[tuple[str, Any]] = []
        self.fail_admit: list[Exception] = []
        self.fail_step: list[Exception] = []
        self.gate: threading.Event | None = None
        self.at_gate = threading.Event()
        self.on_step: Callable[[int], None] = lambda steps: None
        self.steps = 0
        self.admitted: list[Row] = []
        self._answer = answer
        self._tokens_a_step = tokens_a_step
        self._kind = kind
        self._rows: dict[int, _Running] = {}

    def used(self) -> int:
        return sum(len(each.row.prompt) + len(each.done) for each in self._rows.values())

    def room_for(self, rows: Sequence[Row]) -> int:
        used, count = self.used(), 0
        for row in rows[: self.max_rows - len(self._rows)]:
            used += len(row.prompt)
            if used > self.capacity:
                break
            count += 1
        return count

    def admit(self, rows: Sequence[Row]) -> list[RowStep]:
        self.calls.append(("admit", [row.id for row in rows]))
        if self.fail_admit:
            raise self.fail_admit.pop(0)
        assert len(self._rows) + len(rows) <= self.max_rows, "more rows than places"
        self.admitted.extend(rows)
        for row in rows:
            assert row.max_tokens >= 1
            self._rows[row.id] = _Running(row)
        return [self._next(row.id, 1) for row in rows]

    def step(self) -> list[RowStep]:
        if self.gate is not None:
            self.at_gate.set()
            assert self.gate.wait(timeout=30), "the test never opened the gate"
        self.steps += 1
        self.calls.append(("step", sorted(self._rows)))
        self.on_step(self.steps)
        if self.fail_step:
            raise self.fail_step.pop(0)
        if self.used() + len(self._rows) > self.capacity:
            raise OutOfMemory(f"{self.used()} of {self.capacity} positions are in use")
        return [self._next(row_id, self._tokens_a_step) for row_id in list(self._rows)]

    def release(self, row_id: int) -> None:
        self.calls.append(("release", row_id))
        self._rows.pop(row_id, None)

    def clear(self) -> None:
        self.calls.append(("clear", None))
        self._rows.clear()

    def stats(self) -> DecoderStats:
        return DecoderStats(len(self._rows), self.used(), self.capacity)

    def _next(self, row_id: int, count: int) -> RowStep:
        running = self._rows[row_id]
        tokens: list[int] = []
        for _ in range(count):
            token = self._next_token([*running.row.prompt, *running.done])
            if token is None:
                del self._rows[row_id]
                return RowStep(row_id, tuple(tokens), ended=True)
            tokens.append(token)
            running.done.append(token)
            if len(running.done) == running.row.max_tokens:
                del self._rows[row_id]
                return RowStep(row_id, tuple(tokens), ended=True, at_limit=True)
        return RowStep(row_id, tuple(tokens))

    def _next_token(self, tokens: list[int]) -> int | None:
        end = tokens.index(PROMPT_END)
        answer = self._answer(bytes(tokens[:end]).decode()).encode()
        done = len(tokens) - end - 1
        return answer[done] if done < len(answer) else None
