"""From a config to a finished model: what pretraining and fine-tuning have in common."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from llm_component.training import checkpoints, result
from llm_component.training.batches import Batches
from llm_component.training.config import RunConfig
from llm_component.training.errors import TrainingError
from llm_component.training.journal import Journal
from llm_component.training.loop import TIME, Outcome, Trainer
from llm_component.training.models import checkpointed, quiet
from llm_component.training.objective import Objective
from llm_component.training.parallel import OneProcess, connect
from llm_component.training.precision import training_device
from llm_component.training.rows import Row, RowSource


@dataclass(frozen=True)
class Prepared:
    """What is to be trained on what. The finished model goes to the folder `name` in `--out`."""

    objective: Objective
    rows: RowSource
    evaluation: Sequence[Row]
    origin: result.Origin
    name: str = "model"


class Session:
    """A run's processes and its say."""

    def __init__(self, config: RunConfig, parallel: OneProcess) -> None:
        self.config = config
        self.parallel = parallel
        self.out = Path(config.out)
        self.journal = Journal(self.out, active=parallel.first)

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """The first process does what is within, and then the others do; so they find its files there."""
        if not self.parallel.first:
            self.parallel.wait()
        yield
        if self.parallel.first:
            self.parallel.wait()


def run(config: RunConfig, prepare: Callable[[Session], Prepared], command: str) -> Outcome:
    """Prepares, trains, writes the model and says how it ended.

    Args:
        command: the command line without `--resume`, for the advice on how to go on.

    Raises:
        TrainingError: anything that whoever started it can put right.
    """
    config.check()
    out = Path(config.out)
    if checkpoints.found(out) and not config.resume:
        raise TrainingError(f"{out} holds checkpoints of another run: add --resume to go on, or name another --out")
    parallel = connect(training_device(config.device))
    try:
        session = Session(config, parallel)
        torch.manual_seed(config.seed)
        prepared = prepare(session)
        if config.gradient_checkpointing:
            checkpointed(prepared.objective.model)
        batches = Batches(prepared.rows, most_tokens=config.batch_tokens, most_rows=config.batch_rows, seed=config.seed)
        # Processes draw different dropout; with one process the draw is that of the seed.
        torch.manual_seed(config.seed + parallel.rank)
        trainer = Trainer(
            prepared.objective,
            batches,
            config,
            evaluation=prepared.evaluation,
            parallel=parallel,
            journal=session.journal,
        )
        if config.resume:
            step = trainer.resume()
            session.journal.say(f"Going on after update {step}." if step else "No checkpoint yet: starting anew.")
        outcome = trainer.run()
        model = _write(session, prepared, outcome) if outcome.stopped in ("", TIME) else None
        session.journal.say(result.ending(config, outcome, model, command))
        return outcome
    finally:
        parallel.end()


def _write(session: Session, prepared: Prepared, outcome: Outcome) -> Path | None:
    if not session.parallel.first:
        return None
    folder = session.out / prepared.name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with quiet():
            prepared.objective.save(folder)
    except OSError as error:
        raise TrainingError(f"the model cannot be written to {folder}: {error}") from error
    result.write(folder, result.describe(session.config, prepared.origin, outcome))
    return folder


def command_line() -> str:
    """How this process was started, without `--resume`."""
    return " ".join(["python", *(part for part in sys.orig_argv[1:] if part != "--resume")])
