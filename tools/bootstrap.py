"""Makes `.venv`: finds or fetches Python 3.10 and installs what requirements.lock names.

Runs on any Python from 3.8 with nothing installed, so it imports the standard library and its neighbours only.
A stamp in `.venv` says which lock it was made from; with the stamp in place there is nothing to do.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from tools.failure import Failure, run_command
from tools.interpreters import WANTED, WANTED_NAME, Interpreter, find_python, probe, starts
from tools.processes import reason, run_logged
from tools.progress import Step
from tools.project import LOCK, LOGS, ROOT, VAR, VENV, shown
from tools.stamps import Stamp, hash_of
from tools.uv import obtain_uv, uv_environment

OLDEST = (3, 8)  # what this module itself needs
STAMP_NAME = ".frontdesk-stamp"
DISK_NEEDED = 10 * 2**30  # bytes: the environment takes about 7 GB, the downloads come on top for a while


def fetch_python(uv: str, environment: Mapping[str, str]) -> Interpreter:
    """Has uv fetch a CPython 3.10."""
    log = LOGS / "setup-python.log"
    command = [uv, "python", "install", WANTED_NAME]
    with Step(f"Fetching Python {WANTED_NAME}, for none was found here") as step:
        status = run_logged(command, log, cwd=ROOT, environment=environment, on_line=step.update)
        if status != 0:
            raise Failure(
                f"Python {WANTED_NAME} was not found and could not be fetched ({reason(log)}); install it and run "
                f"again with FRONTDESK_PYTHON set to its path."
            )
        place = subprocess.run(
            [uv, "python", "find", "--python-preference", "only-managed", WANTED_NAME],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            cwd=str(ROOT),
        )
        found = probe(place.stdout.decode("utf-8").strip() or "python3.10")
    if found is None or not found.suits:
        raise Failure(f"The Python {WANTED_NAME} that uv fetched does not run on this machine; see {shown(log)}")
    return found


# The environment


def venv_hashes() -> dict[str, str]:
    """What `.venv` is made from."""
    return {"lock": hash_of(ROOT, [LOCK]), "python": WANTED_NAME}


def venv_ready(venv: Path, hashes: Mapping[str, str], works: Callable[[str], bool] = starts) -> bool:
    """Whether `venv` was finished from just this lock and its Python still starts."""
    return Stamp(venv / STAMP_NAME).matches(hashes) and works(str(venv / "bin" / "python"))


def install(uv: str, python: Interpreter, venv: Path, environment: Mapping[str, str]) -> None:
    """Makes `venv` from `python` (unless it is one of 3.10 already) and brings it to the lock, exactly."""
    present = probe(str(venv / "bin" / "python"))
    if present is None or present.version[:2] != WANTED:
        shutil.rmtree(venv, ignore_errors=True)
        with Step(f"Making .venv from {python.path}"):
            log = LOGS / "setup-venv.log"
            made = run_logged(
                [uv, "venv", "--python", str(python.path), "--prompt", "frontdesk", str(venv)],
                log,
                cwd=ROOT,
                environment=environment,
            )
            if made != 0:
                raise Failure(f".venv could not be made: {reason(log)}")
    Stamp(venv / STAMP_NAME).clear()
    free = shutil.disk_usage(str(venv)).free
    if free < DISK_NEEDED:
        print(
            f"  Note: {free / 2**30:.1f} GB are free on this disk; the packages may need up to 10 GB.",
            flush=True,
        )
    log = LOGS / "setup-packages.log"
    count = len(re.findall(r"^[A-Za-z0-9][\w.-]*==", LOCK.read_text(encoding="utf-8"), re.MULTILINE))
    with Step(f"Installing the {count} packages of {LOCK.name}") as step:
        status = run_logged(
            [uv, "pip", "sync", "--python", str(venv / "bin" / "python"), "--require-hashes", str(LOCK)],
            log,
            cwd=ROOT,
            environment=environment,
            on_line=lambda line: step.update(line.strip()),
        )
        if status != 0:
            raise Failure(f"The packages could not be installed ({reason(log)}). Log: {shown(log)}")


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Holds the set-up for this process; a second one waits, says so, and then finds the work done."""
    VAR.mkdir(exist_ok=True)
    with (VAR / "setup.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("  Another command is setting up; waiting for it.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def set_up(environment: Mapping[str, str]) -> None:
    """Makes `.venv` if it is missing or was made from another lock."""
    hashes = venv_hashes()
    if venv_ready(VENV, hashes):
        return
    with only_one():
        if venv_ready(VENV, hashes):
            return
        print("Setting up: Python 3.10 and the packages, in .venv. This is done once.", flush=True)
        python = find_python(environment)
        uv = obtain_uv(environment)
        settings = uv_environment(environment)
        if python is None:
            python = fetch_python(uv, settings)
        install(uv, python, VENV, settings)
        Stamp(VENV / STAMP_NAME).write(hashes)


def write_lock(environment: Mapping[str, str], upgrade: Iterable[str]) -> None:
    """Resolves the requirements files into requirements.lock, for Linux and for macOS on ARM, with hashes.

    Versions already locked stay where they still fit; `upgrade` names packages to move, or `*` for all.
    """
    uv = obtain_uv(environment)
    command = [uv, "pip", "compile", "--universal", "--python-version", WANTED_NAME, "--generate-hashes"]
    command += ["--no-emit-index-url", "--no-annotate", "--custom-compile-command", "make lock"]
    for name in upgrade:
        command += ["--upgrade"] if name == "*" else ["--upgrade-package", name]
    command += ["requirements-dev.txt", "--output-file", LOCK.name]
    log = LOGS / "lock.log"
    with Step(f"Writing {LOCK.name}") as step:
        status = run_logged(command, log, cwd=ROOT, environment=uv_environment(environment))
        if status != 0:
            raise Failure(f"{LOCK.name} could not be written ({reason(log)}). Log: {shown(log)}")
        step.finish("written")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.bootstrap", description=__doc__.splitlines()[0])
    parser.add_argument("--lock", action="store_true", help="write requirements.lock instead")
    parser.add_argument("--upgrade", nargs="*", default=[], metavar="PACKAGE", help="with --lock; * for all")
    arguments = parser.parse_args()
    if sys.version_info[:2] < OLDEST:
        raise Failure(f"Python {'.'.join(map(str, OLDEST))} or newer is needed to start the set-up.")
    if arguments.lock:
        write_lock(os.environ, arguments.upgrade)
    else:
        set_up(os.environ)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
