"""Finds out whether a model can be decoded in slots: two rows of unequal length must get the plain forward's logits."""

from __future__ import annotations

import logging
from typing import Any

import torch

from llm_component.decoding.forwarding import SlotForward, decoder_config
from llm_component.decoding.masks import MaskPlan, plans_for
from llm_component.decoding.slot_cache import SlotCache
from llm_component.models.loaded import LoadedModel

log = logging.getLogger(__name__)

LENGTHS = (11, 5)  # tokens of the two prompts
STEPS = 3
LONGEST_WINDOW = 512  # windows up to it are checked by prompts that are longer
# Largest difference of logits relative to their largest, from other orders of summing alone.
TOLERANCE = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 6e-2}
SEED = 7


def slot_forward(loaded: LoadedModel, positions: int) -> SlotForward | None:
    """The model with a cache of slots that has passed the probe; None, with a line in the log, where there is none.

    Args:
        positions: of a slot, to begin with.
    """
    config = decoder_config(loaded)
    _leave_flash_attention(loaded)
    plans = plans_for(config, loaded.dtype)
    why = f"its layers are of unknown kinds: {sorted(set(getattr(config, 'layer_types', None) or ()))}"
    for plan in plans:
        cache = SlotCache(config.num_hidden_layers, len(LENGTHS), positions)
        forward = SlotForward(loaded, plan, cache)
        try:
            difference = _difference(loaded, forward, plan)
            forward.bytes_per_token = cache.bytes_per_token()
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # noqa: BLE001  a model may fail in any way on a cache it does not know
            why = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        finally:
            cache.drop(len(LENGTHS), positions)
        if difference <= TOLERANCE.get(loaded.dtype, 6e-2):
            forward.calls = 0
            return forward
        why = f"logits differ by {difference:.2g} of the largest"
    log.warning("%s cannot be decoded in slots (%s); rows are decoded in groups, which is slower", loaded.name, why)
    return None


def _leave_flash_attention(loaded: LoadedModel) -> None:
    """Rows of unequal length need masks, which flash attention does not take."""
    model: Any = loaded.model
    chosen = str(getattr(decoder_config(loaded), "_attn_implementation", ""))
    if chosen.startswith(("flash", "flex", "paged")):
        log.info("Attention is sdpa in place of %s, which takes no masks of ours", chosen)
        model.set_attn_implementation("sdpa")


@torch.inference_mode()
def _difference(loaded: LoadedModel, forward: SlotForward, plan: MaskPlan) -> float:
    """Largest difference of the slots' logits from the plain forward's, relative to the largest logit."""
    config = decoder_config(loaded)
    lengths = list(LENGTHS)
    if plan.window is not None and plan.window <= LONGEST_WINDOW:
        lengths = [min(each + plan.window, loaded.context_tokens - STEPS) for each in lengths]
    generator = torch.Generator().manual_seed(SEED)
    rows = [torch.randint(0, config.vocab_size, (length + STEPS,), generator=generator).tolist() for length in lengths]
    slots = list(range(len(rows)))
    adapters = [None] * len(rows)
    positions = max(lengths) + STEPS
    forward.cache.ensure(len(rows), positions)
    # The second row in two parts, so that a part is attended to through the cache.
    part = lengths[1] // 2
    first = forward(
        [row[:length] for row, length in zip(rows, (lengths[0], part), strict=True)], [0, 0], slots, 0, adapters
    )
    second = forward([rows[1][part : lengths[1]]], [part], [1], positions, [None])
    found = [[first[0, lengths[0] - 1]], [second[0, -1]]]
    for step in range(STEPS):
        starts = [length + step for length in lengths]
        logits = forward(
            [[row[start]] for row, start in zip(rows, starts, strict=True)], starts, slots, positions, adapters
        )
        for row in slots:
            found[row].append(logits[row, 0])
    worst = 0.0
    extra: dict[str, Any] = {"adapter_names": ["__base__"]} if loaded.adapters else {}
    model: Any = loaded.model
    for row, length, logits in zip(rows, lengths, found, strict=True):
        plain = model(input_ids=torch.tensor([row], device=loaded.device), use_cache=False, **extra).logits[0]
        expected = plain[length - 1 :]
        got = torch.stack(logits)
        scale = expected.abs().max().clamp_min(1e-6)
        difference = float((got - expected).abs().max() / scale)
        if not difference <= worst:  # NaN counts as a difference
            worst = difference if difference == difference else float("inf")
    return worst
