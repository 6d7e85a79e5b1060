"""A server at the border of the process under test: says, over real sockets, whatever a test has written for it.

It plays an OpenAI-compatible server, or the component's own `/v1/answers`, with all that can go wrong: silence, a
connection that dies half-way, garbage, error statuses, bytes that trickle.

    with FakeUpstream() as upstream:
        upstream.script(status(429, headers={"Retry-After": "0"}), chat("It takes ", "3 days."))
        ... upstream.url ...
        upstream.requests[0].json

Needs only the standard library. Other processes are given a server of their own:

    python -m tests.llm.fake_upstream --port 5099 --reply FILE [--log FILE]

`--reply`: a text file, sent word by word as one reply to everything; or, where the name ends in .json, an object as
`reply_from` takes it, or a list of them of which each serves one request and the last all further ones. It is read anew
for each request, so that a test can change it. `--log`: a line of JSON for each request and each portion sent, with
`time.time()` and `time.monotonic()`.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip as gzip_module
import json
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

MODEL = "fake-model"


@dataclass(frozen=True)
class Pause:
    """Seconds without a byte."""

    seconds: float


class Hang:
    """No further byte until the client goes away."""


class Reset:
    """The connection breaks off with RST."""


Step = bytes | Pause | threading.Event | Hang | Reset


@dataclass(frozen=True)
class Reply:
    """A status line, headers and the steps of the body; without `head` nothing but the steps is sent.

    The body goes out chunked and is ended properly only where `complete`.
    """

    steps: tuple[Step, ...] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    head: bool = True
    complete: bool = True


@dataclass(frozen=True)
class Seen:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


# Replies ------------------------------------------------------------------------------------------------------------


def sse(*steps: str | Step, **changes: Any) -> Reply:
    """A stream of Server-Sent Events: strings become `data:` events, bytes go out as they are."""
    raw = tuple(f"data: {step}\n\n".encode() if isinstance(step, str) else step for step in steps)
    return replace(Reply(raw, headers={"Content-Type": "text/event-stream; charset=utf-8"}), **changes)


def chunk(text: str | None = None, finish: str | None = None, usage: dict[str, int] | None = None) -> str:
    """One chunk of a chat completion, as JSON; with `usage` alone it is the one without choices."""
    content: dict[str, Any] = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": MODEL}
    content["choices"] = (
        []
        if usage is not None
        else [{"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}]
    )
    if usage is not None:
        content["usage"] = {**usage, "total_tokens": sum(usage.values())}
    return json.dumps(content, ensure_ascii=False)


def role_chunk() -> str:
    """The first chunk: who speaks."""
    content = json.loads(chunk(""))
    content["choices"][0]["delta"] = {"role": "assistant", "content": ""}
    return json.dumps(content)


def chat(*texts: str, pause: float = 0.0, finish: str = "stop", usage: bool = True) -> Reply:
    """A complete streamed chat completion."""
    steps: list[Any] = [role_chunk()]
    for text in texts:
        if pause:
            steps.append(Pause(pause))
        steps.append(chunk(text))
    steps.append(chunk(finish=finish))
    if usage:
        steps.append(chunk(usage={"prompt_tokens": 11, "completion_tokens": len(texts)}))
    return sse(*steps, "[DONE]")


def json_reply(content: Any, code: int = 200, **headers: str) -> Reply:
    """A JSON body; `headers` with underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply((json.dumps(content).encode(),), code, {"Content-Type": "application/json", **named})


def chat_json(text: str, finish: str = "stop") -> Reply:
    """A complete chat completion in one JSON body."""
    message = {"role": "assistant", "content": text}
    return json_reply(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13},
        }
    )


def status(code: int, message: str = "as the test wants it", headers: dict[str, str] | None = None) -> Reply:
    """An error in OpenAI's form."""
    reply = json_reply({"error": {"message": message, "type": "error", "code": None, "param": None}}, code)
    return replace(reply, headers={**reply.headers, **(headers or {})})


def models(*names: str, **fields: Any) -> Reply:
    """What `/v1/models` lists; `fields` are added to each entry."""
    return json_reply({"object": "list", "data": [{"id": name, "object": "model", **fields} for name in names]})


