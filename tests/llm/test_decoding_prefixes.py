"""Shared prefixes: what is known already is copied, which changes nothing but `cached_tokens`."""

from __future__ import annotations

from pathlib import Path

from llm_component.decoding.prefixes import LEAST_SHARED, shared_length
from llm_component.decoding.slots import SlotDecoder
from tests.llm.decoding_runs import Run, decoder_of, generated, prompts, row

SYSTEM = prompts(1, seed=30, shortest=80, longest=80)[0]


def asked(count: int) -> list[tuple[int, ...]]:
    """Prompts that begin alike."""
    return [SYSTEM + prompt for prompt in prompts(count, seed=31, shortest=5, longest=30)]


def test_a_prompt_seen_before_is_copied_but_for_its_last_token(tiny_llama: Path) -> None:
    run = Run(decoder_of(tiny_llama))
    run.admit([row(1, SYSTEM)])
    run.finish()

    run.admit([row(2, SYSTEM)])

    assert run.cached == {1: 0, 2: len(SYSTEM) - 1}
    assert run.finish()[2] == generated(tiny_llama, SYSTEM)


def test_a_shared_beginning_is_copied_after_the_first_row_has_ended(tiny_gemma: Path) -> None:
    first, second = asked(2)
    run = Run(decoder_of(tiny_gemma))
    run.admit([row(1, first)])
    run.finish()

    run.admit([row(2, second)])

    assert run.cached[2] == shared_length(first, second)
    assert run.finish()[2] == generated(tiny_gemma, second)


def test_rows_that_come_together_compute_their_shared_beginning_once(tiny_llama: Path) -> None:
    several = asked(4)
    run = Run(decoder_of(tiny_llama))

    run.admit([row(id, prompt) for id, prompt in enumerate(several)])

    assert run.cached == {id: shared_length(several[0], prompt) if id else 0 for id, prompt in enumerate(several)}
    assert run.finish() == {id: generated(tiny_llama, prompt) for id, prompt in enumerate(several)}


def test_a_running_row_is_copied_from_where_nothing_is_kept(tiny_llama: Path) -> None:
    first, second = asked(2)
    decoder = decoder_of(tiny_llama)
    assert isinstance(decoder, SlotDecoder)
    run = Run(decoder)
    run.admit([row(1, first)])
    decoder._prefixes.clear()

    run.admit([row(2, second)])

    assert run.cached[2] == shared_length(first, second)
    assert run.finish()[2] == generated(tiny_llama, second)


def test_a_short_shared_beginning_is_computed(tiny_llama: Path) -> None:
    start = SYSTEM[: LEAST_SHARED - 1]
    run = Run(decoder_of(tiny_llama))
    run.admit([row(1, (*start, 11, 12, 13)), row(2, (*start, 21, 22, 23))])

    assert run.cached == {1: 0, 2: 0}


def test_a_changed_first_token_makes_another_prefix(tiny_llama: Path) -> None:
    run = Run(decoder_of(tiny_llama))
    run.admit([row(1, SYSTEM)])

    run.admit([row(2, (SYSTEM[0] + 1, *SYSTEM[1:]))])

    assert run.cached[2] == 0


def test_the_prefix_unused_for_longest_goes_first(tiny_llama: Path) -> None:
    several = prompts(6, seed=32, shortest=40, longest=50)
    decoder = decoder_of(tiny_llama)
    run = Run(decoder)
    for id, prompt in enumerate(several):
        run.admit([row(id, prompt, max_tokens=1)])

    run.admit([row(10, several[-1], max_tokens=1), row(11, several[0], max_tokens=1)])

    assert run.cached[10] > 0
    assert run.cached[11] == 0


def test_shared_length_counts_equal_tokens_from_the_start() -> None:
    assert shared_length((1, 2, 3, 4), (1, 2, 9, 4)) == 2
    assert shared_length((1, 2), (1, 2, 3)) == 2
    assert shared_length((5,), (6,)) == 0
    assert shared_length((), (6,)) == 0
    assert shared_length(tuple(range(100)), (*range(99), 0)) == 99
