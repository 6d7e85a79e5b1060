"""The client against a server over real sockets: answers, errors by kind, deadlines, retries, sharing, keeping."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from llm_component.breaker import Breaker
from llm_component.client import (
    Answer,
    AnswerRequest,
    LlmClient,
    LlmError,
    Passage,
    Profile,
    RephraseRequest,
    Rephrasing,
    Sentence,
    Summary,
    SummaryRequest,
    Turn,
)
from llm_component.protocol import ErrorBody
from tests.llm.fake_upstream import (
    FakeUpstream,
    Hang,
    Pause,
    Reply,
    Reset,
    Step,
    closes_at_once,
    gzipped,
    hang,
    huge_line,
    json_reply,
    not_http,
    resets_at_once,
    sse,
    status,
)

PROFILE = Profile("the shop", "I don't know that.")
ASKED = AnswerRequest("How long does it take?", PROFILE, [Passage("Delivery", "3-5 days.")], knowledge_version="7")
FIRST = Sentence("It takes 3-5 days.", [1], 0.9)
SECOND = Sentence("It is free from £50.", [1], 0.8)
ANSWER = Answer("answered", "It takes 3-5 days. It is free from £50.", [FIRST, SECOND], [1])
SOON = 0.3  # seconds; deadline of requests that a server lets hang


@pytest.fixture
def server() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        fake.default(answered())
        yield fake


@pytest.fixture
async def client(server: FakeUpstream) -> AsyncIterator[LlmClient]:
    made = client_for(server)
    yield made
    await made.aclose()


async def no_sleep(seconds: float) -> None:
    return None


def client_for(server: FakeUpstream | str, **options: Any) -> LlmClient:
    url = server if isinstance(server, str) else server.url
    return LlmClient(url, **{"secret": "the-secret", "sleep": no_sleep, **options})


def event(name: str, content: Any) -> bytes:
    return f"event: {name}\ndata: ".encode() + msgspec.json.encode(content) + b"\n\n"


def answered(answer: Answer = ANSWER, *before: Step) -> Reply:
    sentences = [event("sentence", sentence) for sentence in answer.sentences]
    return sse(b": still here\n\n", *sentences, *before, event("answer", answer))


def changed(**fields: Any) -> AnswerRequest:
    return msgspec.structs.replace(ASKED, **fields)


async def error_of(client: LlmClient, request: AnswerRequest = ASKED) -> LlmError:
    with pytest.raises(LlmError) as caught:
        await client.answer(request)
    return caught.value


# What goes well ----------------------------------------------------------------------------------------------------


async def test_an_answer_comes_whole(client: LlmClient) -> None:
    assert await client.answer(ASKED) == ANSWER


async def test_sentences_are_given_as_they_come(client: LlmClient, server: FakeUpstream) -> None:
    server.script(sse(event("sentence", FIRST), Hang()))
    async with aclosing(client.answer_stream(ASKED)) as items:
        assert await anext(items) == FIRST


async def test_sentences_are_handed_over_in_their_order(client: LlmClient) -> None:
    heard: list[Sentence] = []

    async def on_sentence(sentence: Sentence) -> None:
        heard.append(sentence)

    await client.answer(ASKED, on_sentence)
    assert heard == [FIRST, SECOND]


async def test_an_answer_in_one_json_body_is_taken(client: LlmClient, server: FakeUpstream) -> None:
    server.script(json_reply(msgspec.to_builtins(ANSWER)))
    assert [item async for item in client.answer_stream(ASKED)] == [FIRST, SECOND, ANSWER]


async def test_a_compressed_stream_is_read(client: LlmClient, server: FakeUpstream) -> None:
    server.script(gzipped(answered()))
    assert await client.answer(ASKED) == ANSWER


async def test_events_of_a_later_version_are_passed_over(client: LlmClient, server: FakeUpstream) -> None:
    server.script(sse(b"event: progress\ndata: ?\n\n", event("answer", ANSWER)))
    assert await client.answer(ASKED) == ANSWER


async def test_secret_and_turn_are_sent(client: LlmClient, server: FakeUpstream) -> None:
    await client.answer(ASKED, turn_id="turn-7")
    headers = server.requests[0].headers
    assert (headers["authorization"], headers["x-turn-id"]) == ("Bearer the-secret", "turn-7")


async def test_the_request_is_sent_as_it_is(client: LlmClient, server: FakeUpstream) -> None:
    request = changed(history=[Turn("user", "Hello")], facts={"order number": "1043"})
    await client.answer(request)
    sent = msgspec.json.decode(server.requests[0].body, type=AnswerRequest)
    assert msgspec.structs.replace(sent, stream=False, deadline_seconds=15.0) == request


async def test_the_server_is_given_a_little_less_time_than_there_is(client: LlmClient, server: FakeUpstream) -> None:
    await client.answer(changed(deadline_seconds=10.0))
    assert 9.0 < server.requests[0].json["deadline_seconds"] < 9.8


async def test_the_connection_is_used_again(client: LlmClient, server: FakeUpstream) -> None:
    await client.answer(changed(knowledge_version=""))
    await client.answer(changed(knowledge_version=""))
    assert server.connections == 1


async def test_a_summary(client: LlmClient, server: FakeUpstream) -> None:
    server.script(json_reply({"text": "Parcel 1043 is missing.", "generated": True}))
    summary = await client.summarise(SummaryRequest([Turn("user", "Where is it?")], "fallback"))
    assert (summary, server.requests[0].path) == (Summary("Parcel 1043 is missing.", True), "/v1/summaries")


async def test_a_rephrasing(client: LlmClient, server: FakeUpstream) -> None:
    server.script(json_reply({"text": "It is on its way.", "changed": True}))
    rephrasing = await client.rephrase(RephraseRequest("It was sent.", PROFILE))
    assert (rephrasing, server.requests[0].path) == (Rephrasing("It is on its way.", True), "/v1/rephrasings")


async def test_embeddings_come_in_the_order_of_the_texts(client: LlmClient, server: FakeUpstream) -> None:
    server.script(json_reply({"data": [{"index": 1, "embedding": [0.0]}, {"index": 0, "embedding": [1.0]}]}))
    assert await client.embed(["a", "b"]) == [[1.0], [0.0]]


async def test_too_few_embeddings_are_no_answer(client: LlmClient, server: FakeUpstream) -> None:
    server.script(json_reply({"data": []}))
    with pytest.raises(LlmError, match="0 vectors"):
        await client.embed(["a"])


async def test_nothing_is_asked_for_no_texts(client: LlmClient, server: FakeUpstream) -> None:
    assert (await client.embed([]), server.requests) == ([], [])


async def test_a_server_that_answers_is_ready(client: LlmClient) -> None:
    assert await client.ready()


async def test_a_server_that_is_down_is_not_ready() -> None:
    assert not await client_for(unused_url()).ready()


# Faults ------------------------------------------------------------------------------------------------------------

ERROR = ErrorBody("it failed", "server_error", "upstream_failed")


@pytest.mark.parametrize(
    ("reply", "kind", "sentences"),
    [
        (hang(), "timeout", ()),
        (sse(event("sentence", FIRST), Hang()), "timeout", (FIRST,)),
        (sse(event("sentence", FIRST), b"event: ans", Reset()), "broken_answer", (FIRST,)),
        (sse(event("sentence", FIRST)), "broken_answer", (FIRST,)),
        (closes_at_once(), "broken_answer", ()),
        (resets_at_once(), "broken_answer", ()),
        (not_http(), "broken_answer", ()),
        (sse(b"event: sentence\ndata: {\n\n"), "broken_answer", ()),
        (sse(b'event: answer\ndata: {"verdict": "maybe", "text": ""}\n\n'), "broken_answer", ()),
        (huge_line(5_000_000), "broken_answer", ()),
        (Reply((b"<html>",), headers={"Content-Type": "text/html"}), "broken_answer", ()),
        (Reply((b"{",), headers={"Content-Type": "application/json"}), "broken_answer", ()),
        (status(400), "refused", ()),
        (status(401), "refused", ()),
        (status(413), "refused", ()),
        (status(500), "broken_answer", ()),
        (status(502), "broken_answer", ()),
        (status(504), "timeout", ()),
        (sse(event("sentence", FIRST), event("error", ERROR)), "broken_answer", (FIRST,)),
        (sse(event("error", ErrorBody("full", "rate_limit_error", "overloaded"))), "overloaded", ()),
        (sse(event("error", ErrorBody("late", "server_error", "deadline_exceeded"))), "timeout", ()),
    ],
    ids=[
        "hangs",
        "hangs half-way",
        "dies half-way",
        "ends half-way",
        "closes at once",
        "resets at once",
        "not http",
        "broken event",
        "not an answer",
        "huge line",
        "wrong content type",
        "broken json",
        "400",
        "401",
        "413",
        "500",
        "502",
        "504",
        "error event",
        "overload event",
        "deadline event",
    ],
)
async def test_a_fault_has_this_kind_and_keeps_what_came(
    client: LlmClient, server: FakeUpstream, reply: Reply, kind: str, sentences: tuple[Sentence, ...]
) -> None:
    server.script(reply)
    hangs = any(isinstance(step, Hang) for step in reply.steps)
    error = await error_of(client, changed(deadline_seconds=SOON if hangs else 15.0))
    assert (error.kind, error.sentences) == (kind, sentences)


async def test_a_server_that_is_down_is_unreachable() -> None:
    assert (await error_of(client_for(unused_url()))).kind == "unreachable"


async def test_a_trickle_ends_at_the_deadline(client: LlmClient, server: FakeUpstream) -> None:
    steps = [step for _ in range(200) for step in (Pause(0.02), b":\n")]
    server.script(sse(*steps, event("answer", ANSWER)))
    assert (await error_of(client, changed(deadline_seconds=SOON))).kind == "timeout"


async def test_a_summary_that_hangs_ends_at_its_deadline(client: LlmClient, server: FakeUpstream) -> None:
    server.script(hang())
    with pytest.raises(LlmError) as caught:
        await client.summarise(SummaryRequest([], "fallback", deadline_seconds=SOON))
    assert caught.value.kind == "timeout"


async def test_the_secret_stands_in_no_error(client: LlmClient, server: FakeUpstream) -> None:
    server.script(status(401, "the-secret is wrong"))
    assert "the-secret" not in str(await error_of(client))


async def test_an_error_of_the_callers_own_closes_the_connection(client: LlmClient, server: FakeUpstream) -> None:
    async def on_sentence(sentence: Sentence) -> None:
        raise ZeroDivisionError

    server.script(sse(event("sentence", FIRST), Hang()))
    with pytest.raises(ZeroDivisionError):
        await client.answer(ASKED, on_sentence)
    assert await asyncio.to_thread(server.wait_for_disconnect)


async def test_a_cancelled_call_closes_the_connection(client: LlmClient, server: FakeUpstream) -> None:
    server.script(hang())
    task = asyncio.create_task(client.answer(ASKED))
    assert await asyncio.to_thread(server.wait_for_request)
    task.cancel()
    await asyncio.wait([task])
    assert await asyncio.to_thread(server.wait_for_disconnect)


# Trying again ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [429, 503])
async def test_a_busy_server_is_asked_once_more(client: LlmClient, server: FakeUpstream, code: int) -> None:
    server.script(status(code))
    assert await client.answer(ASKED) == ANSWER


@pytest.mark.parametrize(("code", "kind"), [(429, "overloaded"), (503, "unavailable")])
async def test_a_server_that_stays_busy_says_when_to_come_back(
    client: LlmClient, server: FakeUpstream, code: int, kind: str
) -> None:
    server.script(status(code), status(code, headers={"Retry-After": "9"}))
    error = await error_of(client)
    assert (error.kind, error.retry_after, len(server.requests)) == (kind, 9.0, 2)


async def test_nothing_is_tried_again_after_the_first_byte(client: LlmClient, server: FakeUpstream) -> None:
    server.script(sse(event("sentence", FIRST), Reset()))
    await error_of(client)
    assert len(server.requests) == 1


# The breaker -------------------------------------------------------------------------------------------------------


async def test_a_server_that_keeps_failing_is_left_alone(server: FakeUpstream) -> None:
    server.default(status(500))
    client = client_for(server, breaker=Breaker(failures=3))
    kinds = [(await error_of(client)).kind for _ in range(4)]
    assert (kinds[3], len(server.requests)) == ("unavailable", 3)


async def test_a_server_is_asked_again_after_a_while(server: FakeUpstream) -> None:
    now = [0.0]
    server.script(status(500))
    client = client_for(server, breaker=Breaker(failures=1, open_seconds=5.0, clock=lambda: now[0]))
    await error_of(client)
    now[0] = 5.0
    assert await client.answer(ASKED) == ANSWER


@pytest.mark.parametrize("reply", [status(400), sse(event("error", ErrorBody("full", "x", "overloaded")))])
async def test_what_the_server_is_not_to_blame_for_does_not_count(server: FakeUpstream, reply: Reply) -> None:
    server.default(reply)
    client = client_for(server, breaker=Breaker(failures=1))
    await error_of(client)
    await error_of(client)
    assert len(server.requests) == 2


async def test_a_call_with_hardly_any_time_does_not_count(server: FakeUpstream) -> None:
    server.default(hang())
    client = client_for(server, breaker=Breaker(failures=1))
    await error_of(client, changed(deadline_seconds=0.05))
    server.default(answered())
    assert await client.answer(ASKED) == ANSWER


# Sharing and keeping -----------------------------------------------------------------------------------------------


async def test_equal_questions_at_once_are_one_call(client: LlmClient, server: FakeUpstream) -> None:
    answers = await asyncio.gather(*(client.answer(ASKED) for _ in range(10)))
    assert (answers, len(server.requests)) == ([ANSWER] * 10, 1)


async def test_different_questions_at_once_are_not(client: LlmClient, server: FakeUpstream) -> None:
    await asyncio.gather(client.answer(ASKED), client.answer(changed(facts={"order number": "1043"})))
    assert len(server.requests) == 2


async def test_one_of_two_who_leaves_does_not_end_the_others_call(client: LlmClient, server: FakeUpstream) -> None:
    server.script(answered(ANSWER, Pause(0.05)))
    first = asyncio.create_task(client.answer(ASKED))
    second = asyncio.create_task(client.answer(ASKED))
    assert await asyncio.to_thread(server.wait_for_request)
    first.cancel()
    assert (await second, len(server.requests)) == (ANSWER, 1)


async def test_a_repeated_question_costs_no_call(client: LlmClient, server: FakeUpstream) -> None:
    await client.answer(ASKED)
    again = await client.answer(ASKED)
    assert (again, len(server.requests)) == (msgspec.structs.replace(ANSWER, cached=True), 1)


async def test_a_kept_answer_is_given_sentence_by_sentence_too(client: LlmClient) -> None:
    await client.answer(ASKED)
    assert [item async for item in client.answer_stream(ASKED)][:2] == [FIRST, SECOND]


async def test_new_knowledge_is_asked_for_anew(client: LlmClient, server: FakeUpstream) -> None:
    await client.answer(ASKED)
    await client.answer(changed(knowledge_version="8"))
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "request_",
    [
        changed(knowledge_version=""),
        changed(facts={"order number": "1043"}),
        changed(history=[Turn("user", "Hello")]),
    ],
    ids=["no version", "facts", "history"],
)
async def test_an_answer_to_more_than_the_question_is_not_kept(
    client: LlmClient, server: FakeUpstream, request_: AnswerRequest
) -> None:
    await client.answer(request_)
    await client.answer(request_)
    assert len(server.requests) == 2


@pytest.mark.parametrize("verdict", ["partial", "abstained", "quoted"])
async def test_only_a_whole_answer_is_kept(client: LlmClient, server: FakeUpstream, verdict: Any) -> None:
    server.default(answered(msgspec.structs.replace(ANSWER, verdict=verdict)))
    await client.answer(ASKED)
    await client.answer(ASKED)
    assert len(server.requests) == 2


async def test_a_kept_answer_grows_old(server: FakeUpstream) -> None:
    now = [0.0]
    client = client_for(server, clock=lambda: now[0], cache_seconds=60.0)
    await client.answer(ASKED)
    now[0] = 60.0
    assert not (await client.answer(ASKED)).cached


# Where it runs -----------------------------------------------------------------------------------------------------


def test_one_client_serves_one_event_loop_after_the_other(server: FakeUpstream) -> None:
    client = client_for(server, cache_entries=0)
    assert [asyncio.run(client.answer(ASKED)) for _ in range(2)] == [ANSWER, ANSWER]


def test_it_needs_neither_torch_nor_what_serves() -> None:
    heavy = "{'torch', 'transformers', 'starlette', 'prometheus_client', 'numpy', 'rasa'}"
    code = f"import sys, llm_component.client; sys.exit(' '.join({heavy} & set(sys.modules)) or 0)"
    subprocess.run([sys.executable, "-c", code], check=True)


def unused_url() -> str:
    """An address where nobody listens: it was in use a moment ago."""
    with FakeUpstream() as fake:
        return fake.url
