"""What a request gets: its text, its limits, its place in the queue."""

from __future__ import annotations

import asyncio
import threading

import pytest

from llm_component.engines.interface import (
    DeadlineExceeded,
    EngineUnavailable,
    Overloaded,
    Piece,
    RequestRefused,
    Usage,
)
from tests.llm.fake_decoder import CONTEXT_TOKENS, ByteTemplate, FakeDecoder, byte_model
from tests.llm.scheduler_bench import Clock, asking, engine_of, heartbeats, outcome, outcomes, queued, steps_with, until


async def test_a_request_gets_its_text_and_its_usage() -> None:
    async with engine_of(FakeDecoder()) as engine:
        assert await outcome(engine, asking("Hi")) == Piece("You said: Hi.", "stop", Usage(3, 13, 0))


async def test_text_comes_in_pieces() -> None:
    decoder = FakeDecoder()
    async with engine_of(decoder) as engine:
        decoder.gate = threading.Event()
        stream = engine.stream(asking("Hi"))
        first = await anext_of(stream)
        decoder.gate.set()
        assert first.text == "Y"
        await stream.aclose()


async def test_a_completion_ends_at_its_limit() -> None:
    async with engine_of(FakeDecoder()) as engine:
        assert await outcome(engine, asking("Hi", max_tokens=3)) == Piece("You", "length", Usage(3, 3, 0))


async def test_a_limit_beyond_the_context_is_cut() -> None:
    decoder = FakeDecoder()
    async with engine_of(decoder) as engine:
        await outcome(engine, asking("x" * 4000, max_tokens=1000))
    assert decoder.admitted[0].max_tokens == CONTEXT_TOKENS - 4001


async def test_a_prompt_beyond_the_context_is_refused_with_both_numbers() -> None:
    async with engine_of(FakeDecoder()) as engine:
        refusal = await outcome(engine, asking("x" * 100_000))
    assert isinstance(refusal, RequestRefused)
    assert "100001" in str(refusal)
    assert str(CONTEXT_TOKENS - 1) in str(refusal)


async def test_an_encoder_decoder_takes_a_prompt_as_long_as_its_context() -> None:
    decoder = FakeDecoder(answer=lambda question: "ok")
    async with engine_of(decoder, model=byte_model(kind="encoder_decoder")) as engine:
        assert isinstance(await outcome(engine, asking("x" * (CONTEXT_TOKENS - 1))), Piece)


async def test_an_unknown_adapter_is_refused_with_those_there_are() -> None:
    request = asking("Hi")
    object.__setattr__(request, "adapter", "legal")
    async with engine_of(FakeDecoder(), model=byte_model(adapters=("polite",))) as engine:
        refusal = await outcome(engine, request)
    assert isinstance(refusal, RequestRefused)
    assert "polite" in str(refusal)


async def test_no_tokens_at_all_are_refused() -> None:
    async with engine_of(FakeDecoder()) as engine:
        assert isinstance(await outcome(engine, asking("Hi", max_tokens=0)), RequestRefused)


async def test_a_stop_string_ends_the_text_before_it_and_frees_the_place() -> None:
    decoder = FakeDecoder(answer=lambda question: "One.\n\nCustomer: and so on")
    async with engine_of(decoder) as engine:
        piece = await outcome(engine, asking("Hi", stop=("\n\nCustomer",)))
    assert piece == Piece("One.", "stop", Usage(3, 14, 0))
    assert ("release", 1) in decoder.calls


async def test_characters_of_several_tokens_come_whole() -> None:
    async with engine_of(FakeDecoder(tokens_a_step=3)) as engine:
        pieces = [piece.text async for piece in engine.stream(asking("5 € für 漢字 👩‍🔧"))]
    assert "".join(pieces) == "You said: 5 € für 漢字 👩‍🔧."


async def test_rows_beside_each_other_get_what_each_would_get_alone() -> None:
    async with engine_of(FakeDecoder(max_rows=4)) as engine:
        pieces = await outcomes(engine, [asking(f"question {number}" * (number % 7)) for number in range(50)])
    assert [piece.text for piece in pieces if isinstance(piece, Piece)] == [
        f"You said: {f'question {number}' * (number % 7)}." for number in range(50)
    ]


