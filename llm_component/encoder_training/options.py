"""How an encoder is trained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EncoderTraining:
    """Parameters of a run.

    Parameters of the optimiser:
        epochs: the most passes over the examples.
        batch_size: texts a step.
        learning_rate: of the encoder, at its highest; the head has `HEAD_RATE` times as much.
        warmup_share: of the steps, during which the rate rises.
    Parameters of stopping:
        validation_share: of the examples, stratified, which are not trained on; 0 trains all epochs.
        patience: epochs without a lower validation loss before the run ends.
    Parameters of the contrastive epochs:
        contrastive_epochs: passes in which texts of one label are drawn together before the head is trained.
    Other parameters:
        device: `auto`, `cpu`, `cuda` or `cuda:1`.
        precision: `auto` (bf16 where the machine computes in it), `bf16` or `fp32`.
        seed: of every draw.
    """

    epochs: int = 8
    batch_size: int = 32
    learning_rate: float = 3e-5
    warmup_share: float = 0.1
    validation_share: float = 0.1
    patience: int = 2
    contrastive_epochs: int = 0
    device: str = "auto"
    precision: str = "auto"
    seed: int = 1

    def __post_init__(self) -> None:
        """Raises `ValueError` for a setting that means nothing."""
        for name in ("epochs", "batch_size", "learning_rate", "patience"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: {getattr(self, name)} must be above 0")
        for name in ("warmup_share", "validation_share"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} must be from 0 to below 1")
        if self.contrastive_epochs < 0:
            raise ValueError(f"contrastive_epochs: {self.contrastive_epochs} must not be below 0")
        if self.precision not in ("auto", "bf16", "fp32"):
            raise ValueError(f"precision: {self.precision} is unknown; use auto, bf16 or fp32")
