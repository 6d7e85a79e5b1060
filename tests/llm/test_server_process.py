"""`python -m llm_component serve` as a process: its settings, its signals, its lines and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from llm_component.cli import main
from llm_component.cli.serve import settings_of
from llm_component.server.process import refuse_open_port
from llm_component.settings import SettingsError
from tests.llm.serving import PATIENCE, chat_body, settings, wait_ready

ROOT = Path(__file__).resolve().parents[2]
SERVE = ("-m", "llm_component", "serve")
HELD = ("-m", "tests.llm.held_server")
CHAT = "/v1/chat/completions"
SECRET = "a-secret-of-the-operator"
START_SECONDS = 120.0  # importing torch on a busy machine


def environment(**values: str) -> dict[str, str]:
    """This one's without the component's settings, and `values` as FRONTDESK_LLM_ settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")}
    return {**kept, "HF_HUB_OFFLINE": "1", **{f"FRONTDESK_LLM_{name.upper()}": value for name, value in values.items()}}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class Running:
    """A server process and where it is."""

    process: subprocess.Popen[str]
    url: str
    errors: IO[str]

    def lines(self) -> list[dict[str, Any]]:
        """Its log so far, which must be JSON throughout."""
        return [json.loads(line) for line in self.text().splitlines()]

    def text(self) -> str:
        self.errors.seek(0)
        return self.errors.read()

    def permit(self) -> None:
        """Lets the held engine give a piece."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@contextlib.contextmanager
def started(command: tuple[str, ...], said: Mapping[str, str]) -> Iterator[Running]:
    port = free_port()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={**environment(port=str(port)), **said},
            stdin=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        server = Running(process, f"http://127.0.0.1:{port}", errors)
        try:
            _wait_listening(server, port)
            _wait_ready(server)
            yield server
        finally:
            process.kill()
            process.wait(PATIENCE)


def _wait_listening(server: Running, port: int) -> None:
    for _ in range(int(START_SECONDS / 0.1)):
        assert server.process.poll() is None, server.text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        threading.Event().wait(0.1)
    raise AssertionError("the server does not listen")


def _wait_ready(server: Running) -> None:
    try:
        wait_ready(server.url, START_SECONDS)
    except httpx.TransportError as error:
        raise AssertionError(server.text()) from error


def ended(command: tuple[str, ...], said: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**environment(), **said},
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
    )


# Signals


def test_sigterm_lets_a_running_stream_end_refuses_the_next_and_exits_0() -> None:
    with started(HELD, {}) as server, httpx.Client(timeout=PATIENCE, trust_env=False) as http:
        server.permit()
        with http.stream("POST", server.url + CHAT, json=chat_body(stream=True)) as response:
            lines = response.iter_lines()
            assert any("first" in line for line in lines)
            server.process.send_signal(signal.SIGTERM)
            refused = _first_refusal(server.url)
            ready = httpx.get(f"{server.url}/ready", trust_env=False)
            health = httpx.get(f"{server.url}/health", trust_env=False)
            server.permit()
            rest = "".join(lines)
        assert server.process.wait(PATIENCE) == 0
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert (ready.status_code, ready.json()["state"], health.status_code) == (503, "draining", 200)
    assert "second" in rest and "[DONE]" in rest


def _first_refusal(url: str) -> httpx.Response:
    """The answer of `/v1/models` once it is a refusal: the signal takes a moment to arrive."""
    for _ in range(400):
        response = httpx.get(f"{url}/v1/models", trust_env=False, timeout=PATIENCE)
        if response.status_code != 200:
            return response
        threading.Event().wait(0.025)
    raise AssertionError("the server takes requests after SIGTERM")


def test_a_stream_that_outlasts_the_drain_does_not_keep_the_process() -> None:
    with (
        started(HELD, {"FRONTDESK_LLM_DRAIN_SECONDS": "0"}) as server,
        httpx.Client(timeout=PATIENCE, trust_env=False) as http,
    ):
        server.permit()
        with http.stream("POST", server.url + CHAT, json=chat_body(stream=True)) as response:
            lines = response.iter_lines()
            assert any("first" in line for line in lines)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(PATIENCE) == 0


def test_a_second_signal_ends_the_process_at_once() -> None:
    with started(HELD, {}) as server, httpx.Client(timeout=PATIENCE, trust_env=False) as http:
        server.permit()
        with http.stream("POST", server.url + CHAT, json=chat_body(stream=True)) as response:
            lines = response.iter_lines()
            assert any("first" in line for line in lines)
            server.process.send_signal(signal.SIGTERM)
            _first_refusal(server.url)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(PATIENCE) == 128 + signal.SIGTERM


def test_sigint_without_requests_exits_0() -> None:
    with started(HELD, {}) as server:
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(PATIENCE) == 0


# Its lines


def test_its_log_is_json_and_holds_neither_secret_nor_texts() -> None:
    with started(SERVE, {"FRONTDESK_LLM_MODEL": "echo", "FRONTDESK_LLM_SECRET": SECRET}) as server:
        answer = httpx.post(
            server.url + CHAT,
            json=chat_body(),
            headers={"Authorization": f"Bearer {SECRET}", "X-Turn-Id": "turn-3"},
            trust_env=False,
            timeout=PATIENCE,
        )
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        lines, text = server.lines(), server.text()
    assert answer.status_code == 200
    assert {"settings", "listening", "ready", "request", "draining", "stopped"} <= {line["event"] for line in lines}
    assert next(line for line in lines if line["event"] == "settings")["settings"]["secret"] == "***"
    assert next(line for line in lines if line["event"] == "request")["turn"] == "turn-3"
    assert SECRET not in text and "parcel" not in text


def test_its_log_can_be_plain() -> None:
    with started(HELD, {"FRONTDESK_LOG_FORMAT": "plain"}) as server:
        text = server.text()
    assert " INFO llm_component.server.process listening" in text


def test_its_log_begins_at_the_level_that_is_set() -> None:
    with started(HELD, {"FRONTDESK_LOG_LEVEL": "error"}) as server:
        text = server.text()
    assert text == ""


# What cannot work


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"FRONTDESK_LLM_ENGINE": "warp"}, "FRONTDESK_LLM_ENGINE=warp is unknown"),
        ({"FRONTDESK_LLM_HOST": "0.0.0.0"}, "FRONTDESK_LLM_HOST=0.0.0.0 lets other machines in"),
        ({"FRONTDESK_LLM_MODEL": "upstream:ftp://x"}, "after upstream: comes an http"),
    ],
)
def test_a_wrong_setting_ends_it_with_one_sentence_and_status_2(said: dict[str, str], sentence: str) -> None:
    result = ended(SERVE, said)
    assert result.returncode == 2
    assert sentence in result.stderr and result.stderr.count("\n") == 1


def test_a_port_that_is_taken_ends_it_with_one_sentence_and_status_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = ended(SERVE, {"FRONTDESK_LLM_PORT": port, "FRONTDESK_LOG_LEVEL": "error"})
    assert (result.returncode, result.stderr) == (
        2,
        f"llm_component serve: cannot listen on 127.0.0.1:{port}: Address already in use\n",
    )


def test_a_model_that_does_not_load_ends_it_with_a_sentence_and_status_2(tmp_path: Path) -> None:
    result = ended(SERVE, {"FRONTDESK_LLM_MODEL": str(tmp_path), "FRONTDESK_LLM_PORT": str(free_port())})
    assert result.returncode == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("llm_component serve: ") and str(tmp_path) in last
    assert "Traceback" not in result.stderr


# Settings


def arguments(*flags: str) -> Any:
    import argparse

    from llm_component.cli import serve

    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    return parser.parse_args(flags)


def test_flags_stand_above_the_environment() -> None:
    said = settings_of(arguments("--port", "5999", "--no-speculation"), environment(port="5007", max_rows="4"))
    assert (said.port, said.max_rows, said.speculation) == (5999, 4, False)


def test_a_wrong_flag_is_refused_as_the_setting_is() -> None:
    with pytest.raises(SettingsError, match="FRONTDESK_LLM_PORT=x must be a whole number"):
        settings_of(arguments("--port", "x"), {})


@pytest.mark.parametrize("flag", ["--secret", "--upstream-key"])
def test_secrets_are_no_flags(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(flag, "x")
    assert "unrecognized arguments" in capsys.readouterr().err


def test_the_verbs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    assert "serve" in capsys.readouterr().out


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.2"])
def test_this_machine_alone_needs_no_secret(host: str) -> None:
    refuse_open_port(settings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "llm.example.com"])
def test_other_machines_need_one(host: str) -> None:
    with pytest.raises(SettingsError, match="lets other machines in"):
        refuse_open_port(settings(host=host))


@pytest.mark.parametrize("said", [{"secret": "x"}, {"allow_open": True}])
def test_with_a_secret_or_on_purpose_other_machines_are_let_in(said: dict[str, Any]) -> None:
    refuse_open_port(settings(host="0.0.0.0", **said))
