"""`make shell`: starts the action server if none runs, hands the terminal over, and ends what it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tools import shell as module
from tools.failure import Failure
from tools.services import Service, port_free
from tools.shell import free_port, shell, shell_command
from tools.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[3]
MakeService = Callable[..., Service]
# With a mail server there is no outbox to show.
ENVIRONMENT = {"FRONTDESK_SMTP_URL": "smtp://mail.example.com:587"}


def command(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_action_server_runs_during_the_conversation_and_ends_with_it(service: MakeService) -> None:
    actions = service("actions")
    ask = f"import urllib.request; assert urllib.request.urlopen({actions.ready_url!r}).status == 200"
    assert shell(ENVIRONMENT, actions, command(ask)) == 0
    assert port_free(actions.port)


def test_an_action_server_that_runs_already_is_used_and_left_running(service: MakeService, tmp_path: Path) -> None:
    actions = service("actions")
    with Supervisor([actions], {}, cwd=tmp_path) as running:
        running.start()
        running.wait_ready()
        assert shell(ENVIRONMENT, actions, command("")) == 0
        assert not port_free(actions.port)


def test_the_language_models_server_runs_beside_it_and_its_failure_does_not_end_the_conversation(
    service: MakeService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    actions = service("actions")
    broken = replace(service("llm"), command=("/nowhere/python",), optional=True)
    monkeypatch.setattr(module, "action_server", lambda environment: actions)
    monkeypatch.setattr(module, "language_model_server", lambda environment: broken)
    assert shell(ENVIRONMENT, None, command("")) == 0
    assert "The assistant goes on without the llm." in capsys.readouterr().out


def test_the_status_of_the_conversation_is_passed_on(service: MakeService) -> None:
    assert shell(ENVIRONMENT, service("actions"), command("raise SystemExit(3)")) == 3


def test_without_a_model_it_says_how_to_get_one(
    service: MakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MODEL", tmp_path / "none.tar.gz")
    with pytest.raises(Failure, match="no trained model; run: make train"):
        shell(ENVIRONMENT, service("actions"))


def test_it_takes_another_port_if_its_own_is_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        assert free_port(taken) != taken


def test_the_shell_listens_on_loopback() -> None:
    words = shell_command(5007)
    assert words[words.index("--interface") + 1] == "127.0.0.1"


def test_a_closed_terminal_ends_the_conversation_and_the_action_server(
    service: MakeService, tmp_path: Path, eventually: Callable[[Callable[[], object]], None]
) -> None:
    actions = service("actions")
    talking = tmp_path / "talking"
    script = tmp_path / "shell.py"
    code = f"import pathlib, time; pathlib.Path({str(talking)!r}).touch(); time.sleep(600)"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from tools.services import Service\n"
        "from tools.shell import shell\n"
        f"log = Path({str(actions.log)!r})\n"
        f"one = Service('one', {actions.command!r}, {actions.port}, 'P', {actions.ready_url!r}, log)\n"
        f"sys.exit(shell({ENVIRONMENT!r}, one, [sys.executable, '-c', {code!r}]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, str(script)], env=environment, start_new_session=True) as process:
        eventually(talking.exists)
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=20) == 0
    assert port_free(actions.port)
