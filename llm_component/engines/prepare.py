"""From a request to token ids that fit the model; what cannot fit is refused with the numbers."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from llm_component.engines.interface import GenerationRequest, RequestRefused, Sampling
from llm_component.models.loaded import LoadedModel


@dataclass(frozen=True)
class Prepared:
    """A request in tokens. `max_tokens` fits the context; `sampling` has a seed wherever chance plays a part."""

    prompt: tuple[int, ...]
    max_tokens: int
    sampling: Sampling
    copy_from: tuple[int, ...] = ()
    adapter: str | None = None


def refuse_adapter(adapter: str | None, known: tuple[str, ...]) -> None:
    """Raises `RequestRefused` where a request asks for an adapter that is not loaded."""
    if adapter is not None and adapter not in known:
        there = f"there are: {', '.join(known)}" if known else "none is loaded"
        raise RequestRefused(f"the adapter {adapter!r} is unknown; {there}")


def prepare(loaded: LoadedModel, request: GenerationRequest, context_tokens: int, copying: bool) -> Prepared:
    """Tokenises a request. Takes milliseconds for a long one: not for the event loop.

    Args:
        context_tokens: of a causal model prompt and completion together, of an encoder-decoder each.
        copying: whether to tokenise the passages, too, for guessing ahead.

    Raises:
        RequestRefused: the prompt leaves no room for a completion, `max_tokens` is below 1, the adapter is unknown,
            or the chat template refuses the messages.
    """
    refuse_adapter(request.adapter, loaded.adapters)
    if request.sampling.max_tokens < 1:
        raise RequestRefused(f"max_tokens is {request.sampling.max_tokens}; it must be at least 1")
    try:
        if loaded.prompt_style == "compact" and request.grounding is not None:
            prompt = tuple(loaded.grounding_ids(request.grounding))
        else:
            prompt = tuple(loaded.prompt_ids(request.messages))
    except ValueError as error:  # no message, a template that refuses these, or nothing that the model can do
        raise RequestRefused(str(error)) from error
    most = context_tokens if loaded.kind == "encoder_decoder" else context_tokens - 1
    if len(prompt) > most:
        raise RequestRefused(
            f"the prompt has {len(prompt)} tokens; this model takes {most}"
            + ("" if loaded.kind == "encoder_decoder" else " and a completion")
        )
    room = context_tokens if loaded.kind == "encoder_decoder" else context_tokens - len(prompt)
    if loaded.completion_tokens is not None:
        room = min(room, loaded.completion_tokens)
    sampling = request.sampling
    if sampling.temperature > 0 and sampling.seed is None:
        # One seed for the whole completion, so that it can be continued after it had to give up its place.
        sampling = replace(sampling, seed=random.getrandbits(32))
    copy_from: list[int] = []
    if copying and loaded.prompt_style == "chat":
        for passage in request.passages:
            copy_from.extend(loaded.text_ids(passage))
    return Prepared(prompt, min(sampling.max_tokens, room), sampling, tuple(copy_from), request.adapter)
