"""The systems that are measured: each completes a list of prompts and says when every token came."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import transformers
from transformers import GenerationConfig
from transformers.generation.streamers import BaseStreamer

from benchmarks.llm.prompts import COMPLETION_TOKENS, Prompt
from llm_component.engines.interface import Engine, GenerationRequest, Sampling
from llm_component.models.loaded import LoadedModel

RESULT_SECONDS = 300.0
CPU_MEMORY_SHARE = 0.2  # of all memory, for the cache of transformers' continuous batching


@dataclass(frozen=True)
class Run:
    """One run: seconds to each request's first token and to its end, all counted from the common start; its tokens."""

    first: list[float]
    ends: list[float]
    tokens: int

    @property
    def seconds(self) -> float:
        """From the start to the last token."""
        return max(self.ends)


class System(ABC):
    """Something that completes prompts. `begin` and `end` stand round all its runs."""

    name: str

    def begin(self) -> None:  # noqa: B027  not every system has something to set up
        """Loads and warms up."""

    def end(self) -> None:  # noqa: B027
        """Gives back what it holds."""

    @abstractmethod
    def run(self, prompts: Sequence[Prompt], new_tokens: int) -> Run:
        """Completes all prompts, which arrive at once, each with `new_tokens` tokens."""


class _Times(BaseStreamer):
    """When each step of `generate` gave its column of tokens."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def put(self, value: object) -> None:
        self.at.append(time.perf_counter())

    def end(self) -> None:
        pass


class _Generate(System):
    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded

    def prompt_ids(self, prompt: Prompt) -> list[int]:
        """Token ids of what the model is asked."""
        if prompt.grounding is not None:
            return self.loaded.grounding_ids(prompt.grounding)
        return self.loaded.prompt_ids(prompt.messages)

    def _config(self, new_tokens: int) -> GenerationConfig:
        return GenerationConfig(
            max_new_tokens=new_tokens, do_sample=False, pad_token_id=self.loaded.pad_token_id, eos_token_id=None
        )

    def _generate(self, rows: list[list[int]], new_tokens: int) -> _Times:
        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), self.loaded.pad_token_id)
        mask = torch.zeros_like(ids)
        for number, row in enumerate(rows):
            # Behind an encoder's source, before a prompt that goes on.
            place = slice(len(row)) if self.loaded.kind == "encoder_decoder" else slice(longest - len(row), longest)
            ids[number, place] = torch.tensor(row)
            mask[number, place] = 1
        ids, mask = ids.to(self.loaded.device), mask.to(self.loaded.device)
        times = _Times()
        with torch.inference_mode():
            self.loaded.model.generate(
                ids, attention_mask=mask, generation_config=self._config(new_tokens), streamer=times
            )
        return times


class OneAtATime(_Generate):
    """`model.generate()` for one request after the other, as a server behind a lock does it. The baseline."""

    name = "generate_one_at_a_time"

    def run(self, prompts: Sequence[Prompt], new_tokens: int) -> Run:
        began = time.perf_counter()
        first, ends = [], []
        for prompt in prompts:
            times = self._generate([self.prompt_ids(prompt)], new_tokens)
            first.append(times.at[1] - began)  # the first call is the prompt itself
            ends.append(times.at[-1] - began)
        return Run(first, ends, len(prompts) * new_tokens)


class PaddedBatch(_Generate):
    """`model.generate()` for all requests together, padded on the left."""

    name = "generate_padded_batch"

    def run(self, prompts: Sequence[Prompt], new_tokens: int) -> Run:
        began = time.perf_counter()
        times = self._generate([self.prompt_ids(prompt) for prompt in prompts], new_tokens)
        count = len(prompts)
        return Run([times.at[1] - began] * count, [times.at[-1] - began] * count, count * new_tokens)


class ContinuousBatching(_Generate):
    """transformers' own continuous batching, its manager started once; streamed, so that the first token has a time."""

    name = "transformers_continuous_batching"

    def begin(self) -> None:
        config = transformers.ContinuousBatchingConfig()
        if self.loaded.device.type == "cpu":
            config.max_memory_percent = CPU_MEMORY_SHARE
        self._manager = self.loaded.model.init_continuous_batching(
            generation_config=self._config(COMPLETION_TOKENS), continuous_batching_config=config
        )
        self._manager.start()

    def end(self) -> None:
        self._manager.stop(block=True)

    def run(self, prompts: Sequence[Prompt], new_tokens: int) -> Run:
        rows = [self.prompt_ids(prompt) for prompt in prompts]
        began = time.perf_counter()
        for row in rows:
            self._manager.add_request(row, max_new_tokens=new_tokens, streaming=True)
        first: dict[str, float] = {}
        ends: dict[str, float] = {}
        tokens = 0
        while len(ends) < len(rows):
            result = self._manager.get_result(timeout=RESULT_SECONDS)
            if result is None:
                raise RuntimeError(f"continuous batching gave {len(ends)} results for {len(rows)} requests")
            first.setdefault(result.request_id, time.perf_counter() - began)
            if result.is_finished():
                ends[result.request_id] = time.perf_counter() - began
                tokens += len(result.generated_tokens)
        return Run(list(first.values()), list(ends.values()), tokens)


class EngineSystem(System):
    """One of our engines, asked as the server asks it: all requests at once on one event loop."""

    def __init__(self, name: str, engine: Engine, *, hint_passages: bool = False) -> None:
        self.name = name
        self.engine = engine
        self.hint_passages = hint_passages
        self.loop = asyncio.new_event_loop()

    def begin(self) -> None:
        self.loop.run_until_complete(self.engine.start())

    def end(self) -> None:
        self.loop.run_until_complete(self.engine.close())
        self.loop.close()

    def run(self, prompts: Sequence[Prompt], new_tokens: int) -> Run:
        return self.loop.run_until_complete(self._run(prompts, new_tokens))

    async def _run(self, prompts: Sequence[Prompt], new_tokens: int) -> Run:
        began = time.perf_counter()

        async def one(prompt: Prompt) -> tuple[float, float, int]:
            request = GenerationRequest(
                prompt.messages,
                Sampling(max_tokens=new_tokens),
                passages=prompt.passages if self.hint_passages else (),
                grounding=prompt.grounding,
            )
            first = 0.0
            tokens = 0
            async for piece in self.engine.stream(request):
                first = first or time.perf_counter() - began
                if piece.usage is not None:
                    tokens = piece.usage.completion_tokens
            return first, time.perf_counter() - began, tokens

        ended = await asyncio.gather(*(one(prompt) for prompt in prompts))
        first, ends, tokens = zip(*ended, strict=True)
        return Run(list(first), list(ends), sum(tokens))
