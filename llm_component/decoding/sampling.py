"""Chooses the next token of each row from its logits.

A row's choice depends on its own logits, settings and random numbers alone, never on the rows beside it: each row has
its own generator, which gives one uniform number a token, and that number picks the token from the row's cumulative
distribution.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from llm_component.engines.interface import Sampling


class Draws:
    """A row's uniform random numbers, one a token.

    `current` stays the same until `use` is called, so a step that failed and is repeated chooses the same token.
    """

    def __init__(self, seed: int | None) -> None:
        self._generator = torch.Generator()  # on the CPU whatever the model's device: one seed, one sequence
        if seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(seed % (1 << 63))
        self._current: float | None = None

    def current(self) -> float:
        """The number for the token that is chosen now, in [0, 1)."""
        if self._current is None:
            self._current = float(torch.rand((), generator=self._generator, dtype=torch.float64))
        return self._current

    def use(self) -> None:
        """The token is chosen; the next one gets another number."""
        self._current = None


def choose(logits: torch.Tensor, samplings: Sequence[Sampling], draws: Sequence[Draws | None]) -> list[int]:
    """The next token of each row.

    Args:
        logits: (rows, vocabulary).
        samplings: of each row.
        draws: of each row; None where its temperature is 0.
    """
    tokens: list[int] = logits.argmax(dim=-1).tolist()
    plain = [row for row, draw in enumerate(draws) if draw is not None and not _cuts(samplings[row])]
    cut = [row for row, draw in enumerate(draws) if draw is not None and _cuts(samplings[row])]
    # Two groups, not one: summed in another order, probabilities would give another token for the same number.
    for rows, sort in ((plain, False), (cut, True)):
        if not rows:
            continue
        numbers = [each.current() for each in (draws[row] for row in rows) if each is not None]
        drawn = _draw(logits[rows].float(), [samplings[row] for row in rows], numbers, sort)
        for row, token in zip(rows, drawn, strict=True):
            tokens[row] = token
    return tokens


def is_greedy(sampling: Sampling) -> bool:
    """Whether the likeliest token is always taken."""
    return sampling.temperature <= 0.0 or sampling.top_k == 1


def _cuts(sampling: Sampling) -> bool:
    return sampling.top_k > 0 or sampling.top_p < 1.0


def _draw(logits: torch.Tensor, samplings: Sequence[Sampling], numbers: Sequence[float], sort: bool) -> list[int]:
    """Samples each row of (rows, vocabulary): temperature, then top_k, then top_p, as `generate` orders them."""
    device = logits.device
    temperatures = torch.tensor([each.temperature for each in samplings], device=device)
    logits = logits / temperatures[:, None]
    order = None
    if sort:
        logits, order = torch.sort(logits, dim=-1, descending=True, stable=True)
        size = logits.shape[-1]
        ranks = torch.arange(size, device=device)
        most = torch.tensor([each.top_k if each.top_k > 0 else size for each in samplings], device=device)
        logits = logits.masked_fill(ranks[None] >= most[:, None], -torch.inf)
        probabilities = torch.softmax(logits, dim=-1)
        before = probabilities.cumsum(dim=-1) - probabilities
        shares = torch.tensor([each.top_p for each in samplings], device=device)
        outside = before >= shares[:, None]
        outside[:, 0] = False  # one token always remains
        probabilities = probabilities.masked_fill(outside, 0.0)
    else:
        probabilities = torch.softmax(logits, dim=-1)
    sums = probabilities.double().cumsum(dim=-1)
    # As a share of the row's own total, so that rounding never asks for more than there is.
    wanted = torch.tensor(numbers, dtype=torch.float64, device=device)[:, None] * sums[:, -1:]
    chosen = torch.searchsorted(sums, wanted, right=True)
    last = (probabilities > 0).long().cumsum(dim=-1).argmax(dim=-1, keepdim=True)  # the last token that is possible
    chosen = torch.minimum(chosen, last)
    if order is not None:
        chosen = order.gather(-1, chosen)
    tokens: list[int] = chosen[:, 0].tolist()
    return tokens
