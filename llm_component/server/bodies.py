"""Reading request bodies and writing JSON responses."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from llm_component.server.errors import ApiError, ClientGone

# A body that takes longer to arrive is not coming: the connection's place is needed.
ARRIVAL_SECONDS = 30.0
# A client that is still sending reads no answer, so what is over the limit is read and thrown away, up to here.
DISCARDED_BYTES = 16_000_000
DISCARD_SECONDS = 2.0

T = TypeVar("T")


async def read_json(request: Request, kind: type[T], max_bytes: int) -> T:
    """The request's body as `kind`.

    Raises:
        ApiError: 415 for what does not call itself JSON, 413 for more than `max_bytes`, 400 for what is not JSON, 408
            for a body that does not arrive.
        msgspec.ValidationError: a field is missing or of another type; the message holds the path to it.
        ClientGone: the connection closed while the body was read.
    """
    _require_json(request)
    try:
        body = await asyncio.wait_for(_read(request, max_bytes), ARRIVAL_SECONDS)
    except asyncio.TimeoutError:
        raise ApiError(408, f"The body did not arrive within {ARRIVAL_SECONDS:g} seconds.", "too_slow") from None
    except ClientDisconnect:
        raise ClientGone from None
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise ApiError(400, f"The body is not JSON: {reason}", "invalid_json") from None


def json_response(value: Any, status: int = 200) -> Response:
    """A response with `value` as JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _require_json(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, "Send the body as JSON, with Content-Type: application/json.", "unsupported_media_type")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise ApiError(415, "Send the body uncompressed, without Content-Encoding.", "unsupported_media_type")


async def _read(request: Request, max_bytes: int) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_bytes:
        await _discard(request, 0)
        raise _too_large(max_bytes)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            chunks.clear()
            await _discard(request, size)
            raise _too_large(max_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(max_bytes: int) -> ApiError:
    return ApiError(413, f"The body is larger than {max_bytes} bytes.", "too_large")


async def _discard(request: Request, size: int) -> None:
    async def rest() -> None:
        discarded = size
        more = True
        while more and discarded < DISCARDED_BYTES:
            message = await request.receive()
            discarded += len(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)

    try:
        await asyncio.wait_for(rest(), DISCARD_SECONDS)
    except asyncio.TimeoutError:
        return  # the answer goes out all the same; the connection closes after it
