"""A Redis for the tests, on a free port and in memory; without a redis-server on PATH they are skipped."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.processes import PreparationFailed, free_port
from tools.services import LOOPBACK

BINARY = shutil.which("redis-server")
NEEDED = pytest.mark.skipif(
    BINARY is None, reason="there is no redis-server on PATH (Debian: apt install redis-server)"
)
READY = "Ready to accept connections"


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Gives the URL of a Redis that lives as long as the block."""
    assert BINARY is not None
    port = free_port()
    command = [
        BINARY,
        "--port",
        str(port),
        "--bind",
        LOOPBACK,
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if READY in line:
                break
        else:
            raise PreparationFailed(f"redis-server did not start:\n{''.join(said)}")
        yield f"redis://{LOOPBACK}:{port}/0"
    finally:
        process.terminate()
        process.communicate(timeout=10)
