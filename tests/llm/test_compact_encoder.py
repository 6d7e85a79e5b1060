"""Each passage is read with the question alone, whatever else stands in its row or batch."""

from __future__ import annotations

import pytest
import torch

from llm_component.compact.blocks import find_blocks
from tests.llm.compact_models import padded, small_model, sources

PASSAGE = 6
QUESTION, FIRST, SECOND = (2, 40, 41, 42), (PASSAGE, 50, 51), (PASSAGE, 60, 61, 62, 63, 64)


@pytest.fixture(scope="module")
def encoder() -> torch.nn.Module:
    return small_model().encoder


@torch.inference_mode()
def states(encoder: torch.nn.Module, *rows: tuple[int, ...]) -> list[torch.Tensor]:
    ids, mask = padded(list(rows))
    found = encoder(ids, mask).last_hidden_state
    return [found[number, : len(row)] for number, row in enumerate(rows)]


def test_a_passage_reads_as_if_it_alone_followed_the_question(encoder: torch.nn.Module) -> None:
    (both,) = states(encoder, QUESTION + FIRST + SECOND)
    (first,) = states(encoder, QUESTION + FIRST)
    (second,) = states(encoder, QUESTION + SECOND)

    torch.testing.assert_close(both[4:7], first[4:], atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(both[7:], second[4:], atol=2e-6, rtol=1e-5)


def test_the_question_does_not_look_at_passages(encoder: torch.nn.Module) -> None:
    (with_passages,) = states(encoder, QUESTION + FIRST + SECOND)
    (alone,) = states(encoder, QUESTION)

    torch.testing.assert_close(with_passages[:4], alone, atol=2e-6, rtol=1e-5)


def test_a_passage_looks_at_the_question(encoder: torch.nn.Module) -> None:
    (one,) = states(encoder, QUESTION + FIRST)
    (other,) = states(encoder, (2, 70, 71, 72, *FIRST))

    assert not torch.allclose(one[4:], other[4:], atol=1e-3)


def test_rows_do_not_depend_on_what_is_beside_them(encoder: torch.nn.Module) -> None:
    rows = sources(6, seed=1)

    together = states(encoder, *rows)

    for row, got in zip(rows, together, strict=True):
        torch.testing.assert_close(got, states(encoder, row)[0], atol=2e-6, rtol=1e-5)


def test_padding_has_no_states(encoder: torch.nn.Module) -> None:
    ids, mask = padded([QUESTION + FIRST, QUESTION])

    assert not encoder(ids, mask).last_hidden_state[1, 4:].any()


def test_a_row_without_a_question_reads_its_passages_apart(encoder: torch.nn.Module) -> None:
    (both,) = states(encoder, FIRST + SECOND)

    torch.testing.assert_close(both[3:], states(encoder, SECOND)[0], atol=2e-6, rtol=1e-5)


def test_positions_count_on_from_the_question_in_each_passage() -> None:
    ids, mask = padded([QUESTION + FIRST + SECOND, QUESTION])

    found = find_blocks(ids, mask, PASSAGE)

    assert found.positions.tolist() == [0, 1, 2, 3, 4, 5, 6, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3]


def test_gradients_reach_every_token() -> None:
    model = small_model()
    ids, mask = padded(sources(3, seed=2))

    model.encoder(ids, mask).last_hidden_state.pow(2).sum().backward()

    used = sorted(set(ids[mask.bool()].tolist()))
    assert model.shared.weight.grad is not None
    assert bool((model.shared.weight.grad[used].abs().sum(dim=1) > 0).all())
