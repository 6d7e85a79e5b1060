"""Where a model runs and in which number format, and whether its weights fit there."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from llm_component.models.files import ModelError

HEADROOM = 0.05  # of the weights: buffers and the copies that loading makes for a moment
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}

_CPUINFO = Path("/proc/cpuinfo")
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def choose_device(said: str) -> torch.device:
    """The device for `auto`, `cpu`, `cuda` or `cuda:1`; `auto` is the first GPU, else the CPU.

    Raises:
        ModelError: it is not there, or is no device.
    """
    if said == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    if said == "cpu":
        return torch.device("cpu")
    match = re.fullmatch(r"cuda(?::(\d+))?", said)
    if match is None:
        raise ModelError(f"FRONTDESK_LLM_DEVICE={said} is no device: use auto, cpu, cuda or cuda:1")
    if not torch.cuda.is_available():
        why = "this build of PyTorch has no CUDA" if torch.version.cuda is None else "no usable GPU or driver is here"
        raise ModelError(f"FRONTDESK_LLM_DEVICE={said}, but {why}; use cpu, or put the driver and CUDA build in place")
    index, count = int(match.group(1) or 0), torch.cuda.device_count()
    if index >= count:
        there = "cuda:0 alone" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise ModelError(f"FRONTDESK_LLM_DEVICE={said}, but this machine has {there}")
    return torch.device("cuda", index)


def computes_in_bf16(device: torch.device) -> bool:
    """Whether bf16 is faster than fp32 there: on GPUs that have it, and on CPUs with its instructions."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        text = _CPUINFO.read_text(encoding="ascii", errors="replace")
    except OSError:  # no Linux
        return False
    return "avx512_bf16" in text or "amx_bf16" in text


def choose_dtype(said: str, device: torch.device, encoder_decoder: bool, compact: bool = False) -> torch.dtype:
    """The number format for `auto`, `bf16`, `fp16` or `fp32`.

    `auto` is bf16 on a GPU that computes in it; on an older one fp16, or fp32 for encoder-decoders, for T5 overflows
    in fp16. On a CPU it is fp32, but bf16 for the compact model where the CPU computes in it: its first token then
    comes in half the time (benchmarks/results/llm_compact.md).
    """
    if said != "auto":
        return DTYPES[said]
    if device.type != "cuda":
        return torch.bfloat16 if compact and computes_in_bf16(device) else torch.float32
    if computes_in_bf16(device):
        return torch.bfloat16
    return torch.float32 if encoder_decoder else torch.float16


def free_memory(device: torch.device) -> int | None:
    """Bytes that can be taken on `device` now; None where the system does not say."""
    if device.type == "cuda":
        free, _total = torch.cuda.mem_get_info(device)
        return int(free)
    figures = [figure for figure in (_system_memory(), _cgroup_memory()) if figure is not None]
    return min(figures) if figures else None


def check_memory(needed: int, free: int | None, device: torch.device, name: str) -> None:
    """Raises `ModelError` where `needed` bytes of weights do not fit into `free` ones."""
    wanted = int(needed * (1 + HEADROOM))
    if free is not None and wanted > free:
        place = "of GPU memory" if device.type == "cuda" else "of memory"
        remedy = "a smaller model, quantization or a larger GPU" if device.type == "cuda" else "a smaller model or bf16"
        raise ModelError(
            f"{name} needs {in_gigabytes(wanted)} {place} to load and {in_gigabytes(free)} are free on {device}; "
            f"free some, or use {remedy}"
        )


def in_gigabytes(count: int) -> str:
    """Bytes as text, in units of 10^9 bytes, or 10^6 where they are few."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _system_memory() -> int | None:
    try:
        match = re.search(r"^MemAvailable:\s+(\d+) kB", _MEMINFO.read_text(encoding="ascii"), re.MULTILINE)
        if match:
            return int(match.group(1)) * 1024
    except OSError:
        pass  # no Linux
    try:
        import psutil
    except ImportError:  # the assistant's environment runs without it
        return None
    return int(psutil.virtual_memory().available)


def _cgroup_memory() -> int | None:
    """What the container's limit leaves; file pages that can be dropped count as free."""
    try:
        limit = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
        inactive = re.search(
            r"^inactive_file (\d+)", (_CGROUP / "memory.stat").read_text(encoding="ascii"), re.MULTILINE
        )
    except (OSError, ValueError):
        return None
    if limit == "max":
        return None
    return max(int(limit) - used + (int(inactive.group(1)) if inactive else 0), 0)
