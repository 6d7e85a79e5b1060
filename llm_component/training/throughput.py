"""How fast training is: this loop beside the Trainer of transformers, on the same model, rows and settings."""

from __future__ import annotations

import copy
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from llm_component.training.batches import Batches
from llm_component.training.config import RunConfig
from llm_component.training.journal import Journal
from llm_component.training.loop import Trainer
from llm_component.training.objective import Objective
from llm_component.training.parallel import OneProcess
from llm_component.training.precision import in_bf16, training_device
from llm_component.training.rows import ListedRows, Row

MATRIX = 1024  # rows and columns of the matrices that the machine's rate is measured with


@dataclass(frozen=True)
class Throughput:
    """Tokens a second (without padding), each the median of its rounds, and shares of the measured matrix rate."""

    ours: float
    theirs: float
    ours_of_matrix_rate: float
    theirs_of_matrix_rate: float
    matrix_flops: float

    @property
    def ratio(self) -> float:
        """Above 1.0 where this loop is faster."""
        return self.ours / self.theirs


def matrix_flops(device: torch.device, bf16: bool, rounds: int = 5) -> float:
    """Floating-point operations a second of a product of square matrices, the best of `rounds`."""
    kind = torch.bfloat16 if bf16 else torch.float32
    left, right = (torch.randn(MATRIX, MATRIX, device=device, dtype=kind) for _ in range(2))
    best = 0.0
    for _ in range(rounds):
        _synchronise(device)
        begun = time.perf_counter()
        for _ in range(10):
            left @ right
        _synchronise(device)
        best = max(best, 10 * 2 * MATRIX**3 / (time.perf_counter() - begun))
    return best


def compare(objective: Objective, rows: Sequence[Row], config: RunConfig, rounds: int = 3) -> Throughput:
    """Trains copies of `objective` with both, in turn, `config.steps` updates a round.

    Both have the same weights at the start, optimiser, precision and loss, and batches of the same mean size. Ours
    are of similar length; the Trainer draws its rows at random, as it does unless told otherwise. Where all rows have
    one length (packed text) the batches are alike and the difference is the loop's alone.
    """
    device = training_device(config.device)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        ours.append(_ours(copy.deepcopy(objective), rows, config, device))
        theirs.append(_theirs(copy.deepcopy(objective), rows, config, device))
    weights = sum(weight.numel() for weight in objective.parameters() if weight.requires_grad)
    rate = matrix_flops(device, in_bf16(config.precision, device))
    # Six operations a weight and token: two forward, four backward (Kaplan et al. 2020).
    share = [6.0 * weights * statistics.median(speeds) / rate for speeds in (ours, theirs)]
    return Throughput(statistics.median(ours), statistics.median(theirs), share[0], share[1], rate)


def _ours(objective: Objective, rows: Sequence[Row], config: RunConfig, device: torch.device) -> float:
    folder = Path(tempfile.mkdtemp())
    try:
        config = replace(config, out=str(folder), save_every=config.steps + 1, evaluate_every=config.steps + 1)
        batches = Batches(
            ListedRows(rows, config.seed),
            most_tokens=config.batch_tokens,
            most_rows=config.batch_rows,
            seed=config.seed,
        )
        quiet = Journal(folder, active=False)
        trainer = Trainer(objective, batches, config, parallel=OneProcess(device), journal=quiet)
        for _ in range(2):
            trainer._update()
        _synchronise(device)
        before, begun = trainer._totals.tokens, time.perf_counter()
        for _ in range(config.steps):
            trainer._update()
        _synchronise(device)
        return (trainer._totals.tokens - before) / (time.perf_counter() - begun)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _ForTrainer(torch.nn.Module):
    """An objective as the Trainer calls a model: with a batch as keywords, giving the loss."""

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective
        self.config = objective.model.config

    def forward(self, counts: Tensor, **batch: Tensor) -> dict[str, Tensor]:
        weights = torch.tensor(self.objective.weights, device=counts.device)
        return {"loss": (self.objective(batch) / counts * weights).sum()}


def _theirs(objective: Objective, rows: Sequence[Row], config: RunConfig, device: torch.device) -> float:
    import transformers

    seen = 0

    def collate(drawn: list[dict[str, Any]]) -> dict[str, Tensor]:
        nonlocal seen
        listed = [one["row"] for one in drawn]
        seen += sum(row.size for row in listed)
        return {"counts": torch.tensor(objective.counts(listed)), **objective.collate(listed)}

    class Clock(transformers.TrainerCallback):  # type: ignore[misc]
        """Starts after two updates, as ours does."""

        begun = 0.0
        tokens = 0

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 2:
                _synchronise(device)
                self.begun, self.tokens = time.perf_counter(), seen

    mean = sum(row.size for row in rows) / len(rows)
    folder = tempfile.mkdtemp()
    clock = Clock()
    try:
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            max_steps=config.steps + 2,
            per_device_train_batch_size=max(1, min(config.batch_rows, round(config.batch_tokens / mean))),
            gradient_accumulation_steps=config.accumulate,
            learning_rate=config.learning_rate,
            max_grad_norm=config.clip,
            optim="adamw_torch_fused",
            bf16=in_bf16(config.precision, device),
            use_cpu=device.type == "cpu",
            remove_unused_columns=False,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=device.type == "cuda",
            seed=config.seed,
        )
        trainer = transformers.Trainer(
            model=_ForTrainer(objective),
            args=arguments,
            train_dataset=[{"row": row} for row in rows],
            data_collator=collate,
            callbacks=[clock],
        )
        trainer.train()
        _synchronise(device)
        return (seen - clock.tokens) / (time.perf_counter() - clock.begun)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
