"""Starts Python anew with allocator settings that training is faster with. Imports nothing heavy."""

from __future__ import annotations

import os
import platform
import sys

# glibc gives freed buffers of a training step back to the system and fetches them again in the next one; kept, they
# need not be filled with zeros anew. It reads these when a process starts, so the process has to start again.
TUNED = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
}
MARK = "FRONTDESK_TRAINING_MALLOC"  # "tuned" once it is done; "off" keeps the system's own settings


def tuned_environment(environment: dict[str, str], system: str, libc: str) -> dict[str, str] | None:
    """The environment to start again with; None where this process can stay as it is."""
    if system != "Linux" or libc != "glibc" or environment.get(MARK):
        return None
    return {**TUNED, **environment, MARK: "tuned"}


def start_tuned() -> None:
    """Replaces this process by one with the settings. Call it before torch is imported; does nothing elsewhere."""
    environment = tuned_environment(dict(os.environ), platform.system(), platform.libc_ver()[0])
    if environment is None or "torch" in sys.modules:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606
