"""Sampling: by each row's own settings and random numbers, whatever runs beside it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch

from llm_component.decoding.sampling import Draws, choose
from llm_component.engines.interface import Sampling
from tests.llm.decoding_runs import completed, decoder_of, prompts, row

LOGITS = torch.log(torch.tensor([[0.05, 0.5, 0.15, 0.3]]))


def drawn(sampling: Sampling, times: int = 400) -> Counter[int]:
    draws = Draws(3)
    found: Counter[int] = Counter()
    for _ in range(times):
        found.update(choose(LOGITS, [sampling], [draws]))
        draws.use()
    return found


def test_shares_follow_the_probabilities() -> None:
    found = drawn(Sampling(temperature=1.0), 2000)

    assert [found[token] / 2000 for token in range(4)] == pytest.approx([0.05, 0.5, 0.15, 0.3], abs=0.04)


def test_a_low_temperature_prefers_the_likeliest() -> None:
    assert drawn(Sampling(temperature=0.2))[1] > 350


def test_top_k_leaves_the_k_likeliest() -> None:
    assert set(drawn(Sampling(temperature=1.0, top_k=2))) == {1, 3}


def test_top_p_leaves_the_fewest_that_reach_the_share() -> None:
    assert set(drawn(Sampling(temperature=1.0, top_p=0.79))) == {1, 3}
    assert set(drawn(Sampling(temperature=1.0, top_p=0.81))) == {1, 2, 3}
    assert set(drawn(Sampling(temperature=1.0, top_p=0.0))) == {1}


@pytest.mark.parametrize("sampling", [Sampling(temperature=1.0), Sampling(temperature=1.0, top_k=3, top_p=0.9)])
def test_an_impossible_token_is_never_drawn(sampling: Sampling) -> None:
    logits = torch.tensor([[0.0, -torch.inf, 0.0, -torch.inf]])
    draws = Draws(1)
    draws._current = 1.0 - 1e-17  # rounds to the very end of the distribution

    assert choose(logits, [sampling], [draws]) == [2]


def test_a_number_serves_until_its_token_is_passed_on() -> None:
    draws = Draws(5)
    first = draws.current()

    assert draws.current() == first
    draws.use()
    assert draws.current() != first


def test_rows_of_all_kinds_are_chosen_side_by_side() -> None:
    logits = LOGITS.repeat(3, 1)
    samplings = [Sampling(), Sampling(temperature=1.0, seed=1), Sampling(temperature=1.0, top_k=1, seed=2)]

    together = choose(logits, samplings, [None, Draws(1), Draws(2)])

    assert together == [1, choose(LOGITS, [samplings[1]], [Draws(1)])[0], 1]


@pytest.mark.parametrize("name", ["tiny_llama", "tiny_t5"])
@pytest.mark.parametrize(
    "cut", [Sampling(temperature=0.9, seed=11), Sampling(temperature=0.9, seed=11, top_p=0.9, top_k=40)]
)
def test_a_seed_gives_the_same_tokens_whatever_the_batch(
    name: str, cut: Sampling, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(name)
    mine, *others = prompts(4, seed=50)
    alone = completed(decoder_of(folder), [row(0, mine, sampling=cut)])[0]
    beside = [row(id, prompt, sampling=Sampling(temperature=1.0)) for id, prompt in enumerate(others, start=1)]

    together = completed(decoder_of(folder), [*beside, row(0, mine, sampling=cut)])[0]

    assert together == alone


def test_another_seed_gives_other_tokens(tiny_llama: Path) -> None:
    prompt = prompts(1, seed=51)[0]
    rows = [row(id, prompt, 20, Sampling(temperature=1.5, seed=id)) for id in range(3)]

    tokens = completed(decoder_of(tiny_llama), rows)

    assert len({tuple(each) for each in tokens.values()}) == 3
