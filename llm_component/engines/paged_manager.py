"""The manager of transformers' continuous batching: made for a model, asked whether its thread lives, ended."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from llm_component.models.loaded import LoadedModel

if TYPE_CHECKING:
    from transformers import ContinuousBatchingConfig, GenerationConfig

CPU_BATCH_TOKENS = 1024  # tokens a forward pass, prompts included; on a GPU transformers fits it to the memory
# Any values but the neutral ones: only then does transformers make the processors that take a value of each request.
_SOME_TEMPERATURE, _SOME_TOP_P, _SOME_TOP_K = 0.7, 0.9, 50


def started_manager(loaded: LoadedModel, rows: int) -> Any:
    """A manager of `loaded` for `rows` requests at once, with its thread running. Blocks."""
    model: Any = loaded.model
    manager = model.init_continuous_batching(
        generation_config=_generation_config(loaded),
        continuous_batching_config=_batching_config(loaded, rows),
    )
    if loaded.device.type == "cuda" and hasattr(manager, "warmup"):
        manager.warmup()  # captures CUDA graphs before the first customer waits for them; not measured
    manager.start()
    return manager


def vocabulary_of(loaded: LoadedModel) -> int:
    """Tokens that the model tells apart."""
    return int(loaded.model.get_input_embeddings().weight.shape[0])


def _generation_config(loaded: LoadedModel) -> GenerationConfig:
    from transformers import GenerationConfig

    return GenerationConfig(
        do_sample=True,
        temperature=_SOME_TEMPERATURE,
        top_p=_SOME_TOP_P,
        top_k=min(_SOME_TOP_K, vocabulary_of(loaded)),
        eos_token_id=sorted(loaded.end_token_ids) or -1,
        pad_token_id=loaded.pad_token_id,
    )


def _batching_config(loaded: LoadedModel, rows: int) -> ContinuousBatchingConfig:
    from transformers import ContinuousBatchingConfig

    config = ContinuousBatchingConfig()
    config.per_request_processors = True
    config.max_requests_per_batch = rows
    config.max_queue_size = 0  # unlimited, as our queue is bounded: `add_request` then never waits
    if loaded.device.type != "cuda":  # by itself it would take most of the machine's memory
        page = int(getattr(config, "page_size", 0) or getattr(config, "block_size", 0) or 32)
        config.num_blocks = rows * -(-loaded.context_tokens // page) + 1
        config.max_batch_tokens = CPU_BATCH_TOKENS
    return config


def why_dead(manager: Any) -> str:
    """Why a manager's thread takes no requests any more; empty while it does.

    It fails its requests before it notes the error that killed it, so the error alone would be seen too late.
    """
    status = getattr(manager, "background_thread_status", manager)
    fatal = getattr(status, "fatal_error", None)
    if fatal is not None:
        return f"{type(fatal).__name__}: {fatal}"
    can_accept = getattr(status, "can_accept_new_requests", None)
    return (can_accept() or "") if can_accept is not None else ""


def stop_manager(manager: Any) -> None:
    """Ends a manager's thread. Blocks."""
    hard = {"hard_stop": True} if "hard_stop" in inspect.signature(manager.stop).parameters else {}
    manager.stop(block=True, **hard)
    if hasattr(manager, "destroy"):
        manager.destroy()
