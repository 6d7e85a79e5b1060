"""Chooses the decoder for a loaded model, and how much memory it may use."""

from __future__ import annotations

import functools
import logging
from typing import Any

import torch

from llm_component.decoding.cohort import CausalCohort, EncoderDecoderCohort, UncachedCohort
from llm_component.decoding.cohorts import CohortDecoder
from llm_component.decoding.forwarding import SlotForward, decoder_config, inner_model
from llm_component.decoding.graphs import StepGraphs
from llm_component.decoding.interface import Decoder, Row
from llm_component.decoding.memory import budget_bytes, is_out_of_memory
from llm_component.decoding.probe import TOLERANCE, slot_forward
from llm_component.decoding.running import RunningRow
from llm_component.decoding.slots import LENGTH_STEP, SlotDecoder, round_up
from llm_component.engines.interface import Sampling
from llm_component.metrics import FAILURES
from llm_component.models.loaded import LoadedModel
from llm_component.settings import Settings

log = logging.getLogger(__name__)

CPU_ROWS = 32  # more at once only make each slower
CUDA_ROWS = 128
FIRST_POSITIONS = 256  # of a slot on the CPU, where slots grow by need
WANTED_CONTEXT = 4096  # on CUDA a longer context is cut to it before rows are cut to fewer than ...
WANTED_ROWS = 32  # ... these


