"""The compact model on this machine's processor: the model that ships, or one of its shape with random weights."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch

from benchmarks.generation import shop
from benchmarks.llm.measuring import first_token_rows, take_turns
from benchmarks.llm.prompts import Prompt
from benchmarks.llm.systems import EngineSystem, OneAtATime, PaddedBatch, Run
from benchmarks.report import Row
from llm_component.compact.configuration import CompactConfig
from llm_component.compact.examples import grounding_of
from llm_component.compact.modeling import CompactForConditionalGeneration
from llm_component.decoding.build import make_decoder
from llm_component.engines.batch import BatchEngine
from llm_component.models.compact import shipped_folder
from llm_component.models.loaded import LoadedModel
from llm_component.models.loading import load_model
from llm_component.settings import Settings
from llm_component.training.data.readers import as_text
from llm_component.training.data.shop import ShopExamples
from llm_component.training.own_tokenizer import train_tokenizer

CONCURRENCY = (1, 8)
COMPLETION_TOKENS = 32  # of an answer of two sentences
DTYPES = ("fp32", "bf16")
TEXTS = 2000


def random_folder(folder: Path, seed: int) -> Path:
    """A model of the shape that ships, with random weights and a vocabulary of a shop's examples."""
    texts = [as_text(example) for example in islice(ShopExamples(seed).stream(), TEXTS)]
    tokenizer = train_tokenizer("compact", lambda: texts, 8000, 2048)
    torch.manual_seed(seed)
    CompactForConditionalGeneration(CompactConfig(vocab_size=len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def prompts(loaded: LoadedModel, seed: int) -> list[Prompt]:
    """The held-out questions with their passages, in an order that the seed decides."""
    cases = shop.questions()
    order = torch.randperm(len(cases), generator=torch.Generator().manual_seed(seed)).tolist()
    return [Prompt(grounding=grounding_of(cases[number].example)) for number in order]


def measured(arguments: argparse.Namespace) -> list[Row]:
    """First token and tokens per second of one and of eight requests at once, in each number format."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-compact-") as name:
        folder = shipped_folder() or random_folder(Path(name), arguments.seed)
        for dtype in DTYPES:
            loaded = load_model(Settings(model=str(folder), device="cpu", dtype=dtype))
            # All completions are equally long: nothing ends one early.
            rows += of_dtype(replace(loaded, end_token_ids=frozenset()), f"compact_cpu_{dtype}", arguments)
    return rows


def of_dtype(loaded: LoadedModel, dataset: str, arguments: argparse.Namespace) -> list[Row]:
    """The rows of one number format."""
    settings = Settings(max_rows=max(CONCURRENCY), device="cpu", speculation=False)

    def batch() -> EngineSystem:
        engine = BatchEngine(lambda: (loaded, make_decoder(loaded, settings)), max_waiting=64, speculation=False)
        return EngineSystem("frontdesk_batch", engine)

    systems = {
        OneAtATime.name: lambda: OneAtATime(loaded),
        PaddedBatch.name: lambda: PaddedBatch(loaded),
        "frontdesk_batch": batch,
    }
    asked = prompts(loaded, arguments.seed)
    tokens = statistics.mean(len(loaded.grounding_ids(each.grounding)) for each in asked if each.grounding)
    rows = [Row(dataset, "questions", "mean_source_tokens", tokens, "tokens")]
    same_length = argparse.Namespace(**{**vars(arguments), "device": "cpu", "completion_tokens": COMPLETION_TOKENS})
    runs: dict[tuple[str, int], Sequence[Run]] = {}
    for count in CONCURRENCY:
        batches = [asked[number * 8 :][:count] for number in range(1, arguments.rounds + 1)]
        found = take_turns(systems, batches, asked[0], same_length, f"{dataset}: {count} at once")
        runs |= {(name, count): each for name, each in found.items()}
    for (name, count), each in sorted(runs.items(), key=lambda item: (item[0][1], item[0][0])):
        at = f"{dataset}_{count}_concurrent"
        rows.append(Row(at, name, "tokens_per_second_ratio", _rate(each) / _rate(runs[OneAtATime.name, count]), "x"))
        rows += first_token_rows(at, name, list(each), list(runs[OneAtATime.name, count]), absolute=False)
    for name in systems:
        speedup = _rate(runs[name, 8]) / _rate(runs[OneAtATime.name, 1])
        rows.append(Row(dataset, name, "speedup_at_8", speedup, "x"))
    return rows


def _rate(runs: Sequence[Run]) -> float:
    return statistics.median(run.tokens / run.seconds for run in runs)