def hang() -> Reply:
    """Takes the request and says nothing."""
    return Reply((Hang(),), head=False)


def hang_after(*texts: str) -> Reply:
    """Says something, then nothing more."""
    return sse(role_chunk(), *(chunk(text) for text in texts), Hang())


def dies_after(*texts: str) -> Reply:
    """Breaks the connection off in the middle of an event."""
    return sse(role_chunk(), *(chunk(text) for text in texts), chunk("cut").encode()[:20], Reset())


def ends_after(*texts: str) -> Reply:
    """Ends the body as if all were well, without a finish reason and without [DONE]."""
    return sse(role_chunk(), *(chunk(text) for text in texts))


def closes_at_once() -> Reply:
    """Closes the connection without a byte."""
    return Reply(head=False)


def resets_at_once() -> Reply:
    """Breaks the connection off without a byte."""
    return Reply((Reset(),), head=False)


def garbage() -> Reply:
    """A stream whose event is not JSON."""
    return sse(role_chunk(), '{"choices": [{"delta": {"conte', "[DONE]")


def not_http() -> Reply:
    """Bytes that are no HTTP."""
    return Reply((b"\x16\x03\x01 220 mail.example.com ESMTP\r\n\r\n",), head=False)


def trickle(text: str, seconds: float) -> Reply:
    """A complete answer, one byte at a time with `seconds` before each."""
    whole = b"".join(step for step in chat(text).steps if isinstance(step, bytes))
    steps: list[Step] = []
    for place in range(len(whole)):
        steps += [Pause(seconds), whole[place : place + 1]]
    return sse(*steps)


def gzipped(reply: Reply) -> Reply:
    """The same, compressed although nobody asked for it."""
    whole = b"".join(step for step in reply.steps if isinstance(step, bytes))
    return replace(reply, steps=(gzip_module.compress(whole),), headers={**reply.headers, "Content-Encoding": "gzip"})


