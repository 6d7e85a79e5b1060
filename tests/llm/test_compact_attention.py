"""The written-out attention is the formula, and the fused kernel gives the same values and gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from llm_component.compact.attention import MultiHeadAttention, attention, written_out_attention


def tensors(queries: int = 5, keys: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    shapes = [(2, 3, queries, 8), (2, 3, keys, 8), (2, 3, keys, 8)]
    q, k, v = (torch.randn(shape, generator=generator).requires_grad_() for shape in shapes)
    return q, k, v


MASKS = {
    "none": None,
    "causal": torch.ones(5, 7, dtype=torch.bool).tril(2),
    "padding": (torch.arange(7) < torch.tensor([[7], [4]]))[:, None, None, :],
    "random": (torch.rand(2, 1, 5, 7, generator=torch.Generator().manual_seed(1)) < 0.6) | (torch.arange(7) == 0),
}


@pytest.mark.parametrize("mask", MASKS)
def test_the_fused_kernel_gives_what_the_formula_gives(mask: str) -> None:
    q, k, v = tensors()

    torch.testing.assert_close(
        attention(q, k, v, MASKS[mask]), written_out_attention(q, k, v, MASKS[mask]), atol=1e-6, rtol=1e-6
    )


@pytest.mark.parametrize("mask", MASKS)
def test_its_gradients_are_those_of_the_formula(mask: str) -> None:
    given, wanted = tensors(), tensors()
    attention(*given, MASKS[mask]).pow(2).sum().backward()
    written_out_attention(*wanted, MASKS[mask]).pow(2).sum().backward()

    for got, want in zip(given, wanted, strict=True):
        torch.testing.assert_close(got.grad, want.grad, atol=1e-5, rtol=1e-5)


def test_in_autocast_a_cpu_computes_it_in_fp32_and_gives_the_dtype_back() -> None:
    q, k, v = (each.detach().bfloat16() for each in tensors())

    with torch.autocast("cpu", torch.bfloat16):
        got = attention(q, k, v)

    assert got.dtype == torch.bfloat16
    wanted = written_out_attention(q.float(), k.float(), v.float())
    torch.testing.assert_close(got, wanted.bfloat16(), atol=0, rtol=0.01)


def test_the_formula_by_hand() -> None:
    q, k, v = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[10.0], [20.0]])
    first = math.exp(1 / math.sqrt(2))

    got = written_out_attention(q, k, v)

    assert got.item() == pytest.approx((10 * first + 20) / (first + 1))


def test_a_forbidden_key_has_no_part() -> None:
    q, k, v = (each.detach() for each in tensors())
    allowed = torch.ones(5, 7, dtype=torch.bool)
    allowed[:, 3] = False
    changed = v.clone()
    changed[:, :, 3] = 1000.0

    torch.testing.assert_close(attention(q, k, v, allowed), attention(q, k, changed, allowed))


def test_heads_see_their_own_part_of_the_states() -> None:
    torch.manual_seed(1)
    layer = MultiHeadAttention(6, 3, 0.0)
    states = torch.randn(2, 4, 6)
    keys, values = layer.keys_and_values(states)
    queries = layer.query(states)

    got = layer(states, keys, values, None)

    heads = [
        written_out_attention(queries[..., part], layer.key(states)[..., part], layer.value(states)[..., part])
        for part in (slice(0, 2), slice(2, 4), slice(4, 6))
    ]
    torch.testing.assert_close(got, layer.output(torch.cat(heads, dim=-1)))
