"""What training lowers: weighted cross-entropy of the head, and the supervised contrastive loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

CONTRASTIVE_TEMPERATURE = 0.1  # Khosla et al. 2020, section 4: 0.1 is the best of those they tried


def head_loss(logits: Tensor, targets: Tensor, label_weights: Tensor) -> Tensor:
    """Mean cross-entropy of `(batch, labels)` logits, each example weighted by its label."""
    each = functional.cross_entropy(logits.float(), targets, reduction="none")
    return (each * label_weights[targets]).mean()


def contrastive_loss(vectors: Tensor, targets: Tensor) -> Tensor:
    """Supervised contrastive loss (Khosla et al. 2020, equation 2) of `(batch, d)` vectors of length 1.

    Only texts with another of their label in the batch have something to be drawn to. Raises `ValueError` where none
    has.
    """
    same = (targets[:, None] == targets[None, :]) & ~torch.eye(len(targets), dtype=torch.bool, device=targets.device)
    has_partner = same.any(dim=1)
    if not bool(has_partner.any()):
        raise ValueError("no two texts of this batch have one label")
    likeness = (vectors @ vectors.T).float() / CONTRASTIVE_TEMPERATURE
    likeness = likeness.masked_fill(torch.eye(len(targets), dtype=torch.bool, device=targets.device), float("-inf"))
    logs = functional.log_softmax(likeness, dim=1).masked_fill(~same, 0.0)
    return -(logs.sum(dim=1)[has_partner] / same.sum(dim=1)[has_partner]).mean()
