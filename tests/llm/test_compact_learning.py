"""The copy head learns what it is for, from nothing, in a minute: values that it never saw, copied and cited.

Which of two passages answers is not learned in that time without the warm start, and not asked for here.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import torch

from llm_component.compact.modeling import CompactForConditionalGeneration
from llm_component.compact.source import SourceBuilder
from llm_component.engines.interface import Grounding, GroundingPassage
from tests.llm.compact_models import padded, small_config, tokenizer

BUILDER = SourceBuilder(tokenizer())
NAMES = ("kettle", "toaster", "delivery", "express", "warranty", "return")


def example(choice: random.Random, values: Sequence[int]) -> tuple[tuple[int, ...], list[list[int]]]:
    """A question after one of two prices, and what each passage would have one write; the first is the right one."""
    names = choice.sample(NAMES, 2)
    prices = [f"£{choice.choice(values)}" for _ in names]
    wanted = choice.randrange(2)
    passages = tuple(
        GroundingPassage("", "", f"the {name} costs {price}") for name, price in zip(names, prices, strict=True)
    )
    source = BUILDER.build(Grounding("answer", f"how much is the {names[wanted]}", (), (), passages))
    return source.ids, [BUILDER.target_ids(f"{prices[place]} [{place + 1}]") for place in (wanted, 1 - wanted)]


@pytest.mark.slow
def test_values_never_seen_are_copied_with_the_number_of_their_passage() -> None:
    torch.manual_seed(1)
    choice = random.Random(1)
    model = CompactForConditionalGeneration(
        small_config(hidden_size=64, intermediate_size=128, decoder_layers=1, dropout=0.0)
    )
    optimiser = torch.optim.AdamW(model.parameters())
    unseen = range(1005, 10000, 7)
    seen = [value for value in range(1000, 10000) if value not in unseen]

    model.train()
    for step in range(1000):
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1.0, (step + 1) / 50) * (1 - step / 1050)
        rows, targets = zip(*(example(choice, seen) for _ in range(32)), strict=True)
        ids, mask = padded(list(rows))
        labels, real = padded([tuple(right) for right, _ in targets])
        model(input_ids=ids, attention_mask=mask, labels=labels.masked_fill(real == 0, -100)).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()

    model.eval()
    rows, targets = zip(*(example(choice, unseen) for _ in range(200)), strict=True)
    ids, mask = padded(list(rows))
    found = model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=12).tolist()
    copied = [
        any(row[1 : 1 + len(target)] == target for target in either) for row, either in zip(found, targets, strict=True)
    ]
    assert sum(copied) > 180
