"""Cohorts: encoder-decoders and causal models that slots do not fit get what `generate` gives."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from llm_component.decoding import build
from llm_component.decoding.cohorts import CohortDecoder
from llm_component.decoding.interface import OutOfMemory
from tests.llm.decoding_runs import Run, at_random_steps, completed, decoder_of, generated, prompts, row

MODELS = ["tiny_t5", "tiny_bart", "tiny_llama", "uncached"]


@pytest.fixture(params=MODELS)
def folder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that is decoded in cohorts; the causal ones as if slots, or any cache, did not fit them."""
    if request.param in ("tiny_llama", "uncached"):
        monkeypatch.setattr(build, "slot_forward", lambda *_: None)
    if request.param == "uncached":
        monkeypatch.setattr(build, "_cohort_agrees", lambda *_: False)
    return request.getfixturevalue("tiny_llama" if request.param == "uncached" else request.param)


def cohorts_of(folder: Path, **settings: int) -> CohortDecoder:
    decoder = decoder_of(folder, **settings)
    assert isinstance(decoder, CohortDecoder)
    return decoder


def test_rows_admitted_together_get_what_generate_gives(folder: Path) -> None:
    several = prompts(5, seed=60)

    tokens = completed(cohorts_of(folder), [row(id, prompt) for id, prompt in enumerate(several)])

    assert tokens == {id: generated(folder, prompt) for id, prompt in enumerate(several)}


@pytest.mark.parametrize("seed", range(2))
def test_rows_that_join_and_leave_at_random_steps_get_what_generate_gives(folder: Path, seed: int) -> None:
    choice = random.Random(seed)
    waiting = [row(id, prompt, choice.randint(1, 14)) for id, prompt in enumerate(prompts(10, seed=seed + 61))]
    run = Run(cohorts_of(folder, max_rows=5))
    wanted = {each.id: generated(folder, each.prompt, each.max_tokens) for each in waiting}
    released = at_random_steps(run, waiting, choice, left=0.2)

    for id, tokens in run.tokens.items():
        assert tokens == (wanted[id][: len(tokens)] if id in released else wanted[id])


def test_the_end_token_ends_a_row_and_is_not_passed_on(folder: Path) -> None:
    first, second = prompts(2, seed=63)
    free = generated(folder, first)
    end = free[4]
    decoder = cohorts_of(folder)
    decoder._end_tokens = frozenset({end})

    tokens = completed(decoder, [row(1, first), row(2, second)])

    assert tokens[1] == free[: free.index(end)]


def test_an_ended_row_leaves_its_cohort_in_the_same_step(folder: Path) -> None:
    first, second = prompts(2, seed=64)
    decoder = cohorts_of(folder)
    decoder.admit([row(1, first, 3), row(2, second, 20)])
    decoder.step()

    decoder.step()

    assert [[each.row.id for each in cohort.rows] for cohort in decoder._cohorts] == [[2]]


def test_a_released_row_frees_its_place_at_once(folder: Path) -> None:
    first, second, third = prompts(3, seed=65)
    decoder = cohorts_of(folder, max_rows=2)
    decoder.admit([row(1, first), row(2, second)])
    assert decoder.room_for([row(3, third)]) == 0

    decoder.release(1)

    assert decoder.room_for([row(3, third)]) == 1


def test_an_empty_cohort_goes(folder: Path) -> None:
    decoder = cohorts_of(folder)
    decoder.admit([row(1, prompts(1, seed=66)[0])])

    decoder.release(1)

    assert decoder._cohorts == []
    assert decoder.stats().rows == 0


@pytest.mark.parametrize("when", ["admit", "step"])
def test_lack_of_memory_loses_no_row(folder: Path, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = prompts(3, seed=67)
    decoder = cohorts_of(folder)
    run = Run(decoder)
    run.admit([row(1, first)])
    run.admit([row(2, second)])
    run.step()
    real = type(decoder._cohorts[0]).logits
    calls: list[int] = []

    def logits(self: object) -> torch.Tensor:
        found = real(self)  # type: ignore[arg-type]
        calls.append(1)
        if len(calls) == (1 if when == "admit" else 2):  # in a step after the first cohort is through
            self._cache = None  # type: ignore[attr-defined]
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return found

    monkeypatch.setattr(type(decoder._cohorts[0]), "logits", logits)

    with pytest.raises(OutOfMemory):
        run.admit([row(3, third)]) if when == "admit" else run.step()

    assert decoder.stats().rows == 2
    assert run.finish() == {1: generated(folder, first), 2: generated(folder, second)}


def test_memory_that_runs_out_while_a_row_leaves_costs_only_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = prompts(2, seed=68)
    decoder = cohorts_of(folder)
    run = Run(decoder)
    run.admit([row(1, first), row(2, second)])
    run.step()

    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(decoder._cohorts[0], "_select", fail)
    decoder.release(1)

    assert run.finish()[2] == generated(folder, second)


def test_a_forced_first_token_is_given(tiny_bart: Path) -> None:
    decoder = cohorts_of(tiny_bart)
    decoder._forced_first_token = 77

    assert completed(decoder, [row(1, prompts(1, seed=69)[0])])[1][0] == 77


def test_a_causal_model_whose_cache_fits_is_not_computed_anew(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "slot_forward", lambda *_: None)
    decoder = cohorts_of(tiny_llama)

    decoder.admit([row(1, prompts(1, seed=70)[0])])

    assert decoder._cohorts[0].has_cache
