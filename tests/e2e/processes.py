"""Starts the real servers for the tests, on free ports and with a database of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tools.failure import Failure
from tools.project import MODEL, ROOT, child_environment
from tools.services import LOOPBACK, Service
from tools.supervisor import Supervisor

MODEL_VARIABLE = "FRONTDESK_MODEL"
SECRET_KEY = "a secret key for the whole-system tests"
# The shop's own key, under which its site says who is signed in.
IDENTITY_KEYS = "shop:a key of the shop's site for the whole-system tests"
# All customers of the tests come from one address, and write faster than people.
NO_LIMIT = "1000000"
LIMITS = ("MESSAGES", "MESSAGES_ADDRESS", "SESSIONS_ADDRESS", "REQUESTS")
PREPARE_SECONDS = 400


class PreparationFailed(Exception):
    """Something that the tests stand on could not be made; the message says what and shows the end of its output."""


def model_file() -> Path:
    """The trained model: FRONTDESK_MODEL, or the one that `make train` writes. Raises PreparationFailed."""
    file = Path(os.environ.get(MODEL_VARIABLE) or MODEL)
    if not file.is_file():
        raise PreparationFailed(f"There is no trained model at {file}; run: make train (or set {MODEL_VARIABLE})")
    return file


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def environment(database_file: Path, **settings: str) -> dict[str, str]:
    """What the processes start with: this database, set keys, mails into the outbox, no network, a session required."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")}
    return child_environment(
        kept,
        FRONTDESK_DATABASE_URL=f"sqlite:///{database_file}",
        FRONTDESK_SECRET_KEY=SECRET_KEY,
        FRONTDESK_IDENTITY_KEYS=IDENTITY_KEYS,
        # Two servers and the tests on two cores: threads of one would only wait for the other's.
        OMP_NUM_THREADS="1",
        **{**{f"FRONTDESK_LIMIT_{name}": NO_LIMIT for name in LIMITS}, **settings},
    )


def knowledge_base(database_file: Path, *arguments: str) -> None:
    """Runs `python -m knowledge_base` on the database. Raises PreparationFailed."""
    command = [sys.executable, "-m", "knowledge_base", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(database_file), capture_output=True, text=True, timeout=PREPARE_SECONDS
    )
    if done.returncode:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise PreparationFailed(f"{' '.join(arguments)} ended with status {done.returncode}:\n{end}")


def action_server(port: int, log: Path, probe: Literal["ready", "health"] = "ready") -> Service:
    """`python -m actions` on a port; `probe` says what has to answer before it counts as started."""
    return Service(
        name="action server",
        command=(sys.executable, "-m", "actions"),
        port=port,
        port_variable="FRONTDESK_ACTIONS_PORT",
        ready_url=f"http://{LOOPBACK}:{port}/{probe}",
        log=log,
    )


def rasa_server(port: int, log: Path, endpoints: str = "endpoints.yml") -> Service:
    """`python -m rasa run` with the trained model on a port."""
    command = [sys.executable, "-m", "rasa", "run", "--model", str(model_file())]
    command += ["--endpoints", endpoints, "--credentials", "credentials.yml"]
    command += ["--interface", LOOPBACK, "--port", str(port)]
    return Service(
        name="Rasa server",
        command=tuple(command),
        port=port,
        port_variable="FRONTDESK_PORT",
        ready_url=f"http://{LOOPBACK}:{port}/ready",
        log=log,
    )


@contextmanager
def running(services: Sequence[Service], settings: Mapping[str, str]) -> Iterator[None]:
    """The services, ready, as long as the block runs; ended whatever happens.

    Raises PreparationFailed with the end of its log if one does not get ready.
    """
    supervisor = Supervisor(services, settings, cwd=ROOT)
    try:
        try:
            supervisor.start()
            supervisor.wait_ready()
        except Failure as failure:
            raise PreparationFailed(str(failure)) from failure
        yield
    finally:
        supervisor.stop()
