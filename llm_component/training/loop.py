"""The training loop, one for everything that is trained."""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from llm_component.training import checkpoints
from llm_component.training.batches import Batches, cut
from llm_component.training.config import RunConfig
from llm_component.training.errors import TrainingError
from llm_component.training.journal import Journal
from llm_component.training.objective import Objective
from llm_component.training.optimiser import make_optimiser, set_learning_rate
from llm_component.training.parallel import OneProcess
from llm_component.training.precision import autocast, in_bf16
from llm_component.training.rows import Row
from llm_component.training.signals import StopRequest

TIME = "time"  # why a run stopped, where it was --max-minutes


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `stopped` is empty where it reached its last update, else a signal's name or `time`."""

    step: int
    losses: dict[str, float]
    evaluation: dict[str, float]
    tokens: int
    seconds: float
    stopped: str = ""
    signal: int = 0
    checkpoint: Path | None = None


@dataclass
class _Totals:
    """What a run has done so far; a checkpoint holds it."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best: float = math.inf
    evaluation: dict[str, float] = field(default_factory=dict)


class Trainer:
    """Trains an objective on batches. All processes of a run make the same one and draw the same batches."""

    def __init__(
        self,
        objective: Objective,
        batches: Batches,
        config: RunConfig,
        *,
        evaluation: Sequence[Row] = (),
        parallel: OneProcess,
        journal: Journal | None = None,
    ) -> None:
        self.objective = objective
        self._batches = batches
        self._config = config
        self._parallel = parallel
        self._out = Path(config.out)
        self._bf16 = in_bf16(config.precision, parallel.device)
        self._module = parallel.prepare(objective)
        self._optimiser = make_optimiser(objective, objective.encoder, config)
        self._learning = [weight for weight in objective.parameters() if weight.requires_grad]
        self._checks = list(cut(evaluation[: config.evaluate_rows], config.batch_tokens, config.batch_rows))
        self._weights = torch.tensor(objective.weights, device=parallel.device)
        self._journal = journal or Journal(self._out, active=parallel.first)
        self._totals = _Totals()
        self._pending: list[tuple[int, int, Tensor]] = []  # step, tokens, losses that have not been written yet
        self._shown = (0.0, 0)  # seconds and tokens at the last line of progress

    def resume(self) -> int:
        """Takes the newest checkpoint up and returns its step; 0 where there is none.

        Raises:
            TrainingError: it cannot be read, or the settings have changed.
        """
        found = checkpoints.found(self._out)
        if not found:
            return 0
        state = checkpoints.load(found[-1])
        checkpoints.check_same(state["config"], self._config.curve())
        self.objective.restore(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._batches.restore(state["batches"])
        checkpoints.restore_random_states(state["random"])
        self._totals = _Totals(**state["totals"])
        return self._totals.step

    def run(self) -> Outcome:
        """Trains to the last update, the time limit or a signal; there is a checkpoint at the end in any case.

        Raises:
            TrainingError: the loss is no number any more, there is no data, or the disk is full.
        """
        config, totals = self._config, self._totals
        self._journal.start(totals.step)
        self._shown = (totals.seconds, totals.tokens)
        begun, before = time.monotonic(), totals.seconds
        stopped, losses = "", {name: math.nan for name in ("loss", *self.objective.parts)}
        self.objective.train()
        with StopRequest() as request:
            while totals.step < config.steps:
                self._update()
                totals.seconds = before + time.monotonic() - begun
                step = totals.step
                if step % config.log_every == 0 or step == config.steps:
                    losses = self._flush()
                if self._checks and (step % config.evaluate_every == 0 or step == config.steps):
                    losses = self._flush() or losses
                    self._evaluate()
                stopped = self._why_stop(request, time.monotonic() - begun)
                if stopped:
                    losses = self._flush() or losses
                    break
                if step % config.save_every == 0 and step < config.steps:
                    self._flush()
                    self._save()
            totals.seconds = before + time.monotonic() - begun
            folder = self._save()
        self._journal.draw()
        return Outcome(
            totals.step,
            losses,
            totals.evaluation,
            totals.tokens,
            totals.seconds,
            stopped,
            request.number,
            folder,
        )

    def _update(self) -> None:
        """One update of the weights from `accumulate` batches a process."""
        config, parallel, objective = self._config, self._parallel, self.objective
        drawn = list(itertools.islice(self._batches, config.accumulate * parallel.processes))
        counted = [objective.counts(rows) for rows in drawn]
        counts = torch.tensor([max(sum(column), 1.0) for column in zip(*counted, strict=True)], device=parallel.device)
        own = drawn[parallel.rank :: parallel.processes]
        losses = torch.zeros(len(objective.parts), device=parallel.device)
        for number, rows in enumerate(own):
            batch = self._on_device(objective.collate(rows))
            last = number == len(own) - 1
            with parallel.without_sync(self._module) if not last else contextlib.nullcontext():
                with autocast(parallel.device, self._bf16):
                    sums = self._module(batch)
                means = sums / counts
                # Several processes average their gradients, and here they shall be added up.
                ((means * self._weights).sum() * parallel.processes).backward()
            losses += means.detach()
        if config.clip:
            torch.nn.utils.clip_grad_norm_(self._learning, config.clip)
        set_learning_rate(self._optimiser, self._totals.step, config)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self._totals.step += 1
        tokens = sum(row.size for rows in drawn for row in rows)
        self._totals.tokens += tokens
        self._pending.append((self._totals.step, tokens, losses))

    def _on_device(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        device = self._parallel.device
        if device.type != "cuda":
            return batch
        return {name: each.pin_memory().to(device, non_blocking=True) for name, each in batch.items()}

    def _flush(self) -> dict[str, float]:
        """Writes the losses since the last time and shows the progress; returns their means."""
        if not self._pending:
            return {}
        stacked = self._parallel.add_up(torch.stack([losses for *_, losses in self._pending])).double().cpu()
        weights = torch.tensor(self.objective.weights, dtype=torch.float64)
        lines = []
        for (step, tokens, _), values in zip(self._pending, stacked, strict=True):
            loss = float((values * weights).sum())
            parts = dict(zip(self.objective.parts, values.tolist(), strict=True))
            lines.append({**parts, "step": step, "loss": loss, "tokens": tokens})
            if not math.isfinite(loss):
                self._journal.record(lines)
                raise TrainingError(
                    f"the loss is {loss} at update {step}: lower --learning-rate or --clip, and go on from the last "
                    f"checkpoint or start anew"
                )
        self._pending = []
        self._journal.record(lines)
        names = ("loss", *(part for part in self.objective.parts if part != "loss"))
        means = {name: sum(line[name] for line in lines) / len(lines) for name in names}
        totals = self._totals
        seconds, tokens = totals.seconds - self._shown[0], totals.tokens - self._shown[1]
        self._shown = (totals.seconds, totals.tokens)
        left = (self._config.steps - totals.step) * totals.seconds / max(totals.step, 1)
        self._journal.progress(totals.step, self._config.steps, means, tokens / max(seconds, 1e-9), left)
        return means

    def _evaluate(self) -> None:
        values = evaluate(self.objective, self._checks, self._parallel, self._bf16)
        totals = self._totals
        totals.evaluation = values
        self._journal.record([{"step": totals.step, "evaluation": values}])
        self._journal.say("evaluation  " + "  ".join(f"{name} {value:.4f}" for name, value in values.items()))
        if values["loss"] < totals.best:
            totals.best = values["loss"]

    def _why_stop(self, request: StopRequest, seconds: float) -> str:
        """The reason to stop after this update, the same in all processes."""
        config, parallel = self._config, self._parallel
        late = bool(config.max_minutes) and seconds >= config.max_minutes * 60
        if parallel.processes > 1:
            if self._totals.step % config.log_every:
                return ""  # agreeing costs a round of messages
            asked = parallel.add_up(torch.tensor([float(bool(request.name)), float(late)]))
            late = bool(asked[1] > 0)
            if asked[0] > 0:
                return request.name or "SIGTERM"
        if request.name:
            return request.name
        return TIME if late and self._totals.step < config.steps else ""

    def _save(self) -> Path | None:
        self._parallel.wait()
        if not self._parallel.first:
            return None
        state: dict[str, Any] = {
            "config": self._config.curve(),
            "model": self.objective.learned_state(),
            "optimiser": self._optimiser.state_dict(),
            "batches": self._batches.state(),
            "random": checkpoints.random_states(),
            "totals": vars(self._totals),
        }
        return checkpoints.save(self._out, self._totals.step, state, self._config.keep_checkpoints)


def evaluate(
    objective: Objective, batches: Sequence[Sequence[Row]], parallel: OneProcess, bf16: bool
) -> dict[str, float]:
    """The parts' means and their weighted sum `loss` over all rows, without learning from them."""
    training = objective.training
    objective.eval()
    sums = torch.zeros(len(objective.parts), dtype=torch.float64)
    with torch.inference_mode(), autocast(parallel.device, bf16):
        for rows in batches[parallel.rank :: parallel.processes]:
            batch = {name: each.to(parallel.device) for name, each in objective.collate(rows).items()}
            sums += objective(batch).double().cpu()
    sums = parallel.add_up(sums)
    counted = [objective.counts(rows) for rows in batches]
    counts = torch.tensor([max(sum(column), 1.0) for column in zip(*counted, strict=True)], dtype=torch.float64)
    objective.train(training)
    means = (sums / counts).tolist()
    loss = sum(weight * mean for weight, mean in zip(objective.weights, means, strict=True))
    return {"loss": loss} | {name: mean for name, mean in zip(objective.parts, means, strict=True) if name != "loss"}
