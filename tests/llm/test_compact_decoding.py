"""Cohorts of the compact model: rows that come and go at any time get what `generate` gives each alone."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from llm_component.decoding.cohorts import CohortDecoder
from llm_component.decoding.interface import OutOfMemory
from tests.llm.compact_models import sources
from tests.llm.decoding_runs import Run, at_random_steps, completed, decoder_of, generated, row


def cohorts_of(folder: Path, max_rows: int = 8) -> CohortDecoder:
    decoder = decoder_of(folder, max_rows=max_rows)
    assert isinstance(decoder, CohortDecoder)
    return decoder


def test_rows_admitted_together(tiny_compact: Path) -> None:
    prompts = sources(6, seed=10)

    tokens = completed(cohorts_of(tiny_compact), [row(id, prompt) for id, prompt in enumerate(prompts)])

    assert tokens == {id: generated(tiny_compact, prompt) for id, prompt in enumerate(prompts)}


@pytest.mark.parametrize("seed", range(4))
def test_rows_that_come_and_go_at_random_steps(tiny_compact: Path, seed: int) -> None:
    choice = random.Random(seed)
    waiting = [row(id, prompt, choice.randint(1, 20)) for id, prompt in enumerate(sources(12, seed=seed))]
    wanted = {each.id: generated(tiny_compact, each.prompt, each.max_tokens) for each in waiting}
    run = Run(cohorts_of(tiny_compact, max_rows=6))
    released = at_random_steps(run, waiting, choice, left=0.2)

    for id, tokens in run.tokens.items():
        assert tokens == (wanted[id][: len(tokens)] if id in released else wanted[id])


def test_rows_that_come_later_join_the_running_ones(tiny_compact: Path) -> None:
    decoder = cohorts_of(tiny_compact)
    run = Run(decoder)
    for id, prompt in enumerate(sources(4, seed=11)):
        run.admit([row(id, prompt, 20)])
        run.step()

    assert len(decoder._cohorts) == 1


def test_other_encoder_decoders_stay_apart(tiny_bart: Path) -> None:
    decoder = cohorts_of(tiny_bart)
    run = Run(decoder)
    for id in range(2):
        run.admit([row(id, (20, 21, 22 + id), 20)])
        run.step()

    assert len(decoder._cohorts) == 2


def test_padding_goes_with_the_row_that_it_was_for(tiny_compact: Path) -> None:
    decoder = cohorts_of(tiny_compact)
    run = Run(decoder)
    first, second = sources(2, seed=12)
    run.admit([row(0, first, 30)])
    for _ in range(3):
        run.step()
    run.admit([row(1, second, 30)])
    run.step()

    decoder.release(0)

    (cohort,) = decoder._cohorts
    assert cohort._targets is None  # type: ignore[attr-defined]
    assert cohort._cache.self_attention_cache.layers[0].keys.shape[2] == 2
    assert run.finish()[1] == generated(tiny_compact, second, 30)


def test_a_step_without_memory_is_repeated(tiny_compact: Path) -> None:
    decoder = cohorts_of(tiny_compact)
    run = Run(decoder)
    prompts = sources(2, seed=13)
    for id, prompt in enumerate(prompts):
        run.admit([row(id, prompt)])
        run.step()
    failing = [True]

    def fail(what: str) -> None:
        if failing and failing.pop():
            raise torch.OutOfMemoryError("no memory")

    decoder.before_forward = fail
    with pytest.raises(OutOfMemory):
        decoder.step()

    assert run.finish() == {id: generated(tiny_compact, prompt) for id, prompt in enumerate(prompts)}


def test_rows_of_unequal_age_are_computed_anew_from_their_tokens(tiny_compact: Path) -> None:
    decoder = cohorts_of(tiny_compact)
    run = Run(decoder)
    prompts = sources(3, seed=14)
    for id, prompt in enumerate(prompts):
        run.admit([row(id, prompt)])
        run.step()
    (cohort,) = decoder._cohorts
    cohort._cache = None
    cohort._forget()

    assert run.finish() == {id: generated(tiny_compact, prompt) for id, prompt in enumerate(prompts)}
