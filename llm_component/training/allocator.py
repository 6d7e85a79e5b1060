"""Starts Python anew with allocator settings that training is faster with. Imports nothing heavy."""

from __future__ import annotations

import os
import platform
import sys
from ctypes.util import find_library

# glibc gives freed buffers of a training step back to the system and fetches them again in the next one; kept, they
# need not be filled with zeros anew. It reads these when a process starts, so the process has to start again.
TUNED = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
}
# Better than glibc's with settings, where one is installed: sizes change with every batch, which glibc finds hard.
ALLOCATORS = ("tcmalloc_minimal", "tcmalloc", "jemalloc")
MARK = "FRONTDESK_TRAINING_MALLOC"  # "tuned" once it is done; "off" keeps the system's own settings


def tuned_environment(
    environment: dict[str, str], system: str, libc: str, library: str | None = None
) -> dict[str, str] | None:
    """The environment to start again with; None where this process can stay as it is.

    Args:
        library: an allocator to be loaded before glibc's; None: glibc's, with settings.
    """
    if system != "Linux" or libc != "glibc" or environment.get(MARK):
        return None
    if library and not environment.get("LD_PRELOAD"):
        return {**environment, "LD_PRELOAD": library, MARK: "tuned"}
    return {**TUNED, **environment, MARK: "tuned"}


def installed_allocator() -> str | None:
    """The file name of the first known allocator that the system has."""
    return next((name for one in ALLOCATORS if (name := find_library(one))), None)


def start_tuned() -> None:
    """Replaces this process by one with the settings. Call it before torch is imported; does nothing elsewhere."""
    environment = tuned_environment(dict(os.environ), platform.system(), platform.libc_ver()[0], installed_allocator())
    if environment is None or "torch" in sys.modules:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606
