"""What the scheduler survives: no memory, a decoder that fails, closing in the middle."""

from __future__ import annotations

import asyncio
import threading

import pytest
from prometheus_client import REGISTRY

from llm_component.decoding.interface import OutOfMemory
from llm_component.engines.batch import BatchEngine
from llm_component.engines.health import FAILURES_IN_A_ROW
from llm_component.engines.interface import EngineError, EngineUnavailable, Overloaded, Piece
from llm_component.engines.jobs import Job
from llm_component.engines.scheduler import Scheduler
from tests.llm.fake_decoder import FakeDecoder, byte_model
from tests.llm.scheduler_bench import asking, engine_of, heartbeats, outcome, outcomes, queued, together, until


def texts(ends):  # type: ignore[no-untyped-def]
    return [end.text if isinstance(end, Piece) else repr(end) for end in ends]


@pytest.mark.parametrize("kind", ["causal", "encoder_decoder"])
async def test_rows_that_lost_their_place_in_a_step_are_continued_later(kind: str) -> None:
    decoder = FakeDecoder(max_rows=4, capacity=70)
    async with engine_of(decoder, model=byte_model(kind=kind)) as engine:
        ends = await together(engine, decoder, [asking(f"question number {number}") for number in range(6)])
    assert texts(ends) == [f"You said: question number {number}." for number in range(6)]
    assert any(what == "release" for what, _ in decoder.calls)


async def test_a_continued_row_counts_its_tokens_once() -> None:
    decoder = FakeDecoder(max_rows=2, capacity=70)
    async with engine_of(decoder) as engine:
        ends = await together(engine, decoder, [asking("question number 1"), asking("question number 2")])
    assert [(end.usage.prompt_tokens, end.usage.completion_tokens) for end in ends if isinstance(end, Piece)] == [
        (18, 28),
        (18, 28),
    ]


async def test_the_youngest_row_gives_up_its_place() -> None:
    decoder = FakeDecoder(max_rows=2)
    decoder.gate = threading.Event()
    async with engine_of(decoder) as engine:
        tasks = [asyncio.create_task(outcome(engine, asking("old")))]
        await until(decoder.at_gate)
        tasks.append(asyncio.create_task(outcome(engine, asking("young"))))
        await queued(engine, 1)
        decoder.on_step = lambda steps: decoder.fail_step.append(OutOfMemory("full")) if steps == 3 else None
        decoder.gate.set()
        assert texts(await asyncio.gather(*tasks)) == ["You said: old.", "You said: young."]
    assert [row for what, row in decoder.calls if what == "release"] == [2]


async def test_a_continuation_at_a_temperature_does_not_repeat_its_random_numbers() -> None:
    decoder = FakeDecoder(max_rows=2, capacity=70)
    async with engine_of(decoder) as engine:
        questions = [asking(f"question number {number}", temperature=1.0, seed=7) for number in range(2)]
        await together(engine, decoder, questions)
    continued = [row for row in decoder.admitted if len(row.prompt) > 18]
    assert continued
    assert all(row.sampling.seed != 7 for row in continued)


async def test_rows_without_room_at_admission_wait_for_a_running_one() -> None:
    decoder = FakeDecoder(max_rows=4)
    decoder.gate = threading.Event()
    async with engine_of(decoder) as engine:
        tasks = [asyncio.create_task(outcome(engine, asking("first")))]
        await until(decoder.at_gate)
        decoder.fail_admit.append(OutOfMemory("full"))
        tasks += [asyncio.create_task(outcome(engine, asking(f"later {number}"))) for number in range(2)]
        await queued(engine, 2)
        decoder.gate.set()
        assert texts(await asyncio.gather(*tasks)) == ["You said: first.", "You said: later 0.", "You said: later 1."]
    assert [rows for what, rows in decoder.calls if what == "admit"][:2] == [[1], [2, 3]]
    assert all(1 not in rows for what, rows in decoder.calls[-12:] if what == "step")


async def test_several_rows_without_room_together_are_admitted_in_parts() -> None:
    decoder = FakeDecoder(max_rows=8)
    async with engine_of(decoder) as engine:
        ends = await together(
            engine,
            decoder,
            [asking(f"{number}") for number in range(8)],
            meanwhile=lambda: decoder.fail_admit.extend([OutOfMemory("full"), OutOfMemory("full")]),
        )
    assert texts(ends) == [f"You said: {number}." for number in range(8)]
    assert [len(rows) for what, rows in decoder.calls if what == "admit"][:5] == [1, 8, 4, 2, 4]


async def test_a_row_that_fits_not_even_alone_is_refused_and_the_others_go_on() -> None:
    async with engine_of(FakeDecoder(capacity=60)) as engine:
        ends = await outcomes(engine, [asking("small"), asking("x" * 100), asking("tiny")])
    assert isinstance(ends[1], Overloaded)
    assert texts([ends[0], ends[2]]) == ["You said: small.", "You said: tiny."]


