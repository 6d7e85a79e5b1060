"""What guessing ahead gains: answers of which a known share stands in the prompt, forced on a random model.

A forward hook puts the wanted next token on top of the logits at every position, so the model computes all it would
compute, and its greedy answer is the wanted one (teacher forcing). Baseline and engine run under the same hook.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import torch

from llm_component.models.loaded import LoadedModel

SPAN_TOKENS = {1.0: (24, 0), 0.75: (12, 4), 0.5: (8, 8), 0.0: (0, 8)}  # copied share: copied span, span of new words


def answer(prompt: list[int], share: float, tokens: int, vocabulary: int, seed: int) -> list[int]:
    """`tokens` token ids, `share` of them spans of the prompt in turn with words that are not in it."""
    generator = random.Random(seed)
    copied, new = SPAN_TOKENS[share]
    fresh = sorted(set(range(4, vocabulary)) - set(prompt))
    ids: list[int] = []
    while len(ids) < tokens:
        if copied:
            at = generator.randrange(len(prompt) // 4, len(prompt) - copied)
            ids += prompt[at : at + copied]
        ids += generator.choices(fresh, k=new)
    return ids[:tokens]


@contextlib.contextmanager
def forced(loaded: LoadedModel, wanted: dict[int, int]) -> Iterator[list[int]]:
    """While it lasts, the likeliest token after position p is `wanted[p]`; the list counts the positions computed."""
    computed: list[int] = []

    def hook(module: Any, arguments: tuple, keywords: dict[str, Any], output: Any) -> Any:
        positions = keywords.get("position_ids")
        if positions is None:
            positions = keywords["cache_position"].unsqueeze(0)
        logits = output.logits
        kept = positions[:, -logits.shape[1] :]
        targets = torch.tensor(
            [[wanted.get(int(position), -1) for position in row] for row in kept.tolist()], device=logits.device
        )
        rows, columns = torch.nonzero(targets >= 0, as_tuple=True)
        logits[rows, columns, targets[rows, columns]] = logits.max() + 1
        computed.append(int(kept.shape[1]))
        return output

    handle = loaded.model.register_forward_hook(hook, with_kwargs=True)
    try:
        yield computed
    finally:
        handle.remove()