def make_decoder(loaded: LoadedModel, settings: Settings) -> Decoder:
    """The decoder that suits the model: slots for causal models, groups for the others.

    Raises:
        torch.OutOfMemoryError: not even one short row fits beside the weights.
    """
    cuda = loaded.device.type == "cuda"
    wanted_rows = settings.max_rows or (CUDA_ROWS if cuda else CPU_ROWS)
    if loaded.kind == "encoder_decoder":
        return _encoder_decoder(loaded, wanted_rows)
    forward = slot_forward(loaded, LENGTH_STEP)
    if forward is None:
        FAILURES.labels("decoding", "no_slots").inc()
        return _causal_cohorts(loaded, wanted_rows)
    tokens = max(budget_bytes(loaded.device) // max(forward.bytes_per_token, 1), LENGTH_STEP)
    rows, context = _shape(loaded, settings, wanted_rows, tokens)
    graphs = None
    if cuda:
        rows, context = _allocate(forward, rows, context)
        tokens = rows * round_up(context, LENGTH_STEP)
        if not loaded.adapters:  # which adapter a row has is not a tensor, so it cannot change in a captured step
            graphs = StepGraphs(forward, rows)
            with torch.inference_mode():
                graphs.warm_up()
    else:
        tokens = min(tokens, rows * round_up(context, LENGTH_STEP))
        forward.cache.drop(1, FIRST_POSITIONS)
    log.info("Slots: %d rows at most, %d tokens each at most, %d tokens of memory", rows, context, tokens)
    return SlotDecoder(
        forward,
        end_tokens=loaded.end_token_ids,
        max_rows=rows,
        context_tokens=context,
        budget_tokens=tokens,
        speculation=settings.speculation,
        graphs=graphs,
    )


def _shape(loaded: LoadedModel, settings: Settings, rows: int, tokens: int) -> tuple[int, int]:
    """Rows at most and tokens of a row at most, within a budget of tokens."""
    context = min(loaded.context_tokens, tokens)
    if loaded.device.type != "cuda":
        return rows, context
    # Slots are reserved whole: a long context that is seldom used is paid for by rows.
    if not settings.context_tokens and rows * context > tokens:
        context = min(context, max(WANTED_CONTEXT, tokens // min(rows, WANTED_ROWS)))
    context = max(context // LENGTH_STEP * LENGTH_STEP, LENGTH_STEP) if context > LENGTH_STEP else context
    rows = max(1, min(rows, tokens // context))
    if context < loaded.context_tokens:
        log.info(
            "The context is cut from %d to %d tokens so that %d rows fit; FRONTDESK_LLM_CONTEXT_TOKENS and "
            "FRONTDESK_LLM_MAX_ROWS set both",
            loaded.context_tokens,
            context,
            rows,
        )
    return rows, context


def _allocate(forward: SlotForward, rows: int, context: int) -> tuple[int, int]:
    """Reserves all slots at once; with fewer rows, then a shorter context, where the device has no room after all."""
    while True:
        forward.cache.drop(rows, round_up(context, LENGTH_STEP))
        try:
            with torch.inference_mode():
                forward([[0]], [0], [0], LENGTH_STEP, [None])
            forward.calls = 0
            return rows, context
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or (rows == 1 and context <= LENGTH_STEP):
                raise
        torch.cuda.empty_cache()
        if rows > 1:
            rows = rows * 3 // 4
        else:
            context = max(context // 2 // LENGTH_STEP * LENGTH_STEP, LENGTH_STEP)
        log.warning("The device has less room than it said: %d rows of %d tokens are tried", rows, context)


def _encoder_decoder(loaded: LoadedModel, rows: int) -> CohortDecoder:
    model = inner_model(loaded)
    start = _first_set(model, "decoder_start_token_id", "bos_token_id")
    if start is None:
        raise ValueError(f"{loaded.name} names neither a decoder_start_token_id nor a bos_token_id")
    return CohortDecoder(
        functools.partial(EncoderDecoderCohort, loaded, start_token=start),
        device=loaded.device,
        end_tokens=loaded.end_token_ids,
        max_rows=rows,
        context_tokens=loaded.context_tokens,
        budget_tokens=_cohort_budget(loaded),
        encoder_decoder=True,
        forced_first_token=_first_set(model, "forced_bos_token_id"),
    )


def _causal_cohorts(loaded: LoadedModel, rows: int) -> CohortDecoder:
    kind: Any = CausalCohort
    if not _cohort_agrees(loaded):
        log.warning("%s computes every token from the start: its cache takes no rows of unequal length", loaded.name)
        FAILURES.labels("decoding", "no_cache").inc()
        kind = UncachedCohort
    return CohortDecoder(
        functools.partial(kind, loaded),
        device=loaded.device,
        end_tokens=loaded.end_token_ids,
        max_rows=rows,
        context_tokens=loaded.context_tokens,
        budget_tokens=_cohort_budget(loaded),
        encoder_decoder=False,
    )


@torch.inference_mode()
def _cohort_agrees(loaded: LoadedModel) -> bool:
    """Whether two rows padded on the left get the logits that they get without a cache."""
    generator = torch.Generator().manual_seed(7)
    vocabulary = decoder_config(loaded).vocab_size
    prompts = [torch.randint(0, vocabulary, (length,), generator=generator).tolist() for length in (9, 4, 6)]
    tokens = torch.randint(0, vocabulary, (3,), generator=generator).tolist()

    def rows() -> list[RunningRow]:
        return [RunningRow.start(Row(id, tuple(prompt), Sampling(), 8)) for id, prompt in enumerate(prompts)]

    try:
        padded, plain = CausalCohort(loaded, rows()), UncachedCohort(loaded, rows())
        found = [(padded.logits(), plain.logits())]
        for cohort in (padded, plain):
            for each, token in zip(cohort.rows, tokens, strict=True):
                each.output.append(token)
            cohort.keep([0, 2])
        if not padded.has_cache:
            return False
        found.append((padded.logits(), plain.logits()))
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # noqa: BLE001  a model may fail in any way on a cache it does not know
        log.info(
            "%s takes no rows padded on the left: %s", loaded.name, str(error).splitlines()[0] if str(error) else error
        )
        return False
    tolerance = TOLERANCE.get(loaded.dtype, 6e-2)
    return all(bool((got - want).abs().max() <= tolerance * want.abs().max()) for got, want in found)


def _cohort_budget(loaded: LoadedModel) -> int:
    """Positions that fit, by the decoder's configuration; an encoder's position costs as much as a decoder's."""
    config = decoder_config(loaded)
    names = ("num_decoder_layers", "decoder_layers", "num_hidden_layers")
    layers = next((int(found) for name in names if (found := getattr(config, name, None))), 1)
    size = torch.finfo(loaded.dtype).bits // 8
    return max(budget_bytes(loaded.device) // (2 * layers * int(config.hidden_size) * size), LENGTH_STEP)


def _first_set(model: Any, *names: str) -> int | None:
    """The first of these token ids that the generation configuration or the model's sets."""
    for name in names:
        for source in (getattr(model, "generation_config", None), model.config):
            value = getattr(source, name, None)
            if isinstance(value, list):
                value = value[0] if value else None
            if value is not None:
                return int(value)
    return None
