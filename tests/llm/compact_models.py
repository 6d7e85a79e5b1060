"""Small compact models with a real vocabulary, and sources for them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedTokenizerFast

from llm_component.compact.configuration import CompactConfig
from llm_component.compact.modeling import CompactForConditionalGeneration
from llm_component.compact.vocabulary import CITATIONS, INSIDE, SIGNS, SPECIAL, Vocabulary, make_tokenizer

TEXT = """
the a is it of to and for from you your we our in on at delivery express standard costs cost how
much does kettle toaster price warranty years days order number return refund free within question don know
"""
WORDS = TEXT.split()


def vocabulary() -> Vocabulary:
    """Special pieces, citations, every sign in both forms, and some words."""
    pieces = [*SPECIAL]
    for piece in [*CITATIONS, *SIGNS, *WORDS, *(word.capitalize() for word in WORDS)]:
        pieces += [each for each in (piece, INSIDE + piece) if each not in pieces]
    return Vocabulary({piece: number for number, piece in enumerate(pieces)}, dict.fromkeys(pieces))


def tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer(vocabulary(), 1024)


def small_config(**changes: Any) -> CompactConfig:
    sizes: dict[str, Any] = {
        "vocab_size": len(vocabulary().pieces),
        "hidden_size": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "attention_heads": 4,
        "intermediate_size": 48,
        "max_positions": 256,
        "max_target_positions": 64,
        "source_limits": {"question": 32, "facts": 24, "question_part": 64, "passage": 64, "chunk": 96, "source": 512},
    }
    return CompactConfig(**{**sizes, **changes})


def small_model(seed: int = 5, **changes: Any) -> CompactForConditionalGeneration:
    """In evaluation mode; its weights are drawn wide, so that what it says varies."""
    torch.manual_seed(seed)
    model = CompactForConditionalGeneration(small_config(**changes)).eval()
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.25)
    nn.init.normal_(model.shared.weight, std=0.7)
    return model


def make_compact(folder: Path, **changes: Any) -> Path:
    """A plain folder, as training saves it."""
    small_model(**changes).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def sources(count: int, seed: int) -> list[tuple[int, ...]]:
    """Random sources of unequal length with none to three passages."""
    choice = random.Random(seed)
    size, passage = len(vocabulary().pieces), small_config().passage_token_id

    def words(least: int, most: int) -> list[int]:
        return [choice.randrange(len(SPECIAL), size) for _ in range(choice.randint(least, most))]

    return [
        (2, *words(3, 12), *(token for _ in range(choice.randint(0, 3)) for token in (passage, *words(2, 25))))
        for _ in range(count)
    ]


def padded(rows: list[tuple[int, ...]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids, padded on the right, and their mask."""
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids, mask
