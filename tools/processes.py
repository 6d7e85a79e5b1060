"""Child processes: run one with its output in a log, and end one with everything that it started."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Mapping, Sequence

GRACE_SECONDS = 10.0  # between asking a process to end and ending it
POLL_SECONDS = 0.05
READ_BYTES = 1 << 14
PARENT_DEATH_SIGNAL = 1  # prctl's PR_SET_PDEATHSIG
_LINE_END = re.compile(rb"[\r\n]+")
_TERMINAL_CODE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def run_logged(
    command: Sequence[str],
    log: Path,
    *,
    cwd: Path,
    environment: Mapping[str, str],
    on_line: Callable[[str], None] = lambda line: None,
) -> int:
    """Runs `command` to its end and returns its exit status; all output goes to `log`, each line to `on_line`.

    A progress bar that redraws its line with carriage returns counts as lines. If the caller is interrupted, the
    command and its children are ended before this returns.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        process = subprocess.Popen(
            list(command),
            cwd=str(cwd),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
        try:
            assert process.stdout is not None
            pending = b""
            while True:
                chunk = os.read(process.stdout.fileno(), READ_BYTES)
                if not chunk:
                    break
                file.write(chunk)
                file.flush()
                *lines, pending = _LINE_END.split(pending + chunk)
                for line in lines:
                    on_line(plain(line.decode("utf-8", "replace")))
            return process.wait()
        finally:
            end_groups([process])
            if process.stdout is not None:
                process.stdout.close()


def die_with_parent() -> Callable[[], None] | None:
    """On Linux, what a child calls before its program starts, so that it is ended if its parent is killed."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return lambda: library.prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)


def plain(line: str) -> str:
    """`line` without the codes that colour a terminal."""
    return _TERMINAL_CODE.sub("", line).rstrip()


def signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    """Sends a signal to the process and to everything in its group; a group that is gone is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def group_alive(process: subprocess.Popen[bytes]) -> bool:
    """Whether anything of the process's group still runs."""
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def end_groups(
    processes: Sequence[subprocess.Popen[bytes]],
    grace_seconds: float = GRACE_SECONDS,
    hurry: Callable[[], bool] = lambda: False,
) -> None:
    """Ends process groups: SIGTERM, up to `grace_seconds` (or until `hurry()`), then SIGKILL. Each leads its group."""
    for process in processes:
        if group_alive(process):
            signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while any(group_alive(process) for process in processes) and time.monotonic() < deadline and not hurry():
        time.sleep(POLL_SECONDS)
    for process in processes:
        signal_group(process, signal.SIGKILL)
        process.wait()


def tail(log: Path, count: int = 15) -> list[str]:
    """The last `count` lines of a log that say something; empty if there is no such file."""
    try:
        text = log.read_bytes()[-65536:].decode("utf-8", "replace")
    except OSError:
        return []
    lines = [plain(line) for line in re.split(r"[\r\n]+", text)]
    return [line for line in lines if line.strip()][-count:]


def reason(log: Path) -> str | None:
    """The line of a failed command's log that most likely says why, or its last line."""
    lines = tail(log, 60)
    errors = [line for line in lines if re.search(r"(?i)^\s*(error|fatal|cause|\w*(error|exception))\b.*:", line)]
    found = errors[-1:] or lines[-1:]
    return found[0].strip()[:300] if found else None
