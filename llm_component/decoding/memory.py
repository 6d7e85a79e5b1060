"""How much memory a decoder may use, and how running out of it shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from llm_component.decoding.interface import OutOfMemory

# What torch says where its allocator for the CPU gets nothing; a plain RuntimeError, so the words are all there is.
_CPU_WORDS = ("not enough memory", "defaultcpuallocator", "can't allocate memory", "cannot allocate memory")

CPU_SHARE = 0.4  # of the free memory: the rest is for the prompt's intermediate results and for other processes
CUDA_SHARE = 0.8  # of what is free once the weights are loaded
CPU_FALLBACK_BYTES = 1 << 30  # where the system does not say what is free


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device had no room."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in said for words in _CPU_WORDS)


@contextmanager
def memory_errors(device: torch.device) -> Iterator[None]:
    """Turns a device's lack of memory into `OutOfMemory`, and gives unused cached blocks back; the rest passes."""
    try:
        yield
    except OutOfMemory:
        raise
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        message = f"no memory left on {device}: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    else:
        return
    # Outside the handler: the error's traceback holds the tensors of the failed forward.
    if device.type == "cuda":
        torch.cuda.empty_cache()
    raise OutOfMemory(message)


def budget_bytes(device: torch.device) -> int:
    """Bytes that keys and values may take on a device whose weights are loaded."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free * CUDA_SHARE)
    return int(_free_cpu_bytes() * CPU_SHARE)


def _free_cpu_bytes() -> int:
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass  # no Linux: total memory is the next best figure
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (OSError, ValueError):
        return CPU_FALLBACK_BYTES
