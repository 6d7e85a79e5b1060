"""Slots: each row gets what `generate` gives, whoever runs beside it, and joins and leaves at any step."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from llm_component.decoding.interface import OutOfMemory
from llm_component.decoding.slots import LENGTH_STEP, SlotDecoder
from tests.llm.decoding_runs import Run, at_random_steps, completed, decoder_of, generated, prompts, row

CAUSAL = ["tiny_llama", "tiny_qwen", "tiny_gemma"]


@pytest.fixture(params=CAUSAL)
def causal(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def slots_of(folder: Path, **settings: int) -> SlotDecoder:
    decoder = decoder_of(folder, **settings)
    assert isinstance(decoder, SlotDecoder)
    return decoder


def test_a_row_alone_gets_what_generate_gives(causal: Path) -> None:
    for prompt in prompts(3, seed=1):
        assert completed(slots_of(causal), [row(1, prompt)]) == {1: generated(causal, prompt)}


def test_rows_admitted_together_get_what_generate_gives(causal: Path) -> None:
    several = prompts(8, seed=2)

    tokens = completed(slots_of(causal), [row(id, prompt) for id, prompt in enumerate(several)])

    assert tokens == {id: generated(causal, prompt) for id, prompt in enumerate(several)}


@pytest.mark.parametrize("seed", range(4))
def test_rows_that_join_and_leave_at_random_steps_get_what_generate_gives(causal: Path, seed: int) -> None:
    choice = random.Random(seed)
    waiting = [row(id, prompt, choice.randint(1, 14)) for id, prompt in enumerate(prompts(14, seed=seed + 10))]
    run = Run(slots_of(causal, max_rows=4))
    wanted = {each.id: generated(causal, each.prompt, each.max_tokens) for each in waiting}
    released = at_random_steps(run, waiting, choice, left=0.15)

    for id, tokens in run.tokens.items():
        assert tokens == (wanted[id][: len(tokens)] if id in released else wanted[id])


def test_a_prompt_in_many_chunks_changes_nothing(causal: Path) -> None:
    several = prompts(3, seed=3, shortest=40)
    decoder = slots_of(causal)
    decoder._prefill._chunk_tokens = 24

    tokens = completed(decoder, [row(id, prompt) for id, prompt in enumerate(several)])

    assert tokens == {id: generated(causal, prompt) for id, prompt in enumerate(several)}


def test_buffers_grow_past_their_first_size_without_changing_a_row(causal: Path) -> None:
    (prompt,) = prompts(1, seed=4, shortest=LENGTH_STEP - 4, longest=LENGTH_STEP - 4)
    (longer,) = prompts(1, seed=5, shortest=250, longest=250)

    tokens = completed(slots_of(causal), [row(1, prompt, 40), row(2, longer, 40)])

    assert tokens == {1: generated(causal, prompt, 40), 2: generated(causal, longer, 40)}


def test_a_row_ends_at_its_limit(tiny_llama: Path) -> None:
    run = Run(slots_of(tiny_llama))
    run.admit([row(1, prompts(1, seed=6)[0], max_tokens=3)])

    run.finish()

    assert len(run.tokens[1]) == 3
    assert run.ended[1].at_limit


def test_a_limit_of_one_token_ends_a_row_as_it_joins(tiny_llama: Path) -> None:
    decoder = slots_of(tiny_llama)

    (step,) = decoder.admit([row(1, prompts(1, seed=6)[0], max_tokens=1)])

    assert step.ended and step.at_limit and len(step.token_ids) == 1
    assert decoder.stats().rows == 0


def test_the_end_token_ends_a_row_and_is_not_passed_on(tiny_llama: Path) -> None:
    prompt = prompts(1, seed=7)[0]
    free = generated(tiny_llama, prompt)
    end = free[5]
    decoder = slots_of(tiny_llama)
    decoder._end_tokens = frozenset({end})
    run = Run(decoder)
    run.admit([row(1, prompt)])

    run.finish()

    assert run.tokens[1] == free[: free.index(end)]
    assert not run.ended[1].at_limit


def test_a_released_row_frees_its_slot_at_once(tiny_llama: Path) -> None:
    first, second, third = prompts(3, seed=8)
    run = Run(slots_of(tiny_llama, max_rows=2))
    run.admit([row(1, first), row(2, second)])
    assert run.decoder.room_for([row(3, third)]) == 0

    run.decoder.release(1)

    assert run.decoder.room_for([row(3, third)]) == 1
    run.admit([row(3, third)])
    assert run.finish()[3] == generated(tiny_llama, third)
    assert run.tokens[2] == generated(tiny_llama, second)


def test_releasing_a_row_that_is_not_there_is_no_error(tiny_llama: Path) -> None:
    slots_of(tiny_llama).release(99)


def test_a_step_is_as_wide_as_the_rows_that_run(tiny_llama: Path) -> None:
    decoder = slots_of(tiny_llama)
    decoder.admit([row(id, prompt) for id, prompt in enumerate(prompts(5, seed=9))])
    for id in (0, 1, 2):
        decoder.release(id)

    decoder.step()

    assert [each.slot for each in decoder._running] == [0, 1]


def test_more_rows_than_slots_are_refused_and_nothing_is_admitted(tiny_llama: Path) -> None:
    decoder = slots_of(tiny_llama, max_rows=2)

    with pytest.raises(OutOfMemory):
        decoder.admit([row(id, prompt) for id, prompt in enumerate(prompts(3, seed=10))])

    assert decoder.stats().rows == 0


@pytest.mark.parametrize(
    ("prompt", "max_tokens"), [((), 4), ((5, 6), 0), ((5,) * 1000, 100)], ids=["empty", "no token", "too long"]
)
def test_a_row_that_cannot_be_completed_is_refused(tiny_llama: Path, prompt: tuple[int, ...], max_tokens: int) -> None:
    with pytest.raises(ValueError):
        slots_of(tiny_llama).admit([row(1, prompt, max_tokens)])


def test_stats_count_the_positions_held(tiny_llama: Path) -> None:
    decoder = slots_of(tiny_llama, max_rows=4)
    first, second = prompts(2, seed=11)
    decoder.admit([row(1, first), row(2, second)])
    decoder.step()

    stats = decoder.stats()

    assert stats.rows == 2
    assert stats.kv_tokens_used == len(first) + len(second) + 2
    assert stats.kv_tokens_total == 4 * decoder.context_tokens


def test_rows_beyond_the_budget_have_to_wait(tiny_llama: Path) -> None:
    decoder = slots_of(tiny_llama)
    decoder._budget_tokens = 3 * LENGTH_STEP
    short = [row(id, (5, 6, 7), 10) for id in range(5)]

    assert decoder.room_for(short) == 3
    assert decoder.room_for([row(9, (5,) * 100, 10), *short]) == 1


def test_clear_forgets_all_and_the_decoder_goes_on(tiny_llama: Path) -> None:
    first, second = prompts(2, seed=12)
    decoder = slots_of(tiny_llama)
    decoder.admit([row(1, first)])

    decoder.clear()

    assert decoder.step() == []
    assert completed(decoder, [row(1, second)]) == {1: generated(tiny_llama, second)}


# Lack of memory


def fail_once(decoder: SlotDecoder, what: str, error: Exception) -> None:
    """The next forward of this kind fails, as late as it can: after keys and values have been written."""
    real = decoder._forward.run

    def run(*args: object, **kwargs: object) -> torch.Tensor:
        decoder._forward.run = real  # type: ignore[method-assign]
        real(*args, **kwargs)  # type: ignore[arg-type]
        raise error

    def arm(now: str) -> None:
        if now == what:
            decoder.before_forward = lambda _: None
            decoder._forward.run = run  # type: ignore[method-assign]

    decoder.before_forward = arm


ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
]


@pytest.mark.parametrize("error", ERRORS, ids=["cuda", "cpu"])
def test_lack_of_memory_in_admit_admits_nothing_and_leaves_the_others(tiny_llama: Path, error: Exception) -> None:
    first, second = prompts(2, seed=13)
    decoder = slots_of(tiny_llama)
    run = Run(decoder)
    run.admit([row(1, first)])
    run.step()
    fail_once(decoder, "admit", error)

    with pytest.raises(OutOfMemory):
        run.admit([row(2, second)])

    assert decoder.stats().rows == 1
    run.admit([row(2, second)])
    assert run.finish() == {1: generated(tiny_llama, first), 2: generated(tiny_llama, second)}


@pytest.mark.parametrize("error", ERRORS, ids=["cuda", "cpu"])
def test_lack_of_memory_in_a_step_leaves_all_rows_as_they_were(tiny_llama: Path, error: Exception) -> None:
    several = prompts(3, seed=14)
    decoder = slots_of(tiny_llama)
    run = Run(decoder)
    run.admit([row(id, prompt) for id, prompt in enumerate(several)])
    run.step()
    before = decoder.stats()
    fail_once(decoder, "step", error)

    with pytest.raises(OutOfMemory):
        run.step()

    assert decoder.stats() == before
    assert run.finish() == {id: generated(tiny_llama, prompt) for id, prompt in enumerate(several)}


def test_after_lack_of_memory_fewer_rows_are_let_in(tiny_llama: Path) -> None:
    several = prompts(4, seed=15)
    decoder = slots_of(tiny_llama)
    decoder.admit([row(id, prompt) for id, prompt in enumerate(several[:2])])
    fail_once(decoder, "step", ERRORS[0])
    with pytest.raises(OutOfMemory):
        decoder.step()

    assert decoder.room_for([row(9, several[3])]) == 0


def test_another_error_is_not_taken_for_lack_of_memory(tiny_llama: Path) -> None:
    decoder = slots_of(tiny_llama)
    decoder.admit([row(1, prompts(1, seed=16)[0])])
    fail_once(decoder, "step", RuntimeError("shapes cannot be multiplied"))

    with pytest.raises(RuntimeError, match="shapes"):
        decoder.step()


def test_buffers_that_do_not_fit_leave_the_old_ones(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = prompts(1, seed=17)[0], prompts(1, seed=18, shortest=400, longest=400)[0]
    decoder = slots_of(tiny_llama)
    run = Run(decoder)
    run.admit([row(1, first)])
    last = decoder._cache.layers[-1]
    monkeypatch.setattr(last, "grown", lambda *_: (_ for _ in ()).throw(ERRORS[1]))

    with pytest.raises(OutOfMemory):
        run.admit([row(2, second)])

    assert run.finish() == {1: generated(tiny_llama, first)}


# Adapters


def test_each_row_has_its_own_adapter(tiny_llama: Path, tiny_adapter: Path) -> None:
    several = prompts(4, seed=19)
    decoder = decoder_of(tiny_llama, adapters=f"shop={tiny_adapter}")
    assert isinstance(decoder, SlotDecoder)
    alone = {id: completed(decoder, [row(id, prompt, adapter="shop")])[id] for id, prompt in enumerate(several)}

    tokens = completed(
        decoder, [row(id, prompt, adapter="shop" if id % 2 else None) for id, prompt in enumerate(several)]
    )

    assert tokens == {id: alone[id] if id % 2 else generated(tiny_llama, prompt) for id, prompt in enumerate(several)}
    assert alone[1] != generated(tiny_llama, several[1])


def test_a_prefix_computed_with_another_adapter_is_not_used(tiny_llama: Path, tiny_adapter: Path) -> None:
    (prompt,) = prompts(1, seed=20, shortest=60)
    decoder = decoder_of(tiny_llama, adapters=f"shop={tiny_adapter}")
    run = Run(decoder)
    run.admit([row(1, prompt, adapter="shop")])

    run.admit([row(2, prompt)])

    assert run.cached[2] == 0
