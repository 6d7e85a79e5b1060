"""Whether the paged engine, where it was asked for, can run here."""

from __future__ import annotations

import re

from llm_component.models.loaded import Kind

PAGED_SINCE = (5, 8)  # the first transformers whose continuous batching can be served from an event loop


def version_of(text: str) -> tuple[int, int]:
    """Major and minor number of a version, such as (5, 23) of "5.23.0" and of "5.24.0.dev0"."""
    numbers = re.match(r"(\d+)\.(\d+)", text)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def why_not_paged(kind: Kind, adapters: tuple[str, ...], transformers_version: str) -> str:
    """The sentence that says why `paged` cannot run a model; empty where it can."""
    instead = "set FRONTDESK_LLM_ENGINE=batch"
    if version_of(transformers_version) < PAGED_SINCE:
        since = ".".join(map(str, PAGED_SINCE))
        return f"the paged engine needs transformers {since} or newer, and this is {transformers_version}; {instead}"
    if kind != "causal":
        return f"the paged engine runs causal models only, and this is an encoder-decoder; {instead}"
    if adapters:
        return f"the paged engine cannot choose a LoRA adapter for each request; {instead}"
    return ""