async def test_of_500_at_once_each_gets_its_text_or_is_told_to_come_again() -> None:
    async with engine_of(FakeDecoder(max_rows=8, tokens_a_step=4), max_waiting=32) as engine:
        ends = await outcomes(engine, [asking(f"number {number}") for number in range(500)])
    served = [number for number, end in enumerate(ends) if isinstance(end, Piece)]
    refused = [end for end in ends if isinstance(end, Overloaded)]
    assert all(ends[number].text == f"You said: number {number}." for number in served)
    assert len(served) + len(refused) == 500
    assert len(served) >= 40
    assert all(end.retry_after is not None and 1 <= end.retry_after <= 30 for end in refused)


async def test_the_queue_is_bounded() -> None:
    decoder = FakeDecoder(max_rows=1)
    decoder.gate = threading.Event()
    async with engine_of(decoder, max_waiting=2) as engine:
        tasks = [asyncio.create_task(outcome(engine, asking("a")))]
        await until(decoder.at_gate)
        tasks += [asyncio.create_task(outcome(engine, asking("a"))) for _ in range(2)]
        await heartbeats(1)
        assert isinstance(await outcome(engine, asking("one too many")), Overloaded)
        decoder.gate.set()
        assert all(isinstance(end, Piece) for end in await asyncio.gather(*tasks))


async def test_requests_are_admitted_in_the_order_they_came() -> None:
    decoder = FakeDecoder(max_rows=1)
    async with engine_of(decoder) as engine:
        await outcomes(engine, [asking(f"{number}") for number in range(10)])
    assert [bytes(row.prompt[:-1]).decode() for row in decoder.admitted] == [f"{number}" for number in range(10)]


async def test_closing_the_stream_frees_the_place_within_one_step() -> None:
    decoder = FakeDecoder()
    async with engine_of(decoder) as engine:
        decoder.gate = threading.Event()
        stream = engine.stream(asking("a long story" * 20))
        await anext_of(stream)
        await until(decoder.at_gate)  # a step is under way
        await stream.aclose()
        decoder.gate.set()
        await outcome(engine, asking("another"))
    assert steps_with(decoder, 1) == 1


async def test_a_request_cancelled_in_the_queue_is_never_admitted() -> None:
    decoder = FakeDecoder(max_rows=1)
    decoder.gate = threading.Event()
    async with engine_of(decoder) as engine:
        first = asyncio.create_task(outcome(engine, asking("first")))
        await until(decoder.at_gate)
        second = asyncio.create_task(outcome(engine, asking("second")))
        await queued(engine, 1)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        assert engine.status().waiting == 0
        decoder.gate.set()
        await first
    assert [row.id for row in decoder.admitted] == [1]


async def test_a_deadline_in_the_queue_is_an_error() -> None:
    decoder, clock = FakeDecoder(max_rows=1), Clock()
    decoder.gate = threading.Event()
    async with engine_of(decoder, clock=clock) as engine:
        first = asyncio.create_task(outcome(engine, asking("first")))
        await until(decoder.at_gate)
        second = asyncio.create_task(outcome(engine, asking("second", deadline=clock.now + 5)))
        await queued(engine, 1)
        clock.now += 6
        decoder.gate.set()
        assert isinstance(await second, DeadlineExceeded)
        await first
    assert [row.id for row in decoder.admitted] == [1]


async def test_a_deadline_after_the_first_token_keeps_the_text() -> None:
    decoder, clock = FakeDecoder(), Clock()

    def turn(steps: int) -> None:
        clock.now += 1

    decoder.on_step = turn
    async with engine_of(decoder, clock=clock) as engine:
        piece = await outcome(engine, asking("Hello", deadline=clock.now + 4.5))
    assert piece == Piece("You sa", "deadline", Usage(6, 6, 0))


async def test_a_deadline_gives_out_what_a_stop_string_held_back() -> None:
    decoder, clock = FakeDecoder(answer=lambda question: "Yes, certainly"), Clock()

    def turn(steps: int) -> None:
        clock.now += 1

    decoder.on_step = turn
    async with engine_of(decoder, clock=clock) as engine:
        piece = await outcome(engine, asking("Hello", deadline=clock.now + 2.5, stop=("Yes, no",)))
    assert isinstance(piece, Piece)
    assert (piece.text, piece.finish_reason) == ("Yes,", "deadline")


