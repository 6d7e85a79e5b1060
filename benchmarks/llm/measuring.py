"""Runs all systems on one model in turns, and turns what they took into rows."""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
import transformers

from benchmarks.llm import limits
from benchmarks.llm.http_systems import our_server, save, transformers_serve
from benchmarks.llm.prompts import Prompt, prompts
from benchmarks.llm.shapes import Shape
from benchmarks.llm.systems import ContinuousBatching, EngineSystem, OneAtATime, PaddedBatch, Run, System
from benchmarks.report import Row
from llm_component.decoding.build import make_decoder
from llm_component.engines.batch import BatchEngine
from llm_component.engines.choice import PAGED_SINCE, version_of
from llm_component.engines.paged import PagedEngine
from llm_component.models.loaded import LoadedModel
from llm_component.settings import Settings

BASELINE = OneAtATime.name
WARM_UP_TOKENS = 8


def progress(text: str) -> None:
    """One line to whoever waits."""
    print(f"  {text}", flush=True)


def systems_for(loaded: LoadedModel, rows: int) -> dict[str, Callable[[], System]]:
    """Everything that can run in this process, by name."""
    # Random models repeat themselves, which would flatter guessing ahead; `guessing` below measures it.
    settings = Settings(max_rows=rows, device=loaded.device.type, speculation=False)

    def batch() -> System:
        engine = BatchEngine(lambda: (loaded, make_decoder(loaded, settings)), max_waiting=4 * rows, speculation=False)
        return EngineSystem("frontdesk_batch", engine)

    found: dict[str, Callable[[], System]] = {
        BASELINE: lambda: OneAtATime(loaded),
        PaddedBatch.name: lambda: PaddedBatch(loaded),
        "frontdesk_batch": batch,
    }
    if version_of(transformers.__version__) >= PAGED_SINCE:
        found[ContinuousBatching.name] = lambda: ContinuousBatching(loaded)
        found["frontdesk_paged"] = lambda: EngineSystem(
            "frontdesk_paged", PagedEngine(lambda: loaded, settings=settings)
        )
    return found


def servers_for(
    loaded: LoadedModel, folder: Path, rows: int, arguments: argparse.Namespace
) -> dict[str, Callable[[], System]]:
    """The servers that are measured over HTTP, by name; each begins anew for every round."""
    if not arguments.transformers_serve:
        return {}
    save(loaded, folder)
    return {
        "frontdesk_server": lambda: our_server(sys.executable, folder, rows, arguments.device, arguments.dtype),
        "transformers_serve": lambda: transformers_serve(
            arguments.transformers_serve, folder, arguments.device, arguments.dtype
        ),
    }


