"""`make bench-llm`: runs every system on every shape, in turn, and writes benchmarks/results/llm*.json and .md.

Requests arrive all at once. Every figure is the median of several rounds in which the systems take turns, so that the
machine's mood falls on all of them. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks import report
from benchmarks.llm import compact, copying, limits
from benchmarks.llm.measuring import BASELINE, measured, progress, systems_for
from benchmarks.llm.prompts import COMPLETION_TOKENS, PROMPT_TOKENS, Prompt, prompts
from benchmarks.llm.shapes import SHAPES, Shape, random_model
from benchmarks.llm.systems import EngineSystem, PaddedBatch
from benchmarks.report import ROOT, Row
from llm_component.decoding.build import make_decoder
from llm_component.engines.batch import BatchEngine
from llm_component.models.loaded import LoadedModel
from llm_component.settings import Settings

NOTES = """\
Made by `make bench-llm` (benchmarks/llm). Models of the named sizes with random weights; all requests of a row
arrive at once; medians of rounds in which the systems take turns. `tokens_per_second_ratio` and
`time_to_first_token_ratio` count against `generate_one_at_a_time` at the same number of requests (a ratio of times
below 1 is sooner); `speedup_at_8` is the tokens per second of 8 requests at once over those of one request by
`generate`. `share_of_limit` is the least time of a decoding step (weights, keys and values read once at the
measured copy bandwidth, or the sums at the measured matrix rate, whichever takes longer) over the time it took;
where requests are prefilled in between, that time counts too. Times in seconds on a CPU stand here for the aim that
is set in seconds only. `copied_N_percent`: guessing ahead for one request whose answer has N % of its tokens from
the prompt, forced on the model, against the same without guessing. `compact_cpu_*`: the model that ships, or its shape
with random weights, on the shop's held-out questions with their passages, 32 tokens out.
"""
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
GUESS_PROMPT_TOKENS = 512
GUESS_TOKENS = 96


@dataclass(frozen=True)
class Plan:
    """What is measured on one kind of device unless the command line says otherwise."""

    shapes: tuple[str, ...]
    concurrency: tuple[int, ...]
    dtype: str
    rounds: int


PLANS = {
    "cpu": Plan(("5m", "27m"), (1, 8, 32), "fp32", 3),
    "cuda": Plan(("135m", "0.5b", "1.5b", "3b", "8b"), (1, 8, 32, 128), "bf16", 3),
}


def guessing(loaded: LoadedModel, shape: Shape, arguments: argparse.Namespace, dataset: str) -> list[Row]:
    """Guessing ahead for a lone request, by the share of the answer that stands in the prompt (see copying.py)."""
    rows = []
    prompt = prompts(1, shape.vocabulary, arguments.seed, GUESS_PROMPT_TOKENS)[0]
    ids = loaded.prompt_ids(prompt.messages)
    for share in copying.SPAN_TOKENS:
        wanted_ids = copying.answer(ids, share, GUESS_TOKENS, shape.vocabulary, arguments.seed)
        wanted = {len(ids) - 1 + number: token for number, token in enumerate(wanted_ids)}
        times: dict[str, list[float]] = {"plain": [], "guessing": []}
        forwards = 0
        for _ in range(arguments.rounds + 1):
            for name in ("plain", "guessing"):
                guess = name == "guessing"
                settings = Settings(max_rows=1, device=loaded.device.type, speculation=guess)
                engine = BatchEngine(
                    lambda settings=settings: (loaded, make_decoder(loaded, settings)), max_waiting=4, speculation=guess
                )
                system = EngineSystem(name, engine, hint_passages=guess)
                system.begin()
                try:
                    with copying.forced(loaded, wanted) as computed:
                        took = system.run([Prompt(prompt.messages, prompt.passages)], GUESS_TOKENS)
                    times[name].append(took.seconds - took.first[0])
                    forwards = len(computed)
                finally:
                    system.end()
        gain = statistics.median(times["plain"][1:]) / statistics.median(times["guessing"][1:])
        label = f"{dataset}_copied_{round(100 * share)}_percent"
        rows.append(Row(label, "frontdesk_batch_guessing", "decoding_speed_ratio_to_plain", gain, "x"))
        rows.append(Row(label, "frontdesk_batch_guessing", "forward_passes", float(forwards), f"of {GUESS_TOKENS}"))
    return rows


def memory_rows(shape: Shape, arguments: argparse.Namespace, dataset: str) -> list[Row]:
    """Peak memory of a process that runs one system alone, at the second of the numbers of concurrent requests."""
    count = arguments.concurrency[min(1, len(arguments.concurrency) - 1)]
    rows = []
    for name in (BASELINE, PaddedBatch.name, "frontdesk_batch"):
        progress(f"{dataset}: memory of {name}, {count} at once")
        command = [sys.executable, "-m", "benchmarks.llm", "--memory-of", name, "--shapes", shape.name]
        command += ["--concurrency", str(count), "--device", arguments.device, "--dtype", arguments.dtype]
        command += ["--prompt-tokens", str(arguments.prompt_tokens), "--seed", str(arguments.seed)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if ended.returncode != 0:
            raise SystemExit(f"measuring the memory of {name} failed:\n{ended.stderr[-2000:]}")
        peak = float(json.loads(ended.stdout.splitlines()[-1])["peak_mib"])
        rows.append(Row(f"{dataset}_{count}_concurrent", name, "peak_memory", peak, "MiB"))
    return rows


def memory_of(name: str, arguments: argparse.Namespace, device: torch.device) -> int:
    """Runs one system and prints the peak memory of this process (of the GPU's allocator on a GPU)."""
    shape, count = SHAPES[arguments.shapes[0]], arguments.concurrency[0]
    loaded = random_model(shape, device, DTYPES[arguments.dtype], arguments.seed)
    system = systems_for(loaded, count)[name]()
    system.begin()
    try:
        system.run(prompts(count, shape.vocabulary, arguments.seed, arguments.prompt_tokens), 16)
    finally:
        system.end()
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device) / 2**20
    else:
        # Not getrusage: what it gives has the parent's peak in it.
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        peak = float(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]
    print(json.dumps({"peak_mib": round(peak, 1)}))
    return 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.llm", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--shapes", nargs="*", choices=sorted(SHAPES))
    parser.add_argument("--concurrency", nargs="+", type=int)
    parser.add_argument("--dtype", choices=sorted(DTYPES))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--prompt-tokens", type=int, default=PROMPT_TOKENS)
    parser.add_argument("--completion-tokens", type=int, default=COMPLETION_TOKENS)
    parser.add_argument(
        "--patience", type=float, default=60.0, help="a run longer than this, in seconds, is not repeated"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--compact", action=argparse.BooleanOptionalAction, default=True, help="the compact model too, on a CPU"
    )
    parser.add_argument("--name", help="of the result files; llm or llm_cuda by default")
    parser.add_argument(
        "--transformers-serve",
        metavar="PYTHON",
        help="measure the servers too: a Python that has transformers[serving]",
    )
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.device == "auto":
        arguments.device = "cuda" if torch.cuda.is_available() else "cpu"
    plan = PLANS[arguments.device]
    arguments.shapes = list(plan.shapes) if arguments.shapes is None else arguments.shapes
    arguments.concurrency = arguments.concurrency or list(plan.concurrency)
    arguments.dtype = arguments.dtype or plan.dtype
    arguments.rounds = arguments.rounds or plan.rounds
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark and writes its results."""
    arguments = parse(argv)
    device = torch.device(arguments.device)
    if arguments.memory_of:
        return memory_of(arguments.memory_of, arguments, device)
    began = time.monotonic()
    machine = limits.measure(device, DTYPES[arguments.dtype])
    rows = [
        Row(arguments.device, "machine", "copy_bandwidth", machine.bytes_per_second / 1e9, "GB/s"),
        Row(arguments.device, "machine", f"matrix_rate_{arguments.dtype}", machine.flops / 1e9, "GFLOP/s"),
    ]
    if arguments.device == "cpu" and arguments.compact:
        rows += compact.measured(arguments)
    for name in arguments.shapes:
        shape = SHAPES[name]
        dataset = f"llama_{name}_{arguments.device}"
        progress(f"{dataset}: making the model")
        loaded = random_model(shape, device, DTYPES[arguments.dtype], arguments.seed)
        rows += measured(loaded, shape, machine, arguments, dataset)
        rows += guessing(loaded, shape, arguments, dataset)
        del loaded
        gc.collect()
        rows += memory_rows(shape, arguments, dataset)
    result = arguments.name or ("llm" if arguments.device == "cpu" else f"llm_{arguments.device}")
    seconds = time.monotonic() - began
    report.write(
        result,
        rows,
        seed=arguments.seed,
        data={"prompts": f"generated: {arguments.prompt_tokens} tokens in, {arguments.completion_tokens} out"},
        seconds=seconds,
        title="The LLM component's engines",
        notes=NOTES,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "",
    )
    print(report.table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
