"""The upstream engine against a server over real sockets: what it asks for, gives, and says when things go wrong."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import REGISTRY

from llm_component.engines.interface import (
    DeadlineExceeded,
    EngineError,
    EngineUnavailable,
    GenerationRequest,
    Message,
    Overloaded,
    Piece,
    RequestRefused,
    Sampling,
    UpstreamFailed,
    Usage,
    complete,
)
from llm_component.engines.upstream import UpstreamEngine
from llm_component.engines.upstream_server import UNKNOWN_CONTEXT_TOKENS
from tests.llm.fake_upstream import (
    MODEL,
    FakeUpstream,
    Reply,
    chat,
    chat_json,
    chunk,
    closes_at_once,
    dies_after,
    ends_after,
    garbage,
    gzipped,
    hang,
    hang_after,
    huge_line,
    models,
    not_http,
    resets_at_once,
    role_chunk,
    sse,
    status,
    trickle,
)

SOON = 0.3  # seconds; deadline of requests that a server lets hang
KEY = "sk-very-secret"


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server


@pytest.fixture
async def engine(upstream: FakeUpstream) -> AsyncIterator[UpstreamEngine]:
    made = engine_for(upstream)
    yield made
    await made.close()


async def no_sleep(seconds: float) -> None:
    return None


def engine_for(upstream: FakeUpstream | str, **options: Any) -> UpstreamEngine:
    url = upstream if isinstance(upstream, str) else upstream.url
    return UpstreamEngine(url, **{"model": MODEL, "key": KEY, "sleep": no_sleep, **options})


def request(seconds: float | None = 20.0, **options: Any) -> GenerationRequest:
    sampling = Sampling(**options.pop("sampling", {}))
    deadline = None if seconds is None else time.monotonic() + seconds
    return GenerationRequest((Message("user", "How long does it take?"),), sampling, deadline, **options)


async def pieces_until_error(engine: UpstreamEngine, wanted: GenerationRequest) -> tuple[str, EngineError]:
    text = ""
    try:
        async for piece in engine.stream(wanted):
            text += piece.text
    except EngineError as error:
        return text, error
    raise AssertionError("no error was raised")


# What goes well ----------------------------------------------------------------------------------------------------


async def test_a_stream_comes_piece_by_piece(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(chat("It takes ", "3 days."))
    assert [piece async for piece in engine.stream(request())] == [
        Piece("It takes "),
        Piece("3 days."),
        Piece("", "stop", Usage(11, 2)),
    ]


async def test_a_piece_is_there_before_the_next_one_is_sent(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(hang_after("It takes "))
    async with aclosing(engine.stream(request())) as pieces:
        assert (await anext(pieces)).text == "It takes "


async def test_the_reason_length_is_passed_on(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(chat("It ", finish="length"))
    assert (await complete(engine, request())).finish_reason == "length"


async def test_without_usage_it_is_estimated(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(chat("It takes ", "3 days.", usage=False))
    wanted = request()
    assert (await complete(engine, wanted)).usage == Usage(engine.count_tokens(wanted.messages), 2)


async def test_done_is_not_needed_after_a_finish_reason(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(sse(role_chunk(), chunk("Yes."), chunk(finish="stop")))
    assert (await complete(engine, request())).text == "Yes."


async def test_a_finish_reason_is_not_needed_before_done(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(sse(role_chunk(), chunk("Yes."), "[DONE]"))
    assert (await complete(engine, request())).finish_reason == "stop"


async def test_an_answer_in_one_json_body_is_taken(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(chat_json("It takes 3 days."))
    assert await complete(engine, request()) == Piece("It takes 3 days.", "stop", Usage(11, 2))


async def test_a_compressed_stream_is_read(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(gzipped(chat("It takes ", "3 days.")))
    assert (await complete(engine, request())).text == "It takes 3 days."


async def test_a_compressed_answer_that_grows_without_end_is_given_up(
    engine: UpstreamEngine, upstream: FakeUpstream
) -> None:
    upstream.script(gzipped(chat_json("a" * 50_000_000)))  # 50 kB on the wire
    with pytest.raises(UpstreamFailed, match="longer than"):
        await complete(engine, request())


async def test_a_compression_that_nobody_asked_for_is_an_error(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    reply = chat("Yes.")
    upstream.script(replace(reply, headers={**reply.headers, "Content-Encoding": "br"}))
    with pytest.raises(UpstreamFailed):
        await complete(engine, request())


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"frontdesk_llm_{name}_total", labels) or 0.0


async def test_a_second_try_is_counted(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    before = counted("retries", reason="429")
    upstream.script(status(429), chat("Yes."))
    await complete(engine, request())
    assert counted("retries", reason="429") - before == 1


async def test_a_field_that_is_left_out_is_counted(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    before = counted("upstream_fields_left_out", field="stream_options")
    upstream.script(status(400, "Unrecognized request argument supplied: stream_options"), chat("Yes."))
    await complete(engine, request())
    assert counted("upstream_fields_left_out", field="stream_options") - before == 1


async def test_a_text_with_odd_line_separators_is_whole(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(chat("a\u2028b\u0085c"))
    assert (await complete(engine, request())).text == "a\u2028b\u0085c"


async def test_a_stream_cut_into_bytes_is_whole(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(trickle("£4.95", 0.0))
    assert (await complete(engine, request())).text == "£4.95"


async def test_the_connection_is_used_again(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    await complete(engine, request())
    await complete(engine, request())
    assert upstream.connections == 1


async def test_key_and_request_id_are_sent(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    await complete(engine, request(request_id="turn-7"))
    headers = upstream.requests[0].headers
    assert (headers["authorization"], headers["x-request-id"]) == (f"Bearer {KEY}", "turn-7")


async def test_stop_strings_beyond_the_fourth_cut_here(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(chat("It takes ", "3 da", "ys."))
    wanted = request(sampling={"stop": ("a", "b", "c", "d", "days")})
    assert (await complete(engine, wanted)).text == "It takes 3 "


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
async def test_the_version_in_the_address_is_added_where_it_is_missing(upstream: FakeUpstream, path: str) -> None:
    await complete(engine_for(upstream.url + path), request())
    assert upstream.requests[0].path == "/v1/chat/completions"


# What a server does not take ---------------------------------------------------------------------------------------


async def test_a_server_without_stream_options_is_asked_without(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(status(400, "Unrecognized request argument supplied: stream_options"), chat("Yes."))
    assert (await complete(engine, request())).text == "Yes."


async def test_what_a_server_refused_once_is_not_sent_again(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(status(400, "Unrecognized request argument supplied: stream_options"))
    await complete(engine, request())
    await complete(engine, request())
    assert ["stream_options" in seen.json for seen in upstream.requests] == [True, False, False]


async def test_a_400_about_something_else_is_the_requests_fault(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(status(400, "the prompt is too long"))
    with pytest.raises(RequestRefused, match="the prompt is too long"):
        await complete(engine, request())


# The model ---------------------------------------------------------------------------------------------------------


async def test_the_first_listed_model_is_taken(upstream: FakeUpstream) -> None:
    upstream.models = models("one", "two")
    engine = engine_for(upstream, model="")
    await engine.start()
    await complete(engine, request())
    assert (engine.model_name, upstream.requests[0].json["model"]) == ("one", "one")


async def test_without_a_start_the_model_is_asked_for_when_it_is_needed(upstream: FakeUpstream) -> None:
    engine = engine_for(upstream, model="")
    await complete(engine, request())
    assert engine.model_name == MODEL


async def test_the_context_length_is_taken_from_the_list(upstream: FakeUpstream) -> None:
    upstream.models = models(MODEL, max_model_len=32768)
    engine = engine_for(upstream)
    await engine.start()
    assert engine.context_tokens == 32768


async def test_a_set_context_length_is_kept(upstream: FakeUpstream) -> None:
    upstream.models = models(MODEL, max_model_len=32768)
    engine = engine_for(upstream, context_tokens=2000)
    await engine.start()
    assert engine.context_tokens == 2000


async def test_an_unknown_context_length_is_taken_to_be_short(upstream: FakeUpstream) -> None:
    engine = engine_for(upstream)
    await engine.start()
    assert engine.context_tokens == UNKNOWN_CONTEXT_TOKENS


async def test_an_adapter_is_asked_for_by_its_name(upstream: FakeUpstream) -> None:
    upstream.models = models("shop", parent=MODEL)
    engine = engine_for(upstream)
    await complete(engine, request(adapter="shop"))
    assert upstream.requests[0].json["model"] == "shop"


async def test_an_unknown_adapter_is_refused_before_anything_is_sent(
    engine: UpstreamEngine, upstream: FakeUpstream
) -> None:
    with pytest.raises(RequestRefused, match="no adapter 'other'"):
        await complete(engine, request(adapter="other"))
    assert upstream.requests == []


async def test_a_list_that_cannot_be_read_is_no_reason_to_stop(upstream: FakeUpstream) -> None:
    upstream.models = models()
    engine = engine_for(upstream)
    await engine.start()
    assert "no list of models" in engine.status().reason


async def test_a_server_without_a_list_of_models_is_ready_if_the_name_is_set(upstream: FakeUpstream) -> None:
    upstream.models = status(404)
    engine = engine_for(upstream)
    await engine.start()
    assert engine.status().ready


# Faults ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "error", "text"),
    [
        (hang(), DeadlineExceeded, ""),
        (sse(role_chunk(), *hang_after().steps[1:]), DeadlineExceeded, ""),
        (dies_after("It takes "), UpstreamFailed, "It takes "),
        (ends_after("It takes "), UpstreamFailed, "It takes "),
        (closes_at_once(), UpstreamFailed, ""),
        (resets_at_once(), UpstreamFailed, ""),
        (garbage(), UpstreamFailed, ""),
        (not_http(), UpstreamFailed, ""),
        (sse("[1, 2]"), UpstreamFailed, ""),
        (sse('{"choices": [{"delta": {"content": ["x"]}}]}'), UpstreamFailed, ""),
        (sse('{"choices": "none"}'), UpstreamFailed, ""),
        (sse(chunk("It "), '{"error": {"message": "CUDA error", "code": 500}}'), UpstreamFailed, "It "),
        (sse('{"error": {"message": "queue", "code": 429}}'), Overloaded, ""),
        (Reply((b"<html>",), headers={"Content-Type": "text/html"}), UpstreamFailed, ""),
        (Reply((b"{",), headers={"Content-Type": "application/json"}), UpstreamFailed, ""),
        (
            Reply((b"junk",), headers={"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}),
            UpstreamFailed,
            "",
        ),
        (huge_line(5_000_000), UpstreamFailed, ""),
        (status(500), UpstreamFailed, ""),
        (status(401), EngineUnavailable, ""),
        (status(403), EngineUnavailable, ""),
        (status(404), EngineUnavailable, ""),
        (Reply(status=307, headers={"Location": "http://other.example.com/"}), UpstreamFailed, ""),
    ],
    ids=[
        "hangs before headers",
        "hangs before text",
        "dies half-way",
        "ends half-way",
        "closes at once",
        "resets at once",
        "garbage",
        "not http",
        "not a completion",
        "content is no text",
        "choices are no list",
        "error in the stream",
        "overload in the stream",
        "wrong content type",
        "broken json",
        "broken gzip",
        "huge line",
        "500",
        "401",
        "403",
        "404",
        "redirect",
    ],
)
async def test_a_fault_becomes_this_error_after_what_was_there(
    engine: UpstreamEngine, upstream: FakeUpstream, reply: Reply, error: type[EngineError], text: str
) -> None:
    upstream.script(reply)
    seconds = SOON if error is DeadlineExceeded else 20.0
    said, raised = await pieces_until_error(engine, request(seconds))
    assert (said, type(raised)) == (text, error)


async def test_what_is_there_at_the_deadline_is_kept(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(hang_after("It takes "))
    last = await complete(engine, request(SOON))
    assert (last.text, last.finish_reason) == ("It takes ", "deadline")


async def test_a_trickle_ends_at_the_deadline(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(trickle("It takes 3 days.", 0.02))
    with pytest.raises(DeadlineExceeded):
        await complete(engine, request(SOON))


async def test_silence_in_a_stream_is_a_failure_before_the_deadline(upstream: FakeUpstream) -> None:
    upstream.script(hang_after("It takes "))
    _, error = await pieces_until_error(engine_for(upstream, silence_seconds=SOON), request())
    assert isinstance(error, UpstreamFailed)


async def test_no_first_token_is_a_failure_before_the_deadline(upstream: FakeUpstream) -> None:
    upstream.script(hang())
    _, error = await pieces_until_error(engine_for(upstream, first_token_seconds=SOON), request())
    assert isinstance(error, UpstreamFailed)


async def test_without_a_deadline_the_engines_own_holds(upstream: FakeUpstream) -> None:
    upstream.script(hang())
    with pytest.raises(DeadlineExceeded):
        await complete(engine_for(upstream, total_seconds=SOON), request(None))


async def test_a_deadline_that_has_passed_sends_nothing(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    with pytest.raises(DeadlineExceeded):
        await complete(engine, request(-1.0))
    assert upstream.requests == []


async def test_an_upstream_that_lists_nothing_holds_nobody_beyond_the_deadline(upstream: FakeUpstream) -> None:
    upstream.models = hang()
    with pytest.raises(DeadlineExceeded):
        await complete(engine_for(upstream, model=""), request(SOON))


async def test_a_stream_that_does_not_close_ends_after_its_last_event(upstream: FakeUpstream) -> None:
    upstream.script(sse(*chat("Yes.").steps, *hang_after().steps[-1:]))
    assert (await complete(engine_for(upstream), request())).finish_reason == "stop"


# Trying again ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [429, 503])
async def test_an_overloaded_server_is_asked_once_more(
    engine: UpstreamEngine, upstream: FakeUpstream, code: int
) -> None:
    upstream.script(status(code), chat("Yes."))
    assert (await complete(engine, request())).text == "Yes."


async def test_twice_overloaded_is_overloaded(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(status(429), status(429, headers={"Retry-After": "7"}), chat("Yes."))
    with pytest.raises(Overloaded) as caught:
        await complete(engine, request(60.0))
    assert (caught.value.retry_after, len(upstream.requests)) == (7.0, 2)


async def test_the_second_try_waits_as_long_as_the_server_asks(upstream: FakeUpstream) -> None:
    upstream.script(status(429, headers={"Retry-After": "2"}))
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    await complete(engine_for(upstream, sleep=sleep, jitter=lambda: 0.4), request())
    assert waits == [pytest.approx(2.1)]


async def test_there_is_no_second_try_where_the_deadline_forbids_it(
    engine: UpstreamEngine, upstream: FakeUpstream
) -> None:
    upstream.script(status(429, headers={"Retry-After": "30"}))
    with pytest.raises(Overloaded):
        await complete(engine, request(20.0))
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("reply", [status(500), closes_at_once(), dies_after(), garbage(), status(400, "no")])
async def test_nothing_else_is_tried_twice(engine: UpstreamEngine, upstream: FakeUpstream, reply: Reply) -> None:
    upstream.script(reply, chat("Yes."))
    await pieces_until_error(engine, request())
    assert len(upstream.requests) == 1


async def test_a_server_that_is_down_is_tried_once_more() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    with pytest.raises(EngineUnavailable, match="cannot be reached"):
        await complete(engine_for(unused_url(), sleep=sleep), request())
    assert len(waits) == 1


# Status, cancellation, secrets -------------------------------------------------------------------------------------


async def test_starting_with_the_server_down_is_no_error() -> None:
    engine = engine_for(unused_url())
    await engine.start()
    assert "cannot be reached" in engine.status().reason


async def test_an_engine_that_was_not_ready_is_ready_after_an_answer(upstream: FakeUpstream) -> None:
    upstream.models = status(500)
    engine = engine_for(upstream)
    await engine.start()
    await complete(engine, request())
    assert engine.status().ready


async def test_asked_for_its_state_it_looks_again_for_a_server_that_was_down(upstream: FakeUpstream) -> None:
    now = [0.0]
    upstream.models = status(500)
    engine = engine_for(upstream, clock=lambda: now[0])
    await engine.start()
    upstream.models = models(MODEL)
    now[0] = 60.0
    assert not engine.status().ready
    await engine._server._probing  # type: ignore[misc]
    assert engine.status().ready


async def test_a_refused_key_is_said(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(status(401, "Incorrect API key"))
    with pytest.raises(EngineUnavailable, match="refuses the key"):
        await complete(engine, request())


async def test_the_key_stands_in_no_error_and_no_log(
    engine: UpstreamEngine, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "llm_component")
    upstream.models = status(401, f"Incorrect API key: {KEY}")
    upstream.script(status(401, f"Incorrect API key: {KEY}"))
    await engine.start()
    _, error = await pieces_until_error(engine, request())
    assert KEY not in f"{error} {error.__cause__} {caplog.text} {engine.status()}"


async def test_a_password_in_the_address_is_sent_but_not_shown(upstream: FakeUpstream) -> None:
    url = upstream.url.replace("http://", "http://shop:hidden@")
    upstream.script(status(500))
    _, error = await pieces_until_error(engine_for(url, key=""), request())
    assert "hidden" not in str(error)
    assert upstream.requests[0].headers["authorization"].startswith("Basic ")


async def test_closing_the_stream_closes_the_connection(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(hang_after("It takes "))
    async with aclosing(engine.stream(request())) as pieces:
        await anext(pieces)
    assert await asyncio.to_thread(upstream.wait_for_disconnect)


async def test_a_cancelled_reader_closes_the_connection(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(hang())
    task = asyncio.create_task(complete(engine, request()))
    assert await asyncio.to_thread(upstream.wait_for_request)
    task.cancel()
    await asyncio.wait([task])
    assert await asyncio.to_thread(upstream.wait_for_disconnect)


async def test_it_counts_who_is_running(engine: UpstreamEngine, upstream: FakeUpstream) -> None:
    upstream.script(hang_after("It takes "))
    async with aclosing(engine.stream(request())) as pieces:
        await anext(pieces)
        assert engine.status().running == 1
    assert engine.status().running == 0


async def test_a_draining_engine_takes_no_requests(engine: UpstreamEngine) -> None:
    await engine.drain(0.0)
    with pytest.raises(EngineUnavailable, match="shutting down"):
        await complete(engine, request())


def unused_url() -> str:
    """An address where nobody listens: it was in use a moment ago."""
    with FakeUpstream() as server:
        return server.url
