"""`make bench-training`: how fast models are trained, beside the Trainer of transformers on the same model and rows.

    make bench-training ARGS='--steps 20 --rounds 3'

Two kinds of rows: examples of a shop, whose lengths differ as they do in practice, and rows of one length, where only
the loops differ. Nothing else should run meanwhile. Results: benchmarks/results/training*.json and .md.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from llm_component.training.allocator import start_tuned

ROWS = 2000
LENGTHS = (192, 64)  # of source and target, where all rows have one
NOTES = """\
Made by `make bench-training` (benchmarks/training.py): updates of the compact model, {parameters:.1f} million weights,
in batches of {batch:,} tokens, {precision}; medians of {rounds} rounds of {steps} updates, both loops in turn, tokens
counted without padding. `share_of_matrix_rate` is six operations a weight and token over what a product of square
matrices reaches on this machine. On a CPU only ratios count; both have the same allocator ({allocator}).
"""


def rows_of(tokenizer: Any, seed: int) -> dict[str, list[Any]]:
    """Rows to train on, by the name of their kind."""
    import torch

    from llm_component.compact.source import Limits
    from llm_component.training.data.shop import ShopExamples
    from llm_component.training.encoding import CompactEncoding
    from llm_component.training.rows import Row

    encoding = CompactEncoding(tokenizer, Limits())
    made = [encoding.row(example) for example in islice(ShopExamples(seed).stream(), ROWS)]
    torch.manual_seed(seed)
    source, target = LENGTHS
    drawn = torch.randint(len(tokenizer) // 2, len(tokenizer), (ROWS, source + target)).tolist()
    return {
        "shop_examples": [row for row in made if row is not None],
        "rows_of_one_length": [Row(ids=ids[:source], target=ids[source:]) for ids in drawn],
    }


def measure(arguments: argparse.Namespace) -> Path:
    """Measures and writes the results; returns their path."""
    import torch

    from benchmarks import report
    from benchmarks.report import Row
    from llm_component.compact.configuration import CompactConfig
    from llm_component.compact.modeling import CompactForConditionalGeneration
    from llm_component.training.config import RunConfig
    from llm_component.training.data.readers import as_text
    from llm_component.training.data.shop import ShopExamples
    from llm_component.training.objectives.written import WrittenText
    from llm_component.training.own_tokenizer import train_tokenizer
    from llm_component.training.precision import in_bf16, training_device
    from llm_component.training.throughput import compare

    begun = time.monotonic()
    device = training_device(arguments.device)
    texts = [as_text(example) for example in islice(ShopExamples(arguments.seed).stream(), ROWS)]
    tokenizer = train_tokenizer("compact", lambda: texts, arguments.vocabulary, 2048)
    torch.manual_seed(arguments.seed)
    model = CompactForConditionalGeneration(CompactConfig(vocab_size=len(tokenizer), dropout=0.0))
    config = RunConfig(
        device=arguments.device, steps=arguments.steps, batch_tokens=arguments.batch_tokens, seed=arguments.seed
    )
    rows = []
    for name, listed in rows_of(tokenizer, arguments.seed).items():
        print(f"  {name}: {arguments.rounds} rounds", flush=True)
        found = compare(WrittenText(model, tokenizer), listed, config, arguments.rounds)
        rows.append(Row(name, "frontdesk", "tokens_per_second_ratio_to_trainer", found.ratio, "x"))
        rows.append(Row(name, "frontdesk", "share_of_matrix_rate", found.ours_of_matrix_rate))
        rows.append(Row(name, "transformers_trainer", "share_of_matrix_rate", found.theirs_of_matrix_rate))
        if device.type == "cuda":
            rows.append(Row(name, "frontdesk", "tokens_per_second", found.ours, "tokens/s"))
            rows.append(Row(name, "transformers_trainer", "tokens_per_second", found.theirs, "tokens/s"))
    notes = NOTES.format(
        parameters=sum(weight.numel() for weight in model.parameters()) / 1e6,
        batch=arguments.batch_tokens,
        precision="bf16" if in_bf16("auto", device) else "fp32",
        rounds=arguments.rounds,
        steps=arguments.steps,
        allocator=os.environ.get("LD_PRELOAD") or "glibc's, tuned",
    )
    return report.write(
        "training" if device.type == "cpu" else f"training_{device.type}",
        rows,
        seed=arguments.seed,
        data={"rows": f"generated: {ROWS}"},
        seconds=time.monotonic() - begun,
        title="Training",
        notes=notes,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "",
    )


def main(said: Sequence[str] | None = None) -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-tokens", type=int, default=2560)
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(said)
    start_tuned()
    path = measure(arguments)
    print(f"  Written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