def measured(
    loaded: LoadedModel, shape: Shape, machine: limits.Machine, arguments: argparse.Namespace, dataset: str
) -> list[Row]:
    """Rows of one shape: all systems at every number of concurrent requests."""
    rows: list[Row] = []
    most = max(arguments.concurrency)
    # New prompts in each round: only the shared beginning may be known from before.
    made = prompts(most * (arguments.rounds + 1), shape.vocabulary, arguments.seed, arguments.prompt_tokens)
    bytes_each = torch.finfo(loaded.dtype).bits // 8
    runs: dict[tuple[str, int], list[Run]] = {}
    folder = tempfile.TemporaryDirectory(prefix="frontdesk-bench-llm-")
    systems = {**systems_for(loaded, most), **servers_for(loaded, Path(folder.name), most, arguments)}
    for count in arguments.concurrency:
        batches = [made[round_number * most :][:count] for round_number in range(arguments.rounds)]
        for name, found in take_turns(systems, batches, made[-1], arguments, f"{dataset}: {count} at once").items():
            runs[name, count] = found
    folder.cleanup()
    base = {
        count: statistics.median(run.tokens / run.seconds for run in runs[BASELINE, count])
        for count in arguments.concurrency
    }
    for (name, count), all_runs in sorted(runs.items(), key=lambda item: (item[0][1], item[0][0])):
        at = f"{dataset}_{count}_concurrent"
        per_second = statistics.median(run.tokens / run.seconds for run in all_runs)
        rows.append(Row(at, name, "tokens_per_second_ratio", per_second / base[count], "x"))
        if loaded.device.type == "cuda":
            rows.append(Row(at, name, "tokens_per_second", per_second, "tokens/s"))
        rows += first_token_rows(at, name, all_runs, runs[BASELINE, count], absolute=loaded.device.type == "cuda")
        length = arguments.prompt_tokens + arguments.completion_tokens // 2
        least = limits.least_step_seconds(shape, machine, count, length, bytes_each)
        step = step_seconds(all_runs, one_by_one=count if name == BASELINE else 1)
        if step is not None:
            rows.append(Row(at, name, "share_of_limit", least / step))
    for count in (8, 32):
        if ("frontdesk_batch", count) in runs:
            ours = statistics.median(run.tokens / run.seconds for run in runs["frontdesk_batch", count])
            alone = statistics.median(run.tokens / run.seconds for run in runs[BASELINE, 1])
            rows.append(Row(dataset, "frontdesk_batch", f"speedup_at_{count}", ours / alone, "x"))
    return rows


def take_turns(
    systems: Mapping[str, Callable[[], System]],
    batches: Sequence[Sequence[Prompt]],
    warm_up: Prompt,
    arguments: argparse.Namespace,
    label: str,
) -> dict[str, list[Run]]:
    """Every system's run of every batch, in turns.

    On a CPU all systems are up together, idle while another runs. On a GPU, whose memory each would take for itself,
    every run begins its system and ends it.
    """
    together = arguments.device == "cpu"
    runs: dict[str, list[Run]] = {name: [] for name in systems}
    up: dict[str, System] = {}

    def begun(name: str) -> System:
        system = systems[name]()
        system.begin()
        system.run([warm_up], WARM_UP_TOKENS)
        return system

    try:
        if together:
            for name in systems:
                progress(f"{label}: starting {name}")
                up[name] = begun(name)
        for number, batch in enumerate(batches, start=1):
            for name, found in runs.items():
                if found and found[0].seconds > arguments.patience:
                    continue  # one run of that length is enough
                progress(f"{label}, round {number} of {len(batches)}, {name}")
                system = up[name] if together else begun(name)
                try:
                    found.append(system.run(batch, arguments.completion_tokens))
                finally:
                    if not together:
                        system.end()
                        gc.collect()
    finally:
        for system in up.values():
            system.end()
        gc.collect()
    return runs


def first_token_rows(at: str, name: str, runs: list[Run], base: list[Run], *, absolute: bool) -> list[Row]:
    """Time to the first token, mean over the requests: as a ratio to the baseline's, and in seconds on a GPU."""
    if not runs[0].first or not all(runs[0].first):
        return []
    ours = statistics.median(statistics.mean(run.first) for run in runs)
    theirs = statistics.median(statistics.mean(run.first) for run in base)
    rows = [Row(at, name, "time_to_first_token_ratio", ours / theirs, "x")]
    if absolute or name == "frontdesk_batch":
        # On a CPU for the aim only, which is set in seconds; see the note above the table.
        rows.append(Row(at, name, "time_to_first_token_s", ours, "s"))
    return rows


def step_seconds(runs: list[Run], one_by_one: int) -> float | None:
    """Seconds of one decoding step of all rows: last token's time less the latest first token's, a token."""
    if not runs[0].first or not all(runs[0].first):
        return None
    steps = []
    for run in runs:
        per_request = run.tokens / len(run.first)
        decoding = sum(end - first for first, end in zip(run.first, run.ends, strict=True)) / len(run.first)
        steps.append(decoding / (per_request - 1) * one_by_one)
    return statistics.median(steps)
