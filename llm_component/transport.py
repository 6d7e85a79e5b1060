"""HTTP to a server that generates: a deadline on every wait, one retry before the first byte, bodies in portions."""

from __future__ import annotations

import asyncio
import email.utils
import logging
import random
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Literal

import anyio
import httpx

logger = logging.getLogger(__name__)

# Below the 5 s after which uvicorn closes an idle connection, so that none is used while the server closes it.
KEEP_ALIVE_SECONDS = 4.0
RETRY_STATUSES = frozenset({429, 503})
LONGEST_JITTER_SECONDS = 0.25
RETRY_SHARE = 0.25  # waiting for the second try may take so much of the time left
MAX_BODY_BYTES = 8 * 1024 * 1024
# What is left to read of a finished stream arrives with its end; a connection that needs longer is closed instead.
_TAIL_SECONDS = 0.02
_ANY_ZLIB_HEADER = 47  # gzip's or zlib's, with the largest window
_PORTION_BYTES = 256 * 1024

Reason = Literal["unreachable", "timeout", "status", "broken"]


class CallFailed(RuntimeError):
    """An HTTP call did not give what it should.

    `reason`: "unreachable" no connection; "timeout" a time limit passed; "status" the answer is not 200 (then `status`,
    `body` and `retry_after` say more); "broken" the connection died or what came is not HTTP.
    """

    def __init__(
        self, reason: Reason, message: str, *, status: int = 0, body: bytes = b"", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.status = status
        self.body = body
        self.retry_after = retry_after


def retry_after_seconds(value: str | None, now: float | None = None) -> float | None:
    """Seconds that a `Retry-After` header asks for, in either of its forms (RFC 9110, section 10.2.3).

    None where it is missing or unreadable; never negative. `now` is the time as `time.time()` has it.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        when = email.utils.parsedate_to_datetime(value)
        return max(0.0, when.timestamp() - (time.time() if now is None else now))
    except (TypeError, ValueError, OverflowError):
        return None


class Body:
    """The body of an open answer. Whoever has one closes it; closing before the end closes the connection."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._chunks = _plain(response)
        self.content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def next(self, seconds: float | None) -> bytes | None:
        """The next portion, decompressed; None at the end. Raises `CallFailed`, "timeout" after `seconds`."""
        chunk: bytes | None = b""
        try:
            with anyio.move_on_after(seconds) as scope:
                chunk = await self._next()
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise CallFailed("broken", f"the connection broke while the answer was read ({_named(error)})") from error
        if scope.cancelled_caught:
            raise CallFailed("timeout", f"no more of the answer came within {seconds:.1f} s")
        return chunk

    async def read(self, deadline: float | None, clock: Callable[[], float], limit: int = MAX_BODY_BYTES) -> bytes:
        """All of it. Raises `CallFailed`."""
        whole = bytearray()
        while True:
            chunk = await self.next(None if deadline is None else max(0.0, deadline - clock()))
            if chunk is None:
                return bytes(whole)
            whole += chunk
            if len(whole) > limit:
                raise CallFailed("broken", f"the answer is longer than {limit} bytes")

    async def finish(self) -> None:
        """Reads the little that follows the end of a stream, so that the connection can be used again."""
        try:
            with anyio.move_on_after(_TAIL_SECONDS):
                while await self._next() is not None:
                    pass
        except (httpx.HTTPError, httpx.StreamError):
            return  # everything that was wanted is here; the connection is closed with the answer

    async def _next(self) -> bytes | None:
        async for chunk in self._chunks:
            return chunk
        return None

    async def aclose(self) -> None:
        """Ends reading."""
        closing = getattr(self._chunks, "aclose", None)
        if closing is not None:
            await closing()
        await self._response.aclose()


class Transport:
    """Calls one base URL. Connections belong to an event loop: on another loop new ones are made.

    Args:
        base_url: with or without a path; a user and a password in it are sent as basic authentication.
        key: sent as `Authorization: Bearer`.
        connect_seconds: time for a connection, DNS and TLS included.
        clock: the clock of all deadlines.
        sleep, jitter: how a retry waits; `jitter` gives 0 to 1.
        http: takes the place of the network in tests.
        on_retry: told before a second try why the first failed: a reason of `CallFailed`, or the status.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        *,
        connect_seconds: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        http: httpx.AsyncBaseTransport | None = None,
        on_retry: Callable[[str], None] | None = None,
    ) -> None:
        self._on_retry = on_retry
        url = httpx.URL(base_url)
        self._auth = httpx.BasicAuth(url.username, url.password) if url.userinfo and not key else None
        self._url = url.copy_with(username=None, password=None)
        self.shown_url = str(self._url).rstrip("/")
        self._secrets = tuple(filter(None, (key, url.password)))
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._timeout = httpx.Timeout(None, connect=connect_seconds)
        # A proxy of the environment is for the world outside, not for a server on this machine.
        self._trust_environment = url.host not in ("localhost", "127.0.0.1", "::1")
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._http = http
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def scrub(self, text: str) -> str:
        """`text` without key and password."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    async def open(
        self,
        method: str,
        path: str,
        content: Callable[[], bytes] | None = None,
        *,
        deadline: float | None,
        first_byte_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
        retry: bool = True,
    ) -> Body:
        """Sends a request and gives the body of an answer with status 200.

        Where no connection comes about, or the status is 429 or 503, it is sent a second time, if `retry` and the
        deadline allow: after a random short wait, or after what `Retry-After` asks for.

        Args:
            content: makes the JSON body; called anew for the second try.
            deadline: by the clock; None: none.
            first_byte_seconds: time from sending to the answer's head, for each try.

        Raises:
            CallFailed: see there.
        """
        try:
            return await self._open_once(method, path, content, deadline, first_byte_seconds, headers)
        except CallFailed as failure:
            if not retry or not (failure.reason == "unreachable" or failure.status in RETRY_STATUSES):
                raise
            wait = self._jitter() * LONGEST_JITTER_SECONDS + (failure.retry_after or 0.0)
            if deadline is not None and wait > RETRY_SHARE * (deadline - self._clock()):
                raise
            said = str(failure)
            if self._on_retry is not None:
                self._on_retry(str(failure.status) if failure.status else failure.reason)
        logger.info("%s; trying once more in %.2f s", said, wait)
        await self._sleep(wait)
        return await self._open_once(method, path, content, deadline, first_byte_seconds, headers)

    async def _open_once(
        self,
        method: str,
        path: str,
        content: Callable[[], bytes] | None,
        deadline: float | None,
        first_byte_seconds: float | None,
        headers: Mapping[str, str] | None,
    ) -> Body:
        client = self._on_this_loop()
        all_headers = {**self._headers, **(headers or {})}
        body = None
        if content is not None:
            body = content()
            all_headers["Content-Type"] = "application/json"
        request = client.build_request(method, f"{self.shown_url}{path}", content=body, headers=all_headers)
        limits = [first_byte_seconds] if first_byte_seconds is not None else []
        if deadline is not None:
            limits.append(max(0.0, deadline - self._clock()))
        seconds = min(limits) if limits else None
        response: httpx.Response | None = None
        try:
            with anyio.move_on_after(seconds):
                response = await client.send(request, stream=True, auth=self._auth)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            text = f"{self.shown_url} cannot be reached ({_named(error)})"
            raise CallFailed("unreachable", self.scrub(text)) from error
        except httpx.HTTPError as error:
            text = f"{self.shown_url} closed the connection without an answer ({_named(error)})"
            raise CallFailed("broken", self.scrub(text)) from error
        if response is None:
            raise CallFailed("timeout", f"{self.shown_url} gave no answer within {seconds:.1f} s")
        answer = Body(response)
        if response.status_code == 200:
            return answer
        try:
            said = await answer.read(deadline, self._clock, limit=64 * 1024)
        except CallFailed:
            said = b""  # the status says enough
        finally:
            await answer.aclose()
        raise CallFailed(
            "status",
            f"{self.shown_url} answered {response.status_code}",
            status=response.status_code,
            body=self.scrub(said.decode("utf-8", errors="replace")).encode(),
            retry_after=retry_after_seconds(response.headers.get("retry-after")),
        )

    def _on_this_loop(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            # Connections of another loop cannot even be closed from here; they end with their sockets.
            self._loop = loop
            self._client = httpx.AsyncClient(
                timeout=self._timeout,
                transport=self._http,
                trust_env=self._trust_environment,
                limits=httpx.Limits(
                    max_connections=None, max_keepalive_connections=64, keepalive_expiry=KEEP_ALIVE_SECONDS
                ),
                # Compressing a stream makes proxies hold it back.
                headers={"Accept-Encoding": "identity"},
            )
        return self._client

    async def aclose(self) -> None:
        """Closes all connections."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()


async def _plain(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body, decompressed where it is compressed although nobody asked for that: in portions of a bounded size,
    because a few bytes of gzip can stand for gigabytes. Raises `httpx.DecodingError`.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        async for raw in response.aiter_raw():
            yield raw
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise httpx.DecodingError(f"the answer is compressed by {encoding[:20]!r}")
    decoder = zlib.decompressobj(_ANY_ZLIB_HEADER)
    try:
        async for raw in response.aiter_raw():
            while raw:
                if plain := decoder.decompress(raw, _PORTION_BYTES):
                    yield plain
                raw = decoder.unconsumed_tail
    except zlib.error as error:
        raise httpx.DecodingError(f"the answer cannot be decompressed: {error}") from error


def _named(error: Exception) -> str:
    said = str(error).strip()
    return f"{type(error).__name__}: {said[:200]}" if said else type(error).__name__