async def test_a_deadline_holds_even_while_a_step_hangs() -> None:
    decoder = FakeDecoder()
    async with engine_of(decoder) as engine:
        decoder.gate = threading.Event()
        piece = await outcome(engine, asking("Hello", deadline=engine._clock() + 0.2))
        assert isinstance(piece, Piece)
        assert (piece.text, piece.finish_reason) == ("Y", "deadline")


async def test_a_deadline_that_has_passed_is_an_error_at_once() -> None:
    clock = Clock()
    async with engine_of(FakeDecoder(), clock=clock) as engine:
        assert isinstance(await outcome(engine, asking("Hello", deadline=clock.now - 1)), DeadlineExceeded)


async def test_passages_are_offered_for_guessing() -> None:
    decoder = FakeDecoder()
    async with engine_of(decoder) as engine:
        await outcome(engine, asking("Hi", passages=["ab", "c"]))
    assert decoder.admitted[0].copy_from == tuple(b"abc")


async def test_without_speculation_no_passages_are_offered() -> None:
    decoder = FakeDecoder()
    async with engine_of(decoder, speculation=False) as engine:
        await outcome(engine, asking("Hi", passages=["ab"]))
    assert decoder.admitted[0].copy_from == ()


async def test_long_prompts_do_not_hold_up_running_rows() -> None:
    decoder = FakeDecoder(max_rows=8)
    decoder.gate = threading.Event()
    async with engine_of(decoder, admit_tokens=100) as engine:
        tasks = [asyncio.create_task(outcome(engine, asking("first")))]
        await until(decoder.at_gate)
        tasks += [asyncio.create_task(outcome(engine, asking("x" * 99))) for _ in range(3)]
        await queued(engine, 3)
        decoder.gate.set()
        await asyncio.gather(*tasks)
    kinds = [what for what, _ in decoder.calls if what in ("admit", "step")]
    assert kinds[:8] == ["admit", "step"] * 4


async def test_the_event_loop_is_free_while_a_prompt_is_tokenised() -> None:
    gate = threading.Event()

    class SlowTemplate(ByteTemplate):
        def prompt_ids(self, messages):  # type: ignore[no-untyped-def]
            assert gate.wait(30), "the event loop was held up"
            return super().prompt_ids(messages)

    async with engine_of(FakeDecoder(), model=byte_model(chat_template=SlowTemplate())) as engine:
        task = asyncio.create_task(outcome(engine, asking("Hi")))
        await heartbeats(100)
        gate.set()
        assert isinstance(await task, Piece)


async def test_the_event_loop_is_free_during_a_slow_step() -> None:
    decoder = FakeDecoder()
    decoder.gate = threading.Event()
    async with engine_of(decoder) as engine:
        task = asyncio.create_task(outcome(engine, asking("Hi")))
        await until(decoder.at_gate)
        await heartbeats(100)
        decoder.gate.set()
        assert isinstance(await task, Piece)


async def test_tokens_of_a_prompt_are_counted_with_the_template() -> None:
    async with engine_of(FakeDecoder()) as engine:
        assert engine.count_tokens(asking("Hi").messages) == 3


async def test_chance_has_a_seed_even_where_none_was_given() -> None:
    decoder = FakeDecoder()
    async with engine_of(decoder) as engine:
        await outcome(engine, asking("Hi", temperature=0.7))
    assert decoder.admitted[0].sampling.seed is not None


async def test_before_the_start_no_request_is_taken() -> None:
    from llm_component.engines.batch import BatchEngine

    engine = BatchEngine(lambda: (byte_model(), FakeDecoder()), max_waiting=1)
    assert isinstance(await outcome(engine, asking("Hi")), EngineUnavailable)


async def anext_of(stream):  # type: ignore[no-untyped-def]
    return await stream.__anext__()


@pytest.mark.parametrize("tokens_a_step", [1, 2, 5])
async def test_guesses_that_came_true_change_no_text(tokens_a_step: int) -> None:
    async with engine_of(FakeDecoder(tokens_a_step=tokens_a_step)) as engine:
        assert await outcome(engine, asking("Hi")) == Piece("You said: Hi.", "stop", Usage(3, 13, 0))
