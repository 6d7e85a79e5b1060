"""Device and number format of training."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import torch

from llm_component.models.device import choose_device
from llm_component.models.files import ModelError
from llm_component.training.errors import TrainingError

_CPUINFO = Path("/proc/cpuinfo")


def training_device(said: str) -> torch.device:
    """The device for `auto`, `cpu` or `cuda:1`. Raises `TrainingError` where it is not there."""
    try:
        return choose_device(said)
    except ModelError as error:
        raise TrainingError(str(error).replace("FRONTDESK_LLM_DEVICE=", "--device ")) from error


def computes_in_bf16(device: torch.device) -> bool:
    """Whether bf16 is faster than fp32 there: on GPUs that have it, and on CPUs with its instructions."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        text = _CPUINFO.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in text or "amx_bf16" in text


def in_bf16(said: str, device: torch.device) -> bool:
    """Whether `auto`, `bf16` or `fp32` means bf16 here."""
    return said == "bf16" or (said == "auto" and computes_in_bf16(device))


def autocast(device: torch.device, bf16: bool) -> contextlib.AbstractContextManager[Any]:
    """Within, matrices are multiplied in bf16; weights, sums and the optimiser stay fp32."""
    if not bf16:
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
