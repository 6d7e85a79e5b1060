"""The servers that make up the assistant: how each is started, where it listens, and when it is ready."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.failure import Failure
from tools.project import LOGS, MODEL, ROOT, child_environment

LOOPBACK = "127.0.0.1"
ACTIONS_PORT_VARIABLE = "FRONTDESK_ACTIONS_PORT"
ACTIONS_PORT = 5055
RASA_PORT_VARIABLE = "FRONTDESK_PORT"
RASA_PORT = 5005
ACTIONS_URL_VARIABLE = "FRONTDESK_ACTIONS_URL"  # endpoints.yml reads it
SECRET_VARIABLE = "FRONTDESK_SECRET_KEY"
SECRET_BYTES = 32
DEVELOPMENT_VARIABLE = "FRONTDESK_DEVELOPMENT"  # the channel then takes messages without a session's token
LLM_PORT_VARIABLE = "FRONTDESK_LLM_PORT"
LLM_PORT = 5006
LLM_URL_VARIABLE = "FRONTDESK_LLM_URL"  # names a server that somebody else runs: none is started then
LLM_SECRET_VARIABLE = "FRONTDESK_LLM_SECRET"
LLM_MODEL_VARIABLE = "FRONTDESK_LLM_MODEL"
NO_MODEL = "none"
SHIPPED_MODEL = ROOT / "llm_component" / "shipped" / "frontdesk-compact"
THREADS_VARIABLE = "OMP_NUM_THREADS"
LLM_PYTHON = ROOT / ".venv-llm" / "bin" / "python"
# What the language model's server cannot start without; looked for, not imported, which takes seconds.
LLM_PACKAGES = ("httpx", "msgspec", "safetensors", "starlette", "torch", "transformers", "uvicorn")
LOOK_SECONDS = 30.0


@dataclass(frozen=True)
class Service:
    """A server process: its command, the port it takes, and the address that answers 200 once it can serve.

    `optional`: the others do without it, so nobody waits for it, and its end is not theirs. `settings` are variables of
    its environment alone.
    """

    name: str
    command: tuple[str, ...]
    port: int
    port_variable: str
    ready_url: str
    log: Path
    optional: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


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
    """The dialogue server, with the demo shop and its chat."""
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


def language_model_server(environment: Mapping[str, str], port: int | None = None) -> Service | None:
    """The language model's server, in the environment of its own if there is one; None if FRONTDESK_LLM_URL is set."""
    if environment.get(LLM_URL_VARIABLE, "").strip():
        return None
    port = port or port_from(environment, LLM_PORT_VARIABLE, LLM_PORT)
    python = str(LLM_PYTHON) if has_packages(LLM_PYTHON) else sys.executable
    return Service(
        name="language model server",
        command=(python, "-m", "llm_component", "serve"),
        port=port,
        port_variable=LLM_PORT_VARIABLE,
        # Without a model it never gets ready to generate.
        ready_url=f"http://{LOOPBACK}:{port}/{'ready' if language_model(environment) else 'health'}",
        log=LOGS / "llm.log",
        optional=True,
        settings={
            LLM_PORT_VARIABLE: str(port),
            # Generation is the one work here that more cores make faster.
            THREADS_VARIABLE: environment.get(THREADS_VARIABLE) or str(usable_cores()),
        },
    )


def language_model(environment: Mapping[str, str]) -> str:
    """The name of the model that generates: the one that is set, else the one that ships; empty for none."""
    said = environment.get(LLM_MODEL_VARIABLE, "").strip()
    if said:
        return "" if said == NO_MODEL else said
    return SHIPPED_MODEL.name if (SHIPPED_MODEL / "config.json").is_file() else ""


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_packages(python: Path) -> bool:
    """Whether there is such an interpreter with all that the language model's server needs."""
    if not python.is_file():
        return False
    look = f"import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, {LLM_PACKAGES!r})))"
    try:
        return subprocess.run([str(python), "-c", look], capture_output=True, timeout=LOOK_SECONDS).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def language_model_line(environment: Mapping[str, str], service: Service | None, running: bool) -> str:
    """One line for whoever started the assistant: what words the answers to open questions."""
    url = environment.get(LLM_URL_VARIABLE, "").strip()
    model = language_model(environment)
    if service is None and url:
        return f"the server at {url} ({LLM_URL_VARIABLE})"
    if service is None or not running:
        return "its server does not run: open questions are answered by quoted passages"
    if not model:
        return f"none is configured ({LLM_MODEL_VARIABLE}): open questions are answered by quoted passages"
    return f"{model}, at http://{LOOPBACK}:{service.port} (quoted passages until it is loaded)"


def service_environment(environment: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """The environment for the servers, and whether a secret key was made up for this run."""
    settings = child_environment(environment)
    settings[ACTIONS_PORT_VARIABLE] = str(port_from(environment, ACTIONS_PORT_VARIABLE, ACTIONS_PORT))
    settings[RASA_PORT_VARIABLE] = str(port_from(environment, RASA_PORT_VARIABLE, RASA_PORT))
    # One message is too little work to share between cores; threads that wait for each other only slow it down.
    settings.setdefault("OMP_NUM_THREADS", "1")
    settings.setdefault(ACTIONS_URL_VARIABLE, f"http://{LOOPBACK}:{settings[ACTIONS_PORT_VARIABLE]}/webhook")
    if not settings.get(LLM_URL_VARIABLE, "").strip():
        port = port_from(environment, LLM_PORT_VARIABLE, LLM_PORT)
        settings[LLM_PORT_VARIABLE] = str(port)
        settings[LLM_URL_VARIABLE] = f"http://{LOOPBACK}:{port}"
        # Nobody else on this machine is to use the model; each run has its own.
        if not settings.get(LLM_SECRET_VARIABLE):
            settings[LLM_SECRET_VARIABLE] = secrets.token_hex(SECRET_BYTES)
    settings.setdefault(DEVELOPMENT_VARIABLE, "1")
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
