"""Guessing ahead: the same tokens in fewer forwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_component.decoding.guessing import (
    FIRST_REST,
    LONGEST_GUESS,
    MISSES_IN_A_ROW,
    SHORTEST_GUESS,
    Guesser,
    accepted_prefix,
)
from llm_component.decoding.slots import SlotDecoder
from llm_component.engines.interface import Sampling
from tests.llm.decoding_runs import Run, completed, decoder_of, generated, prompts, row

LONG = 48


def guessing(folder: Path, speculation: bool = True) -> SlotDecoder:
    decoder = decoder_of(folder, speculation=speculation)
    assert isinstance(decoder, SlotDecoder)
    return decoder


@pytest.mark.parametrize("name", ["tiny_llama", "tiny_qwen", "tiny_gemma"])
def test_guessing_changes_no_token(name: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(name)
    for prompt in prompts(4, seed=40):
        expected = generated(folder, prompt, LONG)
        half = tuple(expected[: LONG // 2])  # guesses come true, then fail
        assert completed(guessing(folder), [row(1, prompt, LONG, copy_from=half)])[1] == expected


def test_a_copied_answer_takes_fewer_forwards(tiny_llama: Path) -> None:
    prompt = prompts(1, seed=41)[0]
    answer = tuple(generated(tiny_llama, prompt, LONG))
    decoder = guessing(tiny_llama)

    tokens = completed(decoder, [row(1, prompt, LONG, copy_from=answer)])[1]

    assert tokens == list(answer)
    assert decoder.forwards <= LONG // 4


def test_stats_tell_what_guessing_has_come_to(tiny_llama: Path) -> None:
    prompt = prompts(1, seed=41)[0]
    decoder = guessing(tiny_llama)

    completed(decoder, [row(1, prompt, LONG, copy_from=tuple(generated(tiny_llama, prompt, LONG)))])

    stats = decoder.stats()
    assert LONG // 2 < stats.accepted_tokens <= stats.guessed_tokens


def test_an_end_token_among_the_guesses_ends_the_row(tiny_llama: Path) -> None:
    prompt = prompts(1, seed=41)[0]
    answer = generated(tiny_llama, prompt, LONG)
    end = next(token for place, token in enumerate(answer) if place >= 8 and token not in answer[:place])
    decoder = guessing(tiny_llama)
    decoder._end_tokens = frozenset({end})
    run = Run(decoder)
    run.admit([row(1, prompt, LONG, copy_from=tuple(answer))])

    assert run.finish()[1] == answer[: answer.index(end)]
    assert not run.ended[1].at_limit


def test_guesses_never_pass_the_limit(tiny_llama: Path) -> None:
    prompt = prompts(1, seed=41)[0]
    answer = tuple(generated(tiny_llama, prompt, LONG))

    assert completed(guessing(tiny_llama), [row(1, prompt, 17, copy_from=answer)])[1] == list(answer[:17])


def test_rows_together_are_not_guessed(tiny_llama: Path) -> None:
    several = prompts(2, seed=42)
    decoder = guessing(tiny_llama)
    rows = [row(id, prompt, copy_from=tuple(generated(tiny_llama, prompt))) for id, prompt in enumerate(several)]

    completed(decoder, rows)

    assert decoder.stats().guessed_tokens == 0


def test_a_sampled_row_is_not_guessed(tiny_llama: Path) -> None:
    prompt = prompts(1, seed=43)[0]
    decoder = guessing(tiny_llama)

    completed(decoder, [row(1, prompt, LONG, Sampling(temperature=0.7, seed=1), copy_from=prompt)])

    assert decoder.stats().guessed_tokens == 0


def test_without_speculation_nothing_is_guessed(tiny_llama: Path) -> None:
    prompt = prompts(1, seed=41)[0]
    decoder = guessing(tiny_llama, speculation=False)

    completed(decoder, [row(1, prompt, copy_from=tuple(generated(tiny_llama, prompt)))])

    assert decoder.stats().guessed_tokens == 0


def test_a_row_left_alone_is_guessed_from_then_on(tiny_llama: Path) -> None:
    first, second = prompts(2, seed=44)
    decoder = guessing(tiny_llama)
    run = Run(decoder)
    run.admit([row(1, first, LONG, copy_from=tuple(generated(tiny_llama, first, LONG))), row(2, second, LONG)])
    run.step()

    decoder.release(2)

    assert run.finish()[1] == generated(tiny_llama, first, LONG)
    assert decoder.stats().accepted_tokens > 0


def test_the_longest_match_is_preferred() -> None:
    guesser = Guesser([1, 2, 3, 4, 50, 9, 3, 4, 60, 9], (), [1, 2, 3, 4])

    assert guesser.guess(1) == [50]


def test_of_equal_matches_the_latest_is_preferred() -> None:
    assert Guesser([3, 4, 50, 9, 3, 4, 60, 9], (), [3, 4]).guess(1) == [60]


def test_passages_are_preferred_to_the_prompt() -> None:
    assert Guesser([3, 4, 50, 9], (3, 4, 70, 8), [3, 4]).guess(1) == [70]


def test_a_guess_stops_where_its_text_ends() -> None:
    assert Guesser([9, 8], (3, 4, 70), [3, 4]).guess(LONGEST_GUESS) == [70]


def test_a_single_equal_token_is_no_match() -> None:
    assert Guesser([3, 50, 9], (), [7, 3]).guess(LONGEST_GUESS) == []


def test_a_row_rests_after_misses() -> None:
    guesser = Guesser([3, 4, 50, 60] * 4, (), [3, 4])
    for _ in range(MISSES_IN_A_ROW):
        assert guesser.guess(LONGEST_GUESS)
        guesser.learn(LONGEST_GUESS, 0)

    assert guesser.guess(LONGEST_GUESS) == []
    guesser.extend([*range(100, 98 + FIRST_REST), 3, 4])
    assert len(guesser.guess(LONGEST_GUESS)) == SHORTEST_GUESS


def test_accepted_prefix_counts_up_to_the_first_difference() -> None:
    assert accepted_prefix([1, 2, 3], [1, 2, 9, 4]) == 2
    assert accepted_prefix([1], [1, 2]) == 1
    assert accepted_prefix([], [1]) == 0
