"""Makes the project's environments: finds or fetches a Python and installs what the lock names.

Runs on any Python from 3.8 with nothing installed, so it imports the standard library and its neighbours only.
A stamp in each says which lock it was made from; with the stamp in place there is nothing to do.
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

from tools.environments import ASSISTANT, GIGABYTE, LLM_COMPONENT, PythonEnvironment
from tools.failure import Failure, run_command
from tools.interpreters import Interpreter, find_python, probe, starts
from tools.processes import reason, run_logged
from tools.progress import Step
from tools.project import LOGS, ROOT, VAR, shown
from tools.stamps import Stamp
from tools.uv import obtain_uv, uv_environment

OLDEST = (3, 8)  # what this module itself needs
STAMP_NAME = ".frontdesk-stamp"


def fetch_python(uv: str, target: PythonEnvironment, environment: Mapping[str, str]) -> Interpreter:
    """Has uv fetch a CPython of the version that `target` prefers."""
    wanted = target.versions[0]
    log = LOGS / target.log("python")
    command = [uv, "python", "install", wanted]
    with Step(f"Fetching Python {wanted}, for none was found here") as step:
        status = run_logged(command, log, cwd=ROOT, environment=environment, on_line=step.update)
        if status != 0:
            raise Failure(
                f"Python {wanted} was not found and could not be fetched ({reason(log)}); install it and run "
                f"again with {target.variable} set to its path."
            )
        place = subprocess.run(
            [uv, "python", "find", "--python-preference", "only-managed", wanted],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            cwd=str(ROOT),
        )
        found = probe(place.stdout.decode("utf-8").strip() or f"python{wanted}")
    if found is None or not found.suits(target.versions):
        raise Failure(f"The Python {wanted} that uv fetched does not run on this machine; see {shown(log)}")
    return found


def venv_ready(venv: Path, hashes: Mapping[str, str], works: Callable[[str], bool] = starts) -> bool:
    """Whether `venv` was finished from just this lock and its Python still starts."""
    return Stamp(venv / STAMP_NAME).matches(hashes) and works(str(venv / "bin" / "python"))


def install(uv: str, python: Interpreter, target: PythonEnvironment, environment: Mapping[str, str]) -> None:
    """Makes `target` from `python` (unless it has a Python that suits) and brings it to its lock, exactly."""
    venv = target.folder
    present = probe(str(target.python))
    if present is None or present.name not in target.versions:
        shutil.rmtree(venv, ignore_errors=True)
        with Step(f"Making {venv.name} from {python.path}"):
            log = LOGS / target.log("venv")
            made = run_logged(
                [uv, "venv", "--python", str(python.path), "--prompt", target.prompt, str(venv)],
                log,
                cwd=ROOT,
                environment=environment,
            )
            if made != 0:
                raise Failure(f"{venv.name} could not be made: {reason(log)}")
    Stamp(venv / STAMP_NAME).clear()
    free = shutil.disk_usage(str(venv)).free
    if free < target.disk:
        print(
            f"  Note: {free / GIGABYTE:.1f} GB are free on this disk; "
            f"the packages may need up to {target.disk // GIGABYTE} GB.",
            flush=True,
        )
    log = LOGS / target.log("packages")
    count = len(re.findall(r"^[A-Za-z0-9][\w.-]*==", target.lock.read_text(encoding="utf-8"), re.MULTILINE))
    with Step(f"Installing the {count} packages of {shown(target.lock)}") as step:
        status = run_logged(
            [uv, "pip", "sync", "--python", str(target.python), "--require-hashes", str(target.lock)],
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


def set_up(environment: Mapping[str, str], target: PythonEnvironment = ASSISTANT) -> None:
    """Makes `target` if it is missing or was made from another lock."""
    hashes = target.hashes()
    if venv_ready(target.folder, hashes):
        return
    with only_one():
        if venv_ready(target.folder, hashes):
            return
        print(f"Setting up: Python and the packages, in {target.folder.name}. This is done once.", flush=True)
        python = find_python(environment, target.versions, target.variable)
        uv = obtain_uv(environment)
        settings = uv_environment(environment)
        if python is None:
            python = fetch_python(uv, target, settings)
        install(uv, python, target, settings)
        Stamp(target.folder / STAMP_NAME).write(hashes)


def write_lock(target: PythonEnvironment, environment: Mapping[str, str], upgrade: Iterable[str]) -> None:
    """Resolves the requirements of `target` into its lock, for Linux and for macOS on ARM, with hashes.

    Versions already locked stay where they still fit; `upgrade` names packages to move, or `*` for all.
    """
    uv = obtain_uv(environment)
    command = [uv, "pip", "compile", *target.lock_options]
    command += ["--universal", "--python-version", target.oldest, "--generate-hashes"]
    command += ["--no-emit-index-url", "--no-annotate", "--custom-compile-command", "make lock"]
    for name in upgrade:
        command += ["--upgrade"] if name == "*" else ["--upgrade-package", name]
    command += [shown(target.requirements), "--output-file", shown(target.lock)]
    log = LOGS / "lock.log"
    with Step(f"Writing {shown(target.lock)}") as step:
        status = run_logged(command, log, cwd=ROOT, environment=uv_environment(environment))
        if status != 0:
            raise Failure(f"{shown(target.lock)} could not be written ({reason(log)}). Log: {shown(log)}")
        step.finish("written")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.bootstrap", description=__doc__.splitlines()[0])
    parser.add_argument("--llm", action="store_true", help="the environment of the LLM component instead")
    parser.add_argument("--lock", action="store_true", help="write the locks of both environments instead")
    parser.add_argument("--upgrade", nargs="*", default=[], metavar="PACKAGE", help="with --lock; * for all")
    arguments = parser.parse_args()
    if sys.version_info[:2] < OLDEST:
        raise Failure(f"Python {'.'.join(map(str, OLDEST))} or newer is needed to start the set-up.")
    if arguments.lock:
        for target in (ASSISTANT, LLM_COMPONENT):
            write_lock(target, os.environ, arguments.upgrade)
    else:
        set_up(os.environ, LLM_COMPONENT if arguments.llm else ASSISTANT)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
