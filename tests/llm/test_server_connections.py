"""What a stranger can make the server keep: endless bodies, endless headers, connections without a request."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest

from llm_component.server import connections
from llm_component.server.app import make_app
from tests.llm.serving import PATIENCE, DirectedEngine, raw_post, running, settings

PORTION = b"10000\r\n" + b" " * 65536 + b"\r\n"
MOST_PORTIONS = 2000  # 130 MB


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(make_app(settings(secret="a secret", max_body_bytes=1000), DirectedEngine())) as address:
        yield address


def closed_after(connection: socket.socket) -> int:
    """Portions of a chunked body that the server takes until it closes the connection."""
    for sent in range(MOST_PORTIONS):
        try:
            connection.sendall(PORTION)
        except OSError:
            return sent
    return MOST_PORTIONS


@pytest.mark.parametrize("secret", ["a secret", "another"], ids=["known", "stranger"])
def test_an_endless_body_ends_the_connection(url: str, secret: str) -> None:
    headers = ("Transfer-Encoding: chunked", f"Authorization: Bearer {secret}")
    with raw_post(url, "/v1/answers", b"", *headers) as connection:
        assert closed_after(connection) < MOST_PORTIONS


def test_a_probe_with_an_endless_body_ends_the_connection(url: str) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: server\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert closed_after(connection) < MOST_PORTIONS


def test_an_endless_header_ends_the_connection(url: str) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: server\r\nX-Long: ")
        with pytest.raises(OSError):
            for _ in range(MOST_PORTIONS):
                connection.sendall(b"a" * 65536)


def test_a_connection_without_a_request_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.05)
    with running(make_app(settings(), DirectedEngine())) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
            connection.sendall(b"POST /v1/ans")
            assert connection.recv(1) == b""


def test_a_kept_connection_with_half_a_header_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(make_app(settings(), DirectedEngine())) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
            for _ in range(2):
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: server\r\n\r\n")
                answer = HTTPResponse(connection)  # head and body may come apart
                answer.begin()
                assert answer.status == 200
                answer.read()
            monkeypatch.setattr(connections, "HEAD_SECONDS", 0.05)
            connection.sendall(b"POST /v1/ans")
            assert connection.recv(1) == b""


def test_a_client_with_the_wrong_secret_is_told_so_whatever_it_sends(url: str) -> None:
    headers = ("Content-Length: 500000", "Authorization: Bearer another")
    with raw_post(url, "/v1/answers", b" " * 500_000, *headers) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 401")
