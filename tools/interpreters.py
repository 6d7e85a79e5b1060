"""Finds a Python 3.10 on this machine: each candidate is started and asked what it is."""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.failure import Failure
from tools.project import ROOT, VENV

WANTED = (3, 10)  # Rasa 3.6 refuses 3.11
WANTED_NAME = "3.10"
USUAL_FOLDERS = ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin")  # should PATH be without them
PROBE_SECONDS = 20  # a shim that selects a version by running shell scripts can be slow on a cold disk

# What a Python must be able to do, asked of the Python itself. A build without SQLite's full-text search is passed
# over. The base executable is reported, so that an environment is never made from another environment.
PROBE = """
import json, os, platform, sys
problem = None
try:
    import bz2, ctypes, sqlite3, ssl, venv, zlib
    sqlite3.connect(":memory:").execute("create virtual table t using fts5(a)")
except Exception as error:
    problem = str(error)
base = getattr(sys, "_base_executable", None) or sys.executable
print(json.dumps({
    "path": os.path.realpath(base),
    "version": list(sys.version_info[:3]),
    "implementation": platform.python_implementation(),
    "problem": problem,
}))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python that was started and said what it is."""

    path: Path
    version: tuple[int, ...]
    implementation: str
    problem: str | None

    @property
    def suits(self) -> bool:
        """Whether the environment can be made from it."""
        return self.version[:2] == WANTED and self.implementation == "CPython" and self.problem is None


def probe(python: str) -> Interpreter | None:
    """Starts `python` and asks what it is; None if it does not start, as a pyenv shim of a version not selected."""
    try:
        answer = subprocess.run(
            [python, "-I", "-c", PROBE],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=PROBE_SECONDS,
            cwd=str(ROOT),
        )
        found = json.loads(answer.stdout.decode("utf-8"))
        return Interpreter(Path(found["path"]), tuple(found["version"]), str(found["implementation"]), found["problem"])
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired):
        return None


def on_path(name: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Every program called `name` on PATH, not only the first: the first may be a shim that fails."""
    for folder in environment.get("PATH", "").split(os.pathsep):
        program = os.path.join(folder or ".", name)
        if os.path.isfile(program) and os.access(program, os.X_OK):
            yield program


def candidates(environment: Mapping[str, str]) -> Iterator[str]:
    """Where a Python 3.10 may be, the likeliest first: named by the user, PATH, pyenv, uv, the usual folders."""
    if environment.get("FRONTDESK_PYTHON"):
        yield environment["FRONTDESK_PYTHON"]
        return
    for name in ("python3.10", "python3", "python"):
        yield from on_path(name, environment)
    yield sys.executable
    home = environment.get("HOME", os.path.expanduser("~"))
    pyenv = environment.get("PYENV_ROOT") or os.path.join(home, ".pyenv")
    yield from sorted(glob.glob(os.path.join(pyenv, "versions", "3.10*", "bin", "python3.10")), reverse=True)
    data = environment.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    fetched = environment.get("UV_PYTHON_INSTALL_DIR") or os.path.join(data, "uv", "python")
    yield from sorted(glob.glob(os.path.join(fetched, "cpython-3.10*", "bin", "python3.10")), reverse=True)
    for folder in USUAL_FOLDERS:
        yield os.path.join(folder, "python3.10")


def find_python(environment: Mapping[str, str], ask: Callable[[str], Interpreter | None] = probe) -> Interpreter | None:
    """The first Python 3.10 that starts and has what is needed; None if there is none.

    Raises `Failure` if FRONTDESK_PYTHON names one that does not suit.
    """
    for path in dict.fromkeys(candidates(environment)):
        if os.path.abspath(path).startswith(str(VENV) + os.sep):
            continue  # the environment that is to be made anew
        found = ask(path)
        if found is not None and found.suits:
            return found
        if environment.get("FRONTDESK_PYTHON"):
            said = "does not start" if found is None else found.problem or "is " + ".".join(map(str, found.version))
            raise Failure(f"FRONTDESK_PYTHON={path} cannot be used ({said}): it must be a CPython {WANTED_NAME}.")
    return None


def starts(program: str) -> bool:
    """Whether `program --version` runs."""
    try:
        ended = subprocess.run(
            [program, "--version"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PROBE_SECONDS,
            cwd=str(ROOT),
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0
