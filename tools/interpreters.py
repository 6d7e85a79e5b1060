"""Finds a Python of a wanted version on this machine: each candidate is started and asked what it is."""

from __future__ import annotations

import glob
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.failure import Failure
from tools.project import LLM_VENV, ROOT, VENV

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

    def suits(self, versions: Sequence[str]) -> bool:
        """Whether an environment that takes these versions, such as "3.10", can be made from it."""
        return self.name in versions and self.implementation == "CPython" and self.problem is None

    @property
    def name(self) -> str:
        """Its version as it is usually written, without the last part: "3.10"."""
        return ".".join(map(str, self.version[:2]))


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


def candidates(environment: Mapping[str, str], version: str) -> Iterator[str]:
    """Where a Python of this version may be, the likeliest first: PATH, pyenv, those of uv, the usual folders."""
    name = f"python{version}"
    for program in (name, "python3", "python"):
        yield from on_path(program, environment)
    yield sys.executable
    home = environment.get("HOME", os.path.expanduser("~"))
    pyenv = environment.get("PYENV_ROOT") or os.path.join(home, ".pyenv")
    data = environment.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    fetched = environment.get("UV_PYTHON_INSTALL_DIR") or os.path.join(data, "uv", "python")
    for pattern in (
        os.path.join(pyenv, "versions", f"{version}*", "bin", name),
        os.path.join(fetched, f"cpython-{version}*", "bin", name),
    ):
        yield from sorted(glob.glob(pattern), key=_by_number, reverse=True)
    for folder in USUAL_FOLDERS:
        yield os.path.join(folder, name)


def find_python(
    environment: Mapping[str, str],
    versions: Sequence[str],
    variable: str,
    ask: Callable[[str], Interpreter | None] = probe,
) -> Interpreter | None:
    """A Python of the first of `versions` for which there is one that starts and has what is needed; else None.

    Raises `Failure` if the environment's `variable` names one that does not suit.
    """
    named = environment.get(variable)
    if named:
        found = ask(named)
        if found is not None and found.suits(versions):
            return found
        said = "does not start" if found is None else found.problem or "is " + ".".join(map(str, found.version))
        raise Failure(f"{variable}={named} cannot be used ({said}): it must be a CPython {' or '.join(versions)}.")
    asked: dict[str, Interpreter | None] = {}
    for version in versions:
        for path in candidates(environment, version):
            if os.path.abspath(path).startswith((str(VENV) + os.sep, str(LLM_VENV) + os.sep)):
                continue  # an environment that is to be made anew
            if path not in asked:
                asked[path] = ask(path)
            found = asked[path]
            if found is not None and found.suits((version,)):
                return found
    return None


def _by_number(path: str) -> list[int]:
    """Sorts 3.10.13 after 3.10.9."""
    return [int(number) for number in re.findall(r"\d+", path)]


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
