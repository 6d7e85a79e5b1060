"""What the tests of decoding share: loading, rows, whole runs, and what `generate` says to the same prompt."""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from llm_component.decoding.build import make_decoder
from llm_component.decoding.interface import Decoder, Row, RowStep
from llm_component.engines.interface import Sampling
from llm_component.models.loaded import LoadedModel
from llm_component.models.loading import load_model
from llm_component.settings import Settings

GREEDY = Sampling()


@functools.cache
def load(folder: Path, adapters: str) -> LoadedModel:
    """The model in a folder, in fp32 on the CPU; loaded once a run."""
    return load_model(Settings(model=str(folder), device="cpu", dtype="fp32", adapters=adapters))


def decoder_of(folder: Path, *, max_rows: int = 8, speculation: bool = False, adapters: str = "") -> Decoder:
    """A new decoder for the model in a folder."""
    return make_decoder(load(folder, adapters), Settings(max_rows=max_rows, speculation=speculation))


def prompts(
    count: int, seed: int, shortest: int = 3, longest: int = 90, vocabulary: int = 1000
) -> list[tuple[int, ...]]:
    """Random prompts of unequal length, without special tokens."""
    choice = random.Random(seed)
    return [
        tuple(choice.randrange(10, vocabulary) for _ in range(choice.randint(shortest, longest))) for _ in range(count)
    ]


def row(id: int, prompt: Sequence[int], max_tokens: int = 12, sampling: Sampling = GREEDY, **more: Any) -> Row:
    """A row; greedy where nothing else is said."""
    return Row(id=id, prompt=tuple(prompt), sampling=sampling, max_tokens=max_tokens, **more)


class Run:
    """A decoder with what its rows have been given."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.tokens: dict[int, list[int]] = {}
        self.cached: dict[int, int] = {}
        self.ended: dict[int, RowStep] = {}

    def admit(self, rows: Sequence[Row]) -> None:
        for step in self.decoder.admit(rows):
            self.cached[step.row_id] = step.cached_tokens
            self.take([step])

    def take(self, steps: Sequence[RowStep]) -> None:
        for step in steps:
            assert step.row_id not in self.ended
            self.tokens.setdefault(step.row_id, []).extend(step.token_ids)
            if step.ended:
                self.ended[step.row_id] = step

    def step(self) -> list[RowStep]:
        steps = self.decoder.step()
        self.take(steps)
        return steps

    def finish(self) -> dict[int, list[int]]:
        while self.step():
            pass
        return self.tokens


def completed(decoder: Decoder, rows: Sequence[Row]) -> dict[int, list[int]]:
    """All rows, admitted at once and run to their ends."""
    run = Run(decoder)
    run.admit(rows)
    return run.finish()


@functools.cache
def generated(folder: Path, prompt: tuple[int, ...], max_tokens: int = 12, ends: tuple[int, ...] = ()) -> list[int]:
    """What `generate` gives greedily for one prompt, without the end token. `ends`: others than the model's own."""
    loaded = load(folder, "")
    end_tokens = sorted(ends or loaded.end_token_ids)
    made = loaded.model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones((1, len(prompt)), dtype=torch.long),
        do_sample=False,
        max_new_tokens=max_tokens,
        eos_token_id=end_tokens,
        pad_token_id=loaded.pad_token_id,
    )[0].tolist()
    tokens = made[1:] if loaded.kind == "encoder_decoder" else made[len(prompt) :]
    return tokens[:-1] if tokens and tokens[-1] in end_tokens else tokens


def at_random_steps(run: Run, waiting: list[Row], choice: random.Random, left: float) -> set[int]:
    """Runs all rows of `waiting`, which join a few at a time; at a share `left` of the steps one is released early.

    Returns the ids of those that were released.
    """
    released: set[int] = set()
    while waiting or run.decoder.stats().rows:
        joining = run.decoder.room_for(waiting[: choice.randint(0, 3)])
        run.admit([waiting.pop(0) for _ in range(joining)])
        run.step()
        running = sorted(set(run.tokens) - set(run.ended) - released)
        if running and choice.random() < left:
            released.add(running[0])
            run.decoder.release(running[0])
    return released
