"""The wire form of embeddings, as in OpenAI's API reference, and what an encoder must be able to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

import msgspec
import numpy as np

MAX_TEXTS = 512


class Encoder(Protocol):
    """The part of `llm_component.encoder.SentenceEncoder` that the server uses. Its methods block."""

    name: str
    dimension: int
    max_tokens: int

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of `texts`: `(n, dimension)` float32, each of length 1."""

    def count_tokens(self, text: str) -> int:
        """Tokens that `text` takes of `max_tokens`."""


class EmbeddingRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/embeddings`. Token ids as input are not taken."""

    input: str | Annotated[list[str], msgspec.Meta(min_length=1, max_length=MAX_TEXTS)]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None


class Embedding(msgspec.Struct, frozen=True):
    """One vector: numbers, or little-endian float32 in base64."""

    index: int
    embedding: list[float] | str
    object: Literal["embedding"] = "embedding"


class EmbeddingUsage(msgspec.Struct, frozen=True):
    """Tokens of all texts."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(msgspec.Struct, frozen=True):
    """Vectors in the order of the texts."""

    data: list[Embedding]
    model: str
    usage: EmbeddingUsage
    object: Literal["list"] = "list"
