"""The token budget: what an encoder really reads, whatever it claims."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from knowledge_base.token_budget import TokenBudgetError, measured_max_tokens
from tests.unit.knowledge_base.hashing_encoder import HashingEncoder


class ShortSighted(HashingEncoder):
    """Reads fewer words than it claims."""

    def __init__(self, reads: int, claims: int) -> None:
        super().__init__(max_tokens=claims)
        self._reads = reads

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        # count_tokens counts one at each end besides the words
        return super().encode([" ".join(text.split()[: self._reads - 2]) for text in texts])


@pytest.mark.parametrize("claims", [64, 65, 512])
def test_an_encoder_that_reads_all_it_claims_is_taken_at_its_word(claims: int) -> None:
    assert measured_max_tokens(HashingEncoder(max_tokens=claims)) == claims


@pytest.mark.parametrize(("reads", "claims"), [(128, 512), (77, 8192), (17, 64)])
def test_an_encoder_that_reads_less_is_found_out(reads: int, claims: int) -> None:
    assert measured_max_tokens(ShortSighted(reads, claims)) == reads


def test_an_encoder_that_reads_next_to_nothing_is_refused() -> None:
    with pytest.raises(TokenBudgetError, match="does not even read 16 tokens"):
        measured_max_tokens(ShortSighted(5, 64))


@pytest.mark.slow
def test_the_shops_encoder_reads_all_it_claims() -> None:
    from llm_component.encoder import load_encoder

    encoder = load_encoder()

    assert measured_max_tokens(encoder) == encoder.max_tokens == 256
