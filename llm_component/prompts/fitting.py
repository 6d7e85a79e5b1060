"""Fits prompts on a thread: a long history is cleaned and counted for tens of milliseconds, not for the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Prompt = TypeVar("Prompt")

# One thread: tokenizers take one caller at a time, and the checks of other answers shall not wait behind prompts.
_THREADS = ThreadPoolExecutor(1, thread_name_prefix="llm-prompts")


async def fitted(fit: Callable[[], Prompt]) -> Prompt:
    """What `fit` returns or raises."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, fit)
