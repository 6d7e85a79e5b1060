"""A BERT of two small layers with random weights, as a sentence-transformers folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast

from llm_component.encoder import SentenceEncoder, load_encoder

DIMENSION = 32
MOST_TOKENS = 24


def tiny_encoder(folder: Path, words: Sequence[str]) -> SentenceEncoder:
    """Writes it below `folder` and loads it from there; `words` are all it knows."""
    (folder / "words").mkdir()
    vocabulary = folder / "words" / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]), encoding="utf-8")
    config = BertConfig(
        vocab_size=5 + len(words),
        hidden_size=DIMENSION,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=MOST_TOKENS,
    )
    with torch.random.fork_rng():
        torch.manual_seed(5)
        BertModel(config).save_pretrained(folder / "bert")
    BertTokenizerFast(str(vocabulary)).save_pretrained(folder / "bert")
    layer = Transformer(str(folder / "bert"), max_seq_length=MOST_TOKENS)
    SentenceTransformer(modules=[layer, Pooling(DIMENSION)], device="cpu").save(str(folder / "model"))
    return load_encoder(str(folder / "model"))
