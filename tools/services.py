"""The servers that make up the assistant: how each is started, where it listens, and when it is ready."""

from __future__ import annotations

import secrets
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.failure import Failure
from tools.project import LOGS, MODEL, child_environment

LOOPBACK = "127.0.0.1"
ACTIONS_PORT_VARIABLE = "FRONTDESK_ACTIONS_PORT"
ACTIONS_PORT = 5055
RASA_PORT_VARIABLE = "FRONTDESK_PORT"
RASA_PORT = 5005
ACTIONS_URL_VARIABLE = "FRONTDESK_ACTIONS_URL"  # endpoints.yml reads it
SECRET_VARIABLE = "FRONTDESK_SECRET_KEY"
SECRET_BYTES = 32


@dataclass(frozen=True)
class Service:
    """A server process: its command, the port it takes, and the address that answers 200 once it can serve."""

    name: str
    command: tuple[str, ...]
    port: int
    port_variable: str
    ready_url: str
    log: Path


def port_from(environment: Mapping[str, str], variable: str, default: int) -> int:
    """The port that `variable` names, or the default. Raises `Failure` if it is no port."""
    said = environment.get(variable, "").strip()
    if not said:
        return default
    if not said.isdigit() or not 0 < int(said) < 65536:
        raise Failure(f"{variable}={said} is not a port: give a number from 1 to 65535.")
    return int(said)


def action_server(environment: Mapping[str, str]) -> Service:
    """The server of the custom actions."""
    port = port_from(environment, ACTIONS_PORT_VARIABLE, ACTIONS_PORT)
    return Service(
        name="action server",
        command=(sys.executable, "-m", "actions"),
        port=port,
        port_variable=ACTIONS_PORT_VARIABLE,
        ready_url=f"http://{LOOPBACK}:{port}/ready",
        log=LOGS / "actions.log",
    )


def rasa_server(environment: Mapping[str, str]) -> Service:
    """The dialogue server, with the chat page."""
    port = port_from(environment, RASA_PORT_VARIABLE, RASA_PORT)
    command = [sys.executable, "-m", "rasa", "run", "--model", str(MODEL)]
    command += ["--endpoints", "endpoints.yml", "--credentials", "credentials.yml"]
    command += ["--interface", LOOPBACK, "--port", str(port)]
    return Service(
        name="Rasa server",
        command=tuple(command),
        port=port,
        port_variable=RASA_PORT_VARIABLE,
        ready_url=f"http://{LOOPBACK}:{port}/ready",
        log=LOGS / "rasa.log",
    )


def service_environment(environment: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """The environment for the servers, and whether a secret key was made up for this run."""
    settings = child_environment(environment)
    settings[ACTIONS_PORT_VARIABLE] = str(port_from(environment, ACTIONS_PORT_VARIABLE, ACTIONS_PORT))
    settings[RASA_PORT_VARIABLE] = str(port_from(environment, RASA_PORT_VARIABLE, RASA_PORT))
    # One message is too little work to share between cores; threads that wait for each other only slow it down.
    settings.setdefault("OMP_NUM_THREADS", "1")
    settings.setdefault(ACTIONS_URL_VARIABLE, f"http://{LOOPBACK}:{settings[ACTIONS_PORT_VARIABLE]}/webhook")
    made_up = not settings.get(SECRET_VARIABLE)
    if made_up:
        settings[SECRET_VARIABLE] = secrets.token_hex(SECRET_BYTES)
    return settings, made_up


def port_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are only waiting to be forgotten counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def require_free_port(service: Service) -> None:
    """Raises `Failure` if the service's port is taken."""
    if not port_free(service.port):
        raise Failure(
            f"Port {service.port}, for the {service.name}, is in use: end what uses it, "
            f"or name another port in {service.port_variable}."
        )
