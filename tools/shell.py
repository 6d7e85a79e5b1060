"""Talk to the assistant in this terminal: `rasa shell` and the servers that it needs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.failure import Failure, run_command
from tools.outbox import SMTP_VARIABLE, OutboxWindow, database_outbox
from tools.processes import GRACE_SECONDS
from tools.progress import Step
from tools.project import LOGS, MODEL, ROOT, shown
from tools.services import (
    LLM_PORT,
    LLM_PORT_VARIABLE,
    LOOPBACK,
    RASA_PORT_VARIABLE,
    SECRET_VARIABLE,
    Service,
    action_server,
    language_model_line,
    language_model_server,
    port_free,
    port_from,
    service_environment,
)
from tools.supervisor import WATCH_SECONDS, Stopped, Supervisor, answers

# `rasa shell` is a server too; it takes this port if it is free, so that it can run beside `make run`.
SHELL_PORT = 5007


def free_port(preferred: int) -> int:
    """`preferred` if a server could listen there, otherwise a port that the system gives."""
    if port_free(preferred):
        return preferred
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def shell_command(port: int) -> list[str]:
    """The `rasa shell` on the trained model."""
    command = [sys.executable, "-m", "rasa", "shell", "--model", str(MODEL), "--endpoints", "endpoints.yml"]
    return [*command, "--interface", LOOPBACK, "--port", str(port), "--quiet"]


def talk(command: Sequence[str], environment: Mapping[str, str], wait: Callable[[float], None], log: Path) -> int:
    """Runs `command` with this terminal until it ends, and returns its status.

    Its standard error goes to `log`: the warnings of Rasa's dependencies would bury the conversation.

    Ctrl-C belongs to the command, which is in the terminal's foreground group; here it is ignored meanwhile. `wait`
    sleeps, and raises when the end was asked for otherwise (a closed terminal, SIGTERM): the command is ended then.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    log.parent.mkdir(parents=True, exist_ok=True)
    errors = log.open("wb")
    try:
        process = subprocess.Popen(
            list(command),
            cwd=ROOT,
            env=dict(environment),
            stderr=errors,
            # An ignored signal is inherited: the command must get its own handling back.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            while process.poll() is None:
                wait(WATCH_SECONDS)
            return process.returncode
        finally:
            end(process)
    finally:
        errors.close()
        signal.signal(signal.SIGINT, before)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends the command, which shares our group and so cannot be ended with a group of its own."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def shell(environment: Mapping[str, str], service: Service | None = None, command: Sequence[str] | None = None) -> int:
    """Starts what is missing, hands the terminal over, and ends what it started.

    A language model server that runs beside it is not used, as its secret is its own: the shell has one for itself.
    """
    if command is None and not MODEL.is_file():
        raise Failure("There is no trained model; run: make train")
    language_model = None
    if service is None:
        llm_port = free_port(port_from(environment, LLM_PORT_VARIABLE, LLM_PORT))
        environment = {**environment, LLM_PORT_VARIABLE: str(llm_port)}
        language_model = language_model_server(environment)
    service = service or action_server(environment)
    settings, _ = service_environment(environment)
    port = free_port(port_from(environment, "FRONTDESK_SHELL_PORT", SHELL_PORT))
    settings[RASA_PORT_VARIABLE] = str(port)
    services = [] if answers(service.ready_url) else [service]
    started = [*services, *filter(None, [language_model])]
    if not services:
        print(f"  Using the action server that runs on port {service.port}.", flush=True)
    elif not environment.get(SECRET_VARIABLE):
        print(f"  {SECRET_VARIABLE} is not set: a random key serves for this run (development).", flush=True)
    window: OutboxWindow | None = None
    with Supervisor(started, settings) as running:
        try:
            running.start()
            if services:
                with Step("Starting the action server") as step:
                    running.wait_ready()
                    step.finish("ready")
            runs = language_model is not None and running.runs(language_model)
            print(f"  Language model: {language_model_line(environment, language_model, runs)}.", flush=True)
            if not settings.get(SMTP_VARIABLE):
                window = OutboxWindow(database_outbox(settings))
            print(
                "  Loading the model; write your message at the prompt, /stop ends the conversation.",
                flush=True,
            )
            log = LOGS / "shell.log"
            status = talk(command or shell_command(port), settings, running.wait, log)
            if status > 0:
                print(f"  The conversation ended with an error; its log: {shown(log)}", flush=True)
        except Stopped:
            status = 0
        finally:
            if window is not None:
                window.close()
    return max(status, 0)  # a negative status is the signal that ended it, which is how one leaves


if __name__ == "__main__":
    sys.exit(run_command(lambda: shell(os.environ)))
