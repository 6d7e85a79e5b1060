"""How likely a model finds given tokens: causal models, encoder-decoders, and masked language models.

All functions return natural logarithms, computed in fp32 from the logits, and leave the model in evaluation mode.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

BATCH_TOKENS = 4096  # of one forward pass, with padding
Ids = Sequence[int]


def causal(model: Any, rows: Sequence[Ids], *, pad: int, batch_tokens: int = BATCH_TOKENS) -> list[list[float]]:
    """For each row the log-probability of its tokens from the second on, each given all before it."""
    result: list[list[float]] = [[] for _ in rows]
    with _evaluating(model):
        for batch in batches([len(row) for row in rows], batch_tokens):
            ids, mask = filled([rows[index] for index in batch], pad, model.device)
            logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
            found = _of_targets(logits[:, :-1], ids[:, 1:])
            for line, index in enumerate(batch):
                result[index] = found[line, : max(0, len(rows[index]) - 1)].tolist()
    return result


def written(
    model: Any, sources: Sequence[Ids], targets: Sequence[Ids], *, pad: int, batch_tokens: int = BATCH_TOKENS
) -> list[list[float]]:
    """For each pair the log-probability of the target's tokens, each given the source and the target before it."""
    result: list[list[float]] = [[] for _ in targets]
    sizes = [len(source) + len(target) for source, target in zip(sources, targets, strict=True)]
    with _evaluating(model):
        for batch in batches(sizes, batch_tokens):
            ids, mask = filled([sources[index] for index in batch], pad, model.device)
            labels, known = filled([targets[index] for index in batch], pad, model.device)
            moved = model.prepare_decoder_input_ids_from_labels(labels.masked_fill(known == 0, -100))
            logits = model(input_ids=ids, attention_mask=mask, decoder_input_ids=moved, use_cache=False).logits
            found = _of_targets(logits, labels)
            for line, index in enumerate(batch):
                result[index] = found[line, : len(targets[index])].tolist()
    return result


def masked(
    model: Any,
    rows: Sequence[Ids],
    positions: Sequence[Ids],
    *,
    mask_id: int,
    pad: int,
    batch_tokens: int = BATCH_TOKENS,
) -> list[list[float]]:
    """For each row the log-probability of the tokens at `positions`, each masked alone and given all the others."""
    jobs = [(row, place) for row, places in enumerate(positions) for place in places]
    found: dict[tuple[int, int], float] = {}
    with _evaluating(model):
        for batch in batches([len(rows[row]) for row, _ in jobs], batch_tokens):
            chosen = [jobs[index] for index in batch]
            ids, mask = filled([rows[row] for row, _ in chosen], pad, model.device)
            lines = torch.arange(len(chosen), device=ids.device)
            places = torch.tensor([place for _, place in chosen], device=ids.device)
            wanted = ids[lines, places].clone()
            ids[lines, places] = mask_id
            logits = model(input_ids=ids, attention_mask=mask).logits[lines, places]
            values = _of_targets(logits[:, None], wanted[:, None])[:, 0].tolist()
            found.update(zip(chosen, values, strict=True))
    return [[found[row, place] for place in places] for row, places in enumerate(positions)]


def batches(sizes: Sequence[int], most: int) -> Iterator[list[int]]:
    """Indices of rows in batches of at most `most` tokens with padding, at least one row each, the longest first."""
    batch: list[int] = []
    longest = 0
    for index in sorted(range(len(sizes)), key=lambda one: -sizes[one]):
        if batch and (len(batch) + 1) * longest > most:
            yield batch
            batch = []
        longest = longest if batch else sizes[index]
        batch.append(index)
    if batch:
        yield batch


def filled(rows: Sequence[Ids], pad: int, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Rows as `(rows, longest)`, filled up at the right, and 1 where there is a token."""
    longest = max(1, max(len(row) for row in rows))
    ids = torch.full((len(rows), longest), pad, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for line, row in enumerate(rows):
        ids[line, : len(row)] = torch.tensor(list(row), dtype=torch.long)
        mask[line, : len(row)] = 1
    return ids.to(device), mask.to(device)


def _of_targets(logits: Tensor, targets: Tensor) -> Tensor:
    """Log-probabilities of `targets` `(rows, length)` under `logits` `(rows, length, vocabulary)`, on the CPU."""
    found: Tensor = logits.float().log_softmax(dim=-1).gather(2, targets[:, :, None]).squeeze(2).cpu()
    return found


class _evaluating:
    """Evaluation mode without gradients, and back to how it was."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._was_training = bool(model.training)
        self._grad = torch.inference_mode()

    def __enter__(self) -> None:
        self._model.eval()
        self._grad.__enter__()

    def __exit__(self, *details: Any) -> None:
        self._grad.__exit__(*details)
        if self._was_training:
            self._model.train()
