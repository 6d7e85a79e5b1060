"""Small real processes that stand in for the servers, and free ports for them."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.services import Service

PATIENCE_SECONDS = 20.0  # on a busy machine; a test that passes does not wait for it

# Answers 200 on its port. It ends with status 3 when the file named by its second argument appears; "stubborn" ignores
# SIGTERM; "parent" starts a child that would outlive it, and writes the child's id to the file named last.
SERVER = """
import http.server, os, signal, subprocess, sys, threading, time
port, end, *modes = sys.argv[1:]
if "stubborn" in modes:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "parent" in modes:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(modes[-1], "w") as file:
        file.write(str(child.pid))
print("serving", flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
def wait_for_end():
    while not os.path.exists(end):
        time.sleep(0.02)
    print("the disk is full", flush=True)
    os._exit(3)
threading.Thread(target=wait_for_end, daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
"""


@pytest.fixture
def server_script(tmp_path: Path) -> Path:
    path = tmp_path / "server.py"
    path.write_text(SERVER)
    return path


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Gives a port that nothing listens on."""

    def give() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return give


@pytest.fixture
def service(tmp_path: Path, server_script: Path, free_port: Callable[[], int]) -> Iterator[Callable[..., Service]]:
    """Makes a service of the small server; the file `<name>.end` in the test's folder ends it."""
    names: list[str] = []

    def make(name: str, *modes: str) -> Service:
        port = free_port()
        names.append(name)
        return Service(
            name=name,
            command=(sys.executable, str(server_script), str(port), str(tmp_path / f"{name}.end"), *modes),
            port=port,
            port_variable=f"{name.upper()}_PORT",
            ready_url=f"http://127.0.0.1:{port}/",
            log=tmp_path / f"{name}.log",
        )

    yield make
    for name in names:  # whatever a failed test left running
        (tmp_path / f"{name}.end").touch()


@pytest.fixture
def eventually() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Waits until a condition holds; fails if it never does."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it never came to that"
            time.sleep(0.02)

    yield wait