async def test_a_row_that_outgrows_the_memory_alone_ends_in_an_error() -> None:
    async with engine_of(FakeDecoder(capacity=20)) as engine:
        assert isinstance(await outcome(engine, asking("x" * 15)), Overloaded)
        assert isinstance(await outcome(engine, asking("a")), Piece)


async def test_a_failed_step_ends_what_ran_and_the_next_request_is_served() -> None:
    decoder = FakeDecoder()
    async with engine_of(decoder) as engine:
        decoder.fail_step.append(RuntimeError("CUDA error: an illegal memory access was encountered"))
        failed = await outcome(engine, asking("first"))
        assert isinstance(failed, EngineUnavailable)
        assert ("clear", None) in decoder.calls
        assert texts([await outcome(engine, asking("second"))]) == ["You said: second."]
        assert engine.status().ready


async def test_a_failed_admission_leaves_those_in_the_queue_alone() -> None:
    decoder = FakeDecoder(max_rows=1)
    async with engine_of(decoder) as engine:
        decoder.fail_admit.append(ValueError("bad row"))
        ends = await outcomes(engine, [asking("first"), asking("second")])
    assert isinstance(ends[0], EngineError)
    assert texts(ends[1:]) == ["You said: second."]


def poisoned(decoder: FakeDecoder, mark: str) -> None:
    """From now on the decoder fails in admitting a prompt that holds `mark`."""
    admit = decoder.admit

    def refusing(rows):  # type: ignore[no-untyped-def]
        if any(mark.encode() in bytes(row.prompt) for row in rows):
            decoder.calls.append(("admit", [row.id for row in rows]))
            raise ValueError("a prompt that no kernel likes")
        return admit(rows)

    decoder.admit = refusing  # type: ignore[method-assign]


async def test_of_rows_admitted_together_only_the_one_at_fault_fails() -> None:
    decoder = FakeDecoder()
    poisoned(decoder, "poison")
    async with engine_of(decoder) as engine:
        ends = await together(engine, decoder, [asking("one"), asking("poison"), asking("two"), asking("three")])
    assert type(ends[1]) is EngineError
    assert texts([ends[0], *ends[2:]]) == ["You said: one.", "You said: two.", "You said: three."]


async def test_a_row_that_cannot_be_admitted_leaves_the_running_ones_alone() -> None:
    decoder = FakeDecoder()
    poisoned(decoder, "poison")
    decoder.gate = threading.Event()
    async with engine_of(decoder) as engine:
        running = asyncio.create_task(outcome(engine, asking("first")))
        await until(decoder.at_gate)
        poison = asyncio.create_task(outcome(engine, asking("poison")))
        await queued(engine, 1)
        decoder.gate.set()
        assert isinstance(await poison, EngineError)
        assert texts([await running]) == ["You said: first."]


async def test_a_request_that_fails_again_and_again_does_not_end_the_engine() -> None:
    decoder = FakeDecoder()
    poisoned(decoder, "poison")
    async with engine_of(decoder) as engine:
        for _ in range(3 * FAILURES_IN_A_ROW):
            assert isinstance(await outcome(engine, asking("poison")), EngineError)
        assert engine.status().ready
        assert texts([await outcome(engine, asking("well"))]) == ["You said: well."]


async def test_a_row_whose_tokens_cannot_be_decoded_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    take = Job.take

    def failing(self, *arguments):  # type: ignore[no-untyped-def]
        if "bad" in self.request.messages[0].content:
            raise UnicodeError("no such token")
        return take(self, *arguments)

    monkeypatch.setattr(Job, "take", failing)
    decoder = FakeDecoder()
    async with engine_of(decoder) as engine:
        ends = await together(engine, decoder, [asking("bad"), asking("good")])
        assert isinstance(ends[0], EngineError)
        assert texts(ends[1:]) == ["You said: good."]
        assert decoder.stats().rows == 0


async def test_a_decoder_that_fails_on_anything_makes_the_engine_unready_and_says_why() -> None:
    decoder = FakeDecoder()
    async with engine_of(decoder) as engine:
        decoder.fail_step = [RuntimeError("device lost") for _ in range(FAILURES_IN_A_ROW + 1)]
        for _ in range(FAILURES_IN_A_ROW):
            assert isinstance(await outcome(engine, asking("again")), EngineUnavailable)
        status = engine.status()
        assert not status.ready
        assert "device lost" in status.reason
        assert isinstance(await outcome(engine, asking("and now?")), EngineUnavailable)


async def test_a_success_between_failures_starts_the_count_anew() -> None:
    decoder = FakeDecoder()
    async with engine_of(decoder) as engine:
        for _ in range(FAILURES_IN_A_ROW + 1):
            decoder.fail_step.append(RuntimeError("a hiccup"))
            await outcome(engine, asking("fails"))
            await outcome(engine, asking("works"))
        assert engine.status().ready


async def test_an_idle_worker_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[int] = []
    turn = Scheduler._turn

    def counted(self, decoder):  # type: ignore[no-untyped-def]
        turns.append(1)
        turn(self, decoder)

    monkeypatch.setattr(Scheduler, "_turn", counted)
    async with engine_of(FakeDecoder()) as engine:
        await outcome(engine, asking("Hi"))
        await heartbeats(1000)
    assert len(turns) == len("You said: Hi.")


