"""AdamW with groups of parameters: an encoder that is trained already learns slower, vectors do not decay."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from llm_component.training.config import RunConfig
from llm_component.training.errors import TrainingError
from llm_component.training.schedule import learning_rate_factor


def make_optimiser(module: nn.Module, encoder: nn.Module | None, config: RunConfig) -> torch.optim.AdamW:
    """AdamW over the parameters of `module` that learn.

    Args:
        encoder: the part that has `config.encoder_learning_rate`, if that is above 0.

    Raises:
        TrainingError: nothing in `module` learns.
    """
    slow = {id(weight) for weight in encoder.parameters()} if encoder and config.encoder_learning_rate else set()
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for weight in module.parameters():
        if weight.requires_grad:
            groups.setdefault((id(weight) in slow, weight.dim() > 1), []).append(weight)
    if not groups:
        raise TrainingError("nothing in this model learns: every weight is frozen")
    listed: list[dict[str, Any]] = []
    for (is_slow, is_matrix), weights in groups.items():
        rate = config.encoder_learning_rate if is_slow else config.learning_rate
        decay = config.weight_decay if is_matrix else 0.0
        listed.append({"params": weights, "lr": rate, "highest": rate, "weight_decay": decay})
    return torch.optim.AdamW(listed, betas=(config.beta1, config.beta2), fused=True)


def set_learning_rate(optimiser: torch.optim.Optimizer, step: int, config: RunConfig) -> float:
    """Sets every group's rate for update `step`, counted from 0, and returns the factor."""
    factor = learning_rate_factor(
        step, steps=config.steps, warmup_steps=min(config.warmup_steps, config.steps), floor=config.floor
    )
    for group in optimiser.param_groups:
        group["lr"] = group["highest"] * factor
    return factor
