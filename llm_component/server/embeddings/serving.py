"""`POST /v1/embeddings`: texts to vectors on a thread of their own, in portions, so that checks come in between."""

from __future__ import annotations

import asyncio
import base64
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from llm_component.engines.interface import Overloaded
from llm_component.server.bodies import json_response, read_json
from llm_component.server.embeddings.protocol import (
    Embedding,
    EmbeddingList,
    EmbeddingRequest,
    EmbeddingUsage,
    Encoder,
)
from llm_component.server.errors import invalid
from llm_component.server.model_list import unknown_model
from llm_component.server.requests import call_of
from llm_component.server.sse import unless_disconnected
from llm_component.server.state import ServerState

PORTION = 16  # texts; the encoder is locked for as long as one portion takes
MAX_WAITING = 64  # requests; more are refused with 429
RETRY_SECONDS = 1.0


class EmbeddingWorker:
    """One thread that encodes, whatever the number of requests: the encoder takes one caller at a time anyway."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embeddings")
        self._waiting = 0

    async def encode(self, encoder: Encoder, texts: list[str]) -> tuple[np.ndarray, int]:
        """Vectors `(n, dimension)` and the tokens of all texts.

        Raises:
            Overloaded: too many requests wait already.
            ApiError: 400 for a text that is longer than the encoder reads.
        """
        if self._waiting >= MAX_WAITING:
            raise Overloaded("Too many embedding requests are waiting.", RETRY_SECONDS)
        cancelled = threading.Event()
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _encode, encoder, texts, cancelled)
        finally:
            self._waiting -= 1
            cancelled.set()

    def close(self) -> None:
        """Lets the thread go after the portion that it is at."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def embeddings(request: Request) -> Response:
    """Encodes texts. Raises what `errors.fault_of` knows."""
    state: ServerState = request.app.state.server
    body = await read_json(request, EmbeddingRequest, state.settings.max_body_bytes)
    encoder = state.encoder()
    if body.model and body.model != encoder.name:
        raise unknown_model(body.model)
    if body.dimensions is not None and body.dimensions != encoder.dimension:
        raise invalid(f"dimensions: this encoder's vectors have {encoder.dimension}.", "dimensions")
    texts = [body.input] if isinstance(body.input, str) else body.input
    for index, text in enumerate(texts):
        if not text:
            raise invalid("input: a text must not be empty.", "input" if body.input == "" else f"input[{index}]")
    worker: EmbeddingWorker = request.app.state.embedding_worker
    vectors, tokens = await unless_disconnected(request, worker.encode(encoder, texts))
    call_of(request).notes.update(texts=len(texts), prompt_tokens=tokens)
    as_text = body.encoding_format == "base64"
    data = [Embedding(index, _base64(vector) if as_text else vector.tolist()) for index, vector in enumerate(vectors)]
    return json_response(EmbeddingList(data, encoder.name, EmbeddingUsage(tokens, tokens)))


def _encode(encoder: Encoder, texts: list[str], cancelled: threading.Event) -> tuple[np.ndarray, int]:
    tokens = 0
    for index, text in enumerate(texts):
        count = encoder.count_tokens(text)
        if count > encoder.max_tokens:
            raise invalid(
                f"input[{index}] has {count} tokens; this encoder reads {encoder.max_tokens}.", f"input[{index}]"
            )
        tokens += count
    portions: list[np.ndarray] = []
    for start in range(0, len(texts), PORTION):
        if cancelled.is_set():
            break  # nobody waits for the rest
        portions.append(encoder.encode(texts[start : start + PORTION]))
    return np.concatenate(portions or [np.zeros((0, encoder.dimension), np.float32)]), tokens


def _base64(vector: np.ndarray) -> str:
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode("ascii")
