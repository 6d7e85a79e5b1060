"""The compact model's configuration."""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig


class CompactConfig(PretrainedConfig):
    """Sizes and special tokens.

    Parameters that control the encoder, which has the form of BERT (post-norm), so that its weights can start from
    a sentence encoder's:
        hidden_size, encoder_layers, attention_heads, intermediate_size, layer_norm_eps, max_positions (of the question
        with one passage, in tokens).
    Parameters that control the decoder (pre-norm):
        decoder_layers, max_target_positions (of a completion, in tokens).
    Parameters that control training:
        dropout, attention_dropout (of attention's weights; above 0 the fused kernel cannot run on a CPU).
    Parameters that control the source (see `llm_component.compact.source.Limits`):
        source_limits, of which those that are left out have their defaults.
    Parameters that control what is written:
        opening_shifts, of the log-probabilities of an answer's first token, by token id
        (`llm_component.compact.opening`);
        answer_token_id, which says in a source that an answer is wanted.
    Special tokens:
        passage_token_id begins a passage: what stands before the first is the question's part.
    """

    model_type = "frontdesk_compact"
    keys_to_ignore_at_inference = ["past_key_values"]
    attribute_map = {"num_attention_heads": "attention_heads", "num_hidden_layers": "decoder_layers"}

    def __init__(
        self,
        vocab_size: int = 10000,
        hidden_size: int = 384,
        encoder_layers: int = 6,
        decoder_layers: int = 3,
        attention_heads: int = 12,
        intermediate_size: int = 1536,
        max_positions: int = 512,
        max_target_positions: int = 256,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        layer_norm_eps: float = 1e-12,
        initializer_range: float = 0.02,
        copies: bool = True,
        pad_token_id: int = 0,
        bos_token_id: int = 2,
        eos_token_id: int = 3,
        decoder_start_token_id: int = 2,
        passage_token_id: int = 6,
        source_limits: dict[str, int] | None = None,
        opening_shifts: dict[str, float] | None = None,
        answer_token_id: int | None = None,
        **others: Any,
    ) -> None:
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.encoder_layers = encoder_layers
        self.decoder_layers = decoder_layers
        self.attention_heads = attention_heads
        self.intermediate_size = intermediate_size
        self.max_positions = max_positions
        self.max_target_positions = max_target_positions
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.layer_norm_eps = layer_norm_eps
        self.initializer_range = initializer_range
        self.copies = copies
        self.passage_token_id = passage_token_id
        self.source_limits = source_limits or {}
        self.opening_shifts = opening_shifts or {}
        self.answer_token_id = answer_token_id
        others.setdefault("tie_word_embeddings", True)
        others.setdefault("is_encoder_decoder", True)
        super().__init__(
            pad_token_id=pad_token_id,
            bos_token_id=bos_token_id,
            eos_token_id=eos_token_id,
            decoder_start_token_id=decoder_start_token_id,
            **others,
        )