async def test_drain_waits_for_the_running_and_takes_no_more() -> None:
    decoder = FakeDecoder()
    decoder.gate = threading.Event()
    async with engine_of(decoder) as engine:
        running = asyncio.create_task(outcome(engine, asking("first")))
        await until(decoder.at_gate)
        drained = asyncio.create_task(engine.drain(30))
        await heartbeats(1)
        assert isinstance(await outcome(engine, asking("second")), EngineUnavailable)
        assert not engine.status().ready
        decoder.gate.set()
        await drained
        assert running.done()
        assert texts([await running]) == ["You said: first."]


async def test_drain_gives_up_after_its_time() -> None:
    decoder = FakeDecoder()
    decoder.gate = threading.Event()
    async with engine_of(decoder) as engine:
        running = asyncio.create_task(outcome(engine, asking("first")))
        await until(decoder.at_gate)
        await engine.drain(0)
        assert not running.done()
        decoder.gate.set()
        await running


async def test_closing_ends_running_and_waiting_requests_with_an_error() -> None:
    decoder = FakeDecoder(max_rows=1)
    decoder.gate = threading.Event()
    async with engine_of(decoder) as engine:
        tasks = [asyncio.create_task(outcome(engine, asking("first")))]
        await until(decoder.at_gate)
        tasks.append(asyncio.create_task(outcome(engine, asking("second"))))
        await queued(engine, 1)
        closing = asyncio.create_task(engine.close())
        await heartbeats(100)  # the loop is free while the last step runs
        decoder.gate.set()
        await closing
        assert all(isinstance(end, EngineUnavailable) for end in await asyncio.gather(*tasks))
    assert not any(thread.name == "llm-scheduler" and thread.is_alive() for thread in threading.enumerate())


async def test_a_model_that_cannot_be_loaded_is_named_at_the_start() -> None:
    def load():  # type: ignore[no-untyped-def]
        raise RuntimeError("model.safetensors is missing from the folder models/x")

    engine = BatchEngine(load, max_waiting=1)
    with pytest.raises(EngineUnavailable, match=r"model\.safetensors is missing"):
        await engine.start()
    assert "model.safetensors is missing" in engine.status().reason


async def test_the_event_loop_is_free_while_the_model_is_loaded() -> None:
    gate = threading.Event()

    def load():  # type: ignore[no-untyped-def]
        assert gate.wait(30), "the event loop was held up"
        return byte_model(), FakeDecoder()

    engine = BatchEngine(load, max_waiting=1)
    starting = asyncio.create_task(engine.start())
    await heartbeats(100)
    assert engine.status().reason == "the model is being loaded"
    gate.set()
    await starting
    assert engine.status().ready
    await engine.close()


async def test_a_start_that_is_given_up_leaves_no_thread() -> None:
    gate, decoder = threading.Event(), FakeDecoder()

    def load():  # type: ignore[no-untyped-def]
        gate.wait(30)
        return byte_model(), decoder

    engine = BatchEngine(load, max_waiting=1)
    starting = asyncio.create_task(engine.start())
    await heartbeats(10)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    gate.set()
    await engine.close()
    assert not any(thread.name == "llm-scheduler" for thread in threading.enumerate())


async def test_a_closed_engine_can_be_started_again() -> None:
    engine = BatchEngine(lambda: (byte_model(), FakeDecoder()), max_waiting=1)
    for _ in range(2):
        await engine.start()
        assert texts([await outcome(engine, asking("Hi"))]) == ["You said: Hi."]
        await engine.close()


def measured(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("frontdesk_llm_prompt_tokens_total", 3),
        ("frontdesk_llm_generation_tokens_total", 13),
        ("frontdesk_llm_queue_seconds_count", 1),
        ("frontdesk_llm_time_to_first_token_seconds_count", 1),
        ("frontdesk_llm_time_per_output_token_seconds_count", 1),
        ("frontdesk_llm_batch_size_count", 13),
        ("frontdesk_llm_requests_cancelled_total", 0),
    ],
)
async def test_a_request_is_measured(name: str, more: float) -> None:
    before = measured(name)
    async with engine_of(FakeDecoder()) as engine:
        await outcome(engine, asking("Hi"))
    assert measured(name) - before == more


async def test_a_reader_that_went_away_is_counted() -> None:
    before = measured("frontdesk_llm_requests_cancelled_total")
    decoder = FakeDecoder()
    decoder.gate = threading.Event()
    async with engine_of(decoder) as engine:
        stream = engine.stream(asking("Hi"))
        await stream.__anext__()
        await stream.aclose()
    assert measured("frontdesk_llm_requests_cancelled_total") - before == 1


async def test_memory_that_ran_out_is_counted() -> None:
    before = measured("frontdesk_llm_out_of_memory_total")
    decoder = FakeDecoder()
    async with engine_of(decoder) as engine:
        decoder.fail_step.append(OutOfMemory("full"))
        await outcome(engine, asking("Hi"))
    assert measured("frontdesk_llm_out_of_memory_total") - before == 1
