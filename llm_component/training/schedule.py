"""The learning rate over a run: up in a line, down along half a cosine."""

from __future__ import annotations

import math


def learning_rate_factor(step: int, *, steps: int, warmup_steps: int, floor: float) -> float:
    """The share of the highest learning rate for update `step`, counted from 0."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    left = steps - warmup_steps
    done = min((step - warmup_steps + 1) / left, 1.0) if left > 0 else 1.0
    return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * done))
