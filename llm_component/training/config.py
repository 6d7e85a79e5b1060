"""What every training run can be told, whatever it trains."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from llm_component.training.errors import TrainingError
from llm_component.training.options import option

# These may change when a run goes on: they leave the loss curve as it is.
HARMLESS = frozenset(
    {"out", "resume", "max_minutes", "log_every", "evaluate_every", "save_every", "keep_checkpoints", "research_only"}
)


@dataclass(frozen=True)
class RunConfig:
    """Optimisation, batches, checkpoints and the place of a run."""

    out: str = option("", "folder for checkpoints, loss curve and the finished model")
    resume: bool = option(False, "go on from the newest checkpoint in --out")
    device: str = option("auto", "auto, cpu, cuda or cuda:1")
    precision: str = option(
        "auto", "bf16, fp32, or auto: bf16 where the processor computes in it", choices=("auto", "bf16", "fp32")
    )
    seed: int = option(1, "of the weights, the order of the data and everything else that is drawn")
    steps: int = option(1000, "updates of the weights; the learning rate falls to its floor at the last")
    max_minutes: float = option(0.0, "stop, save and write the model after so many minutes; 0: no limit")
    batch_tokens: int = option(4096, "tokens of a batch with its padding, source and target together")
    batch_rows: int = option(256, "most rows of a batch")
    accumulate: int = option(1, "batches whose gradients make one update")
    learning_rate: float = option(1e-3, "at its highest")
    encoder_learning_rate: float = option(0.0, "of an encoder that is trained already; 0: the same as the rest")
    warmup_steps: int = option(30, "updates until the learning rate is at its highest")
    floor: float = option(0.05, "share of the highest learning rate that is left at the last update")
    weight_decay: float = option(0.01, "of matrices; vectors (biases, norms) have none")
    beta1: float = option(0.9, "AdamW's average of the gradient")
    beta2: float = option(0.98, "AdamW's average of its square")
    clip: float = option(1.0, "largest norm of the gradient; 0: no limit")
    gradient_checkpointing: bool = option(False, "compute activations twice instead of keeping them, to save memory")
    log_every: int = option(10, "updates between two lines of progress")
    evaluate_every: int = option(200, "updates between two evaluations")
    evaluate_rows: int = option(512, "most rows of an evaluation")
    save_every: int = option(500, "updates between two checkpoints; there is always one at the end")
    keep_checkpoints: int = option(2, "newest checkpoints that stay")
    research_only: bool = option(False, "allow data without a commercial licence; the model is marked so")

    def check(self) -> None:
        """Raises `TrainingError` where a value cannot be used."""
        if not self.out:
            raise TrainingError("name a folder for the result: --out FOLDER")
        above = ("steps", "batch_tokens", "batch_rows", "accumulate", "log_every", "evaluate_every", "save_every")
        for name in (*above, "keep_checkpoints", "learning_rate"):
            if not getattr(self, name) > 0:
                raise TrainingError(f"--{name.replace('_', '-')} must be above 0")
        for name in ("warmup_steps", "weight_decay", "clip", "max_minutes", "encoder_learning_rate", "evaluate_rows"):
            if getattr(self, name) < 0:
                raise TrainingError(f"--{name.replace('_', '-')} must not be negative")
        for name in ("floor", "beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise TrainingError(f"--{name} must be at least 0 and below 1")

    def curve(self) -> dict[str, Any]:
        """The settings that the loss curve depends on."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if name not in HARMLESS
        }
