"""`make run` as a person sees it: the page, the mails, and what Ctrl-C does. The servers are small stand-ins."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.outbox import MARK
from tools.processes import GRACE_SECONDS
from tools.run import page
from tools.services import Service, port_free

ROOT = Path(__file__).resolve().parents[3]
MakeService = Callable[..., Service]
Eventually = Callable[[Callable[[], object]], None]

DEMO = """print('[{"customer": "Amira Khan", "email": "amira@example.com", "orders": ["1043", "1044"]}]')"""
OUTBOX = """
from tools.outbox import Mail
class Outbox:
    reads = 0
    def __call__(self, after):
        self.reads += 1
        return [Mail(1, "amira@example.com", "Your code", "123456")] if self.reads > 1 and not after else []
"""


class Running:
    """The supervisor in a process of its own, with what it prints in a file."""

    def __init__(self, services: list[Service], folder: Path, **environment: str) -> None:
        script = folder / "run.py"
        made = ", ".join(
            f"Service({s.name!r}, {s.command!r}, {s.port}, {s.port_variable!r}, {s.ready_url!r}, Path({str(s.log)!r}))"
            for s in services
        )
        script.write_text(
            "import os, sys\n"
            "from pathlib import Path\n"
            "from tools.failure import run_command\n"
            "from tools.run import run\n"
            "from tools.services import Service\n"
            f"{OUTBOX}"
            f"demo = (sys.executable, '-c', {DEMO!r})\n"
            f"sys.exit(run_command(lambda: run(os.environ, [{made}], demo, lambda environment: Outbox())))\n"
        )
        self._output = folder / "output.txt"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(script)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**kept, "PYTHONPATH": str(ROOT), **environment},
                cwd=ROOT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def make(*services: Service, **environment: str) -> Running:
        started.append(Running(list(services), tmp_path, **environment))
        return started[-1]

    yield make
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait()


def test_when_all_serve_it_says_where_who_and_how(
    start: Callable[..., Running], service: MakeService, eventually: Eventually
) -> None:
    actions, rasa = service("actions"), service("rasa")
    running = start(actions, rasa)
    eventually(lambda: "123456" in running.output)
    assert f"http://127.0.0.1:{rasa.port}/\n" in running.output
    assert f"http://127.0.0.1:{rasa.port}/webhooks/rest/webhook" in running.output
    assert "Amira Khan  amira@example.com  1043, 1044" in running.output
    assert "DEVELOPMENT mail | to amira@example.com: Your code" in running.output
    assert "FRONTDESK_SECRET_KEY is not set" in running.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_with_status_0(
    start: Callable[..., Running], service: MakeService, eventually: Eventually, number: signal.Signals
) -> None:
    actions, rasa = service("actions"), service("rasa")
    running = start(actions, rasa)
    eventually(lambda: "Ctrl-C ends everything" in running.output)
    running.process.send_signal(number)
    assert running.process.wait(timeout=20) == 0
    assert port_free(actions.port)
    assert port_free(rasa.port)
    assert "Ended after" in running.output


def test_ctrl_c_while_it_starts_ends_everything_too(
    start: Callable[..., Running], service: MakeService, eventually: Eventually
) -> None:
    from dataclasses import replace

    actions = service("actions")
    never_ready = replace(service("rasa"), ready_url=f"http://127.0.0.1:{actions.port + 1}/nothing")
    running = start(actions, never_ready)
    eventually(lambda: "serving" in (never_ready.log.read_text() if never_ready.log.exists() else ""))
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(timeout=20) == 0
    assert port_free(actions.port)
    assert port_free(never_ready.port)


def test_a_second_ctrl_c_does_not_wait_for_a_stubborn_server(
    start: Callable[..., Running], service: MakeService, eventually: Eventually
) -> None:
    stubborn = service("rasa", "stubborn")
    running = start(stubborn)
    eventually(lambda: "Ctrl-C ends everything" in running.output)
    began = time.monotonic()

    def ended_after_another_ctrl_c() -> bool:
        running.process.send_signal(signal.SIGINT)
        return running.process.poll() is not None

    eventually(ended_after_another_ctrl_c)
    assert time.monotonic() - began < GRACE_SECONDS
    assert port_free(stubborn.port)


def test_a_server_that_dies_twice_ends_everything_with_a_status(
    start: Callable[..., Running], service: MakeService, eventually: Eventually, tmp_path: Path
) -> None:
    actions, rasa = service("actions"), service("rasa")
    running = start(actions, rasa)
    eventually(lambda: "Ctrl-C ends everything" in running.output)
    (tmp_path / "actions.end").touch()
    assert running.process.wait(timeout=20) == 1
    assert "The actions ended (status 3); starting it once more." in running.output
    assert "frontdesk: The actions ended again after a restart (status 3)." in running.output
    assert "the disk is full" in running.output
    assert port_free(rasa.port)


def test_a_taken_port_is_one_sentence(start: Callable[..., Running], service: MakeService) -> None:
    import socket

    rasa = service("rasa")
    with socket.socket() as other:
        other.bind(("127.0.0.1", rasa.port))
        other.listen()
        running = start(rasa)
        assert running.process.wait(timeout=20) == 1
    lines = running.output.strip().splitlines()
    assert lines == [
        f"frontdesk: Port {rasa.port}, for the rasa, is in use: end what uses it, or name another port in RASA_PORT."
    ]


def test_with_a_mail_server_no_mail_is_shown(
    start: Callable[..., Running], service: MakeService, eventually: Eventually
) -> None:
    running = start(service("rasa"), FRONTDESK_SMTP_URL="smtp://mail.example.com:587")
    eventually(lambda: "Ctrl-C ends everything" in running.output)
    assert f"marked {MARK}" not in running.output


def test_a_given_secret_key_is_neither_replaced_nor_shown(
    start: Callable[..., Running], service: MakeService, eventually: Eventually
) -> None:
    running = start(service("rasa"), FRONTDESK_SECRET_KEY="correct-horse")
    eventually(lambda: "Ctrl-C ends everything" in running.output)
    assert "FRONTDESK_SECRET_KEY" not in running.output
    assert "correct-horse" not in running.output


def test_a_command_without_a_session_is_shown_only_where_it_works(service: MakeService) -> None:
    shown, hidden = (
        "\n".join(page([service("rasa")], [], port=5005, mails=False, secret=False, development=development))
        for development in (True, False)
    )
    assert "curl" in shown and "FRONTDESK_DEVELOPMENT=1" in shown
    assert "curl" not in hidden and "FRONTDESK_DEVELOPMENT" not in hidden


def test_without_demo_customers_the_page_has_no_table(service: MakeService) -> None:
    lines = page([service("rasa")], [], port=5005, mails=False, secret=False)
    assert not [line for line in lines if "Demo customers" in line]
