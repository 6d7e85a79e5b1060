"""Device and number format of training."""

from __future__ import annotations

import contextlib
from typing import Any

import torch

from llm_component.models.device import choose_device, computes_in_bf16
from llm_component.models.files import ModelError
from llm_component.training.errors import TrainingError


def training_device(said: str) -> torch.device:
    """The device for `auto`, `cpu` or `cuda:1`. Raises `TrainingError` where it is not there."""
    try:
        return choose_device(said)
    except ModelError as error:
        raise TrainingError(str(error).replace("FRONTDESK_LLM_DEVICE=", "--device ")) from error


def in_bf16(said: str, device: torch.device) -> bool:
    """Whether `auto`, `bf16` or `fp32` means bf16 here."""
    return said == "bf16" or (said == "auto" and computes_in_bf16(device))


def autocast(device: torch.device, bf16: bool) -> contextlib.AbstractContextManager[Any]:
    """Within, matrices are multiplied in bf16; weights, sums and the optimiser stay fp32."""
    if not bf16:
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