def huge_line(size: int) -> Reply:
    """One event of `size` bytes without an end."""
    block = b"x" * 65536
    return sse(b"data: ", *([block] * (size // len(block) + 1)))


def reply_from(content: dict[str, Any]) -> Reply:
    """A reply from JSON, for servers in processes of their own.

    `{"text": "...", "pause": 0.01}`: streamed word by word; `{"status": 429, "headers": {}, "message": "..."}`;
    `{"hang": true}`, `{"hang_after": "..."}`, `{"dies_after": "..."}`, `{"ends_after": "..."}`, `{"garbage": true}`,
    `{"closes": true}`, `{"json": ...}`.
    """
    for name, made in _FROM_TEXT.items():
        if name in content:
            return made(*words(content[name]))
    for name, plain in _PLAIN.items():
        if content.get(name):
            return plain()
    if "status" in content:
        return status(content["status"], content.get("message", "as the test wants it"), content.get("headers"))
    if "json" in content:
        return json_reply(content["json"])
    return chat(*words(content["text"]), pause=content.get("pause", 0.0), finish=content.get("finish", "stop"))


_FROM_TEXT: dict[str, Callable[..., Reply]] = {
    "hang_after": hang_after,
    "dies_after": dies_after,
    "ends_after": ends_after,
}
_PLAIN: dict[str, Callable[[], Reply]] = {"hang": hang, "garbage": garbage, "closes": closes_at_once}


def words(text: str) -> list[str]:
    """The words with the space before each."""
    parts = text.split(" ")
    return [part if place == 0 else f" {part}" for place, part in enumerate(parts)]


# The server ---------------------------------------------------------------------------------------------------------


class FakeUpstream:
    """Serves in a thread of its own; `with` starts and stops it.

    Attributes:
        requests: what came in, `/v1/models` and other GET requests left out.
        gets: paths of GET requests.
        connections: how many were accepted.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        choose: Callable[[Seen], Reply] | None = None,
        on_event: Callable[[str], None] | None = None,
    ) -> None:
        self.requests: list[Seen] = []
        self.gets: list[Seen] = []
        self.connections = 0
        self.models: Reply = models(MODEL)
        self._port = port
        self._choose = choose
        self._on_event = on_event
        self._script: list[Reply] = []
        self._default = chat("It ", "takes ", "3 ", "days.")
        self._gone = threading.Semaphore(0)
        self._arrived = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.AbstractServer | None = None
        self._thread = threading.Thread(target=self._serve, name="fake upstream", daemon=True)

    @property
    def url(self) -> str:
        """The base URL, without `/v1`."""
        return f"http://127.0.0.1:{self._port}"

    def script(self, *replies: Reply) -> None:
        """The replies to the next POST requests; after them comes the default again."""
        with self._lock:
            self._script.extend(replies)

    def default(self, reply: Reply) -> None:
        """The reply where the script has none."""
        self._default = reply

    def wait_for_request(self, seconds: float = 10.0) -> bool:
        """Waits until a further POST request has arrived; False if none does."""
        return self._arrived.acquire(timeout=seconds)

    def wait_for_disconnect(self, seconds: float = 10.0) -> bool:
        """Waits until a client has gone away before its answer had ended; False if none does."""
        return self._gone.acquire(timeout=seconds)

    def __enter__(self) -> FakeUpstream:
        self._thread.start()
        if not self._started.wait(10):
            raise RuntimeError("the fake upstream did not start")
        return self

    def __exit__(self, *details: object) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopping.wait()
        self._server.close()

    def _stop(self) -> None:
        self._stopping.set()

    def _event(self, name: str) -> None:
        if self._on_event is not None:
            self._on_event(name)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                seen = await _read_request(reader)
                if seen is None:
                    return
                if not await self._answer(seen, reader, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def _reply_to(self, seen: Seen) -> Reply:
        with self._lock:
            if seen.method == "GET":
                self.gets.append(seen)
                if seen.path.endswith("/models"):
                    return self.models
                return json_reply({"status": "ok"})
            self.requests.append(seen)
            self._arrived.release()
            if self._script:
                return self._script.pop(0)
        return self._choose(seen) if self._choose is not None else self._default

    async def _answer(self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """True if the connection can be used again."""
        self._event(f"request {seen.method} {seen.path}")
        reply = self._reply_to(seen)
        gone = asyncio.create_task(reader.read(1))  # ends only when the client goes away: none of ours pipelines
        sending = asyncio.create_task(self._send(reply, writer))
        try:
            await asyncio.wait([gone, sending], return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                self._gone.release()
                self._event("client gone")
                return False
            if not sending.result():
                return False
        finally:
            sending.cancel()
            gone.cancel()
            await asyncio.wait([gone, sending])
        return reply.head and reply.complete

    async def _send(self, reply: Reply, writer: asyncio.StreamWriter) -> bool:
        if reply.head:
            names = {"Transfer-Encoding": "chunked", **reply.headers}
            lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{name}: {value}" for name, value in names.items())]
            writer.write("\r\n".join([*lines, "", ""]).encode())
        for step in reply.steps:
            if isinstance(step, bytes):
                writer.write(b"%x\r\n%b\r\n" % (len(step), step) if reply.head else step)
                await writer.drain()
                self._event("sent " + step.decode("utf-8", errors="replace")[:300])
            elif isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            elif isinstance(step, threading.Event):
                await asyncio.get_running_loop().run_in_executor(None, step.wait, 10)
            elif isinstance(step, Reset):
                writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return False
            else:
                await asyncio.Event().wait()
        if reply.head and reply.complete:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


async def _read_request(reader: asyncio.StreamReader) -> Seen | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method, path, headers, body)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--reply", type=Path, required=True)
    parser.add_argument("--log", type=Path)
    options = parser.parse_args(arguments)
    served = 0

    def choose(seen: Seen) -> Reply:
        nonlocal served
        text = options.reply.read_text(encoding="utf-8")
        if options.reply.suffix != ".json":
            return chat(*words(text.strip()))
        content = json.loads(text)
        replies = content if isinstance(content, list) else [content]
        served += 1
        return reply_from(replies[min(served, len(replies)) - 1])

    def log(event: str) -> None:
        line = json.dumps({"time": time.time(), "monotonic": time.monotonic(), "event": event})
        with options.log.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    with FakeUpstream(port=options.port, choose=choose, on_event=log if options.log else None) as upstream:
        print(f"fake upstream on {upstream.url}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
