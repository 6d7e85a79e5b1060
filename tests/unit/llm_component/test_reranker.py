"""Loading a cross-encoder from a folder, and its scores."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from llm_component.encoder import EncoderError
from llm_component.reranker import load_reranker

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "kettle", "limescale", "parcel", "refund", "how", "the"]


def small_model(folder: Path, labels: int = 1) -> Path:
    """A cross-encoder with seeded random weights."""
    torch.manual_seed(20)
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        num_labels=labels,
        initializer_range=1.0,
    )
    BertForSequenceClassification(config).save_pretrained(folder, safe_serialization=True)
    return folder


def test_without_a_name_there_is_no_reranker() -> None:
    assert load_reranker(None) is None
    assert load_reranker("") is None


def test_each_passage_gets_a_score_that_does_not_hang_on_the_others(tmp_path: Path) -> None:
    reranker = load_reranker(str(small_model(tmp_path / "small")))
    assert reranker is not None

    both = reranker.scores("how limescale", ["the kettle", "the parcel \ud83d"])

    assert both[0] != both[1]
    assert reranker.scores("how limescale", ["the kettle"]) == pytest.approx(both[:1], abs=1e-5)
    assert reranker.scores("how", []) == []
    assert reranker.name == "small"


def test_a_model_with_several_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="gives 3 scores for a pair, expected one"):
        load_reranker(str(small_model(tmp_path / "classes", labels=3)))


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    folder.mkdir()
    (folder / "pytorch_model.bin").write_bytes(b"")

    with pytest.raises(EncoderError, match=r"holds no \.safetensors weights"):
        load_reranker(str(folder))
