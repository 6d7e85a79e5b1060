"""The compact model: encoder, decoder and a pointer-generator head, as a `transformers` model with `generate`.

At each step the next token is either written from the vocabulary or copied from the source (See et al. 2017,
equation 9):

    P(w) = p_gen · P_vocab(w) + (1 − p_gen) · Σ over source positions i with token w of a_i

The mixture is computed in fp32; its logarithm goes out as the logits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModelForSeq2SeqLM, GenerationConfig, GenerationMixin, PreTrainedModel
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import Seq2SeqLMOutput
from transformers.utils import GENERATION_CONFIG_NAME

from llm_component.compact.configuration import CompactConfig
from llm_component.compact.decoder import Decoder
from llm_component.compact.encoder import CompactEncoderOutput, Encoder
from llm_component.compact.following import behind_longest, remembered
from llm_component.compact.opening import opened
from llm_component.compact.weights import is_packed, read_packed

FOLLOW = 4.0  # at the start of training: e^4 times as likely as without
LEAST_PROBABILITY = 1e-9  # under the logarithm


class CopyHead(nn.Module):
    """Mixes what the vocabulary offers with what the source offers."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        # Decoder state, gathered source state and the last token's embedding decide (See et al. 2017, equation 8).
        self.generate = nn.Linear(3 * config.hidden_size, 1)
        # What stands behind the tokens that were just written is likely to be next, as induction heads find it
        # (Olsson et al. 2022); how likely, the state says.
        self.follow = nn.Linear(config.hidden_size, 1)
        self.follow.bias_at_start = FOLLOW
        self.scale = config.hidden_size**-0.5

    def forward(
        self,
        states: Tensor,
        embedded: Tensor,
        memory: Tensor,
        keys: Tensor,
        memory_mask: Tensor,
        source_ids: Tensor,
        written: Tensor,
        logits: Tensor,
    ) -> Tensor:
        """Log-probabilities `(batch, queries, vocabulary)` in fp32 from the vocabulary's logits of that shape.

        Args:
            keys: `key` of the memory, `(batch, source, hidden)`; the same at every step.
            written: the tokens up to the one before each query, `(batch, past and queries)`.
        """
        scores = self.query(states) @ keys.transpose(1, 2) * self.scale
        behind = behind_longest(written, source_ids, states.shape[1]).to(scores.dtype)
        # Of many places that go on alike, each has a share.
        scores = scores + self.follow(states) * behind / behind.sum(dim=-1, keepdim=True).clamp(min=1.0)
        scores = scores.float().masked_fill(~memory_mask.bool()[:, None, :], float("-inf"))
        pointing = scores.softmax(dim=-1)  # (batch, queries, source)
        gathered = pointing.to(memory.dtype) @ memory
        generate = torch.sigmoid(self.generate(torch.cat([states, gathered, embedded], dim=-1)).float())
        mixed = generate * logits.float().softmax(dim=-1)
        where = source_ids[:, None, :].expand(-1, states.shape[1], -1)
        mixed = mixed.scatter_add(2, where, (1.0 - generate) * pointing)
        return torch.log(mixed + LEAST_PROBABILITY)


class CompactPreTrainedModel(PreTrainedModel):
    """Initialisation and what transformers has to know."""

    config_class = CompactConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    _supports_sdpa = True
    supports_gradient_checkpointing = False
    # Rows that began at different times may be padded on the left, with a `decoder_attention_mask`.
    takes_ragged_targets = True

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **options: Any) -> Any:
        """As of `PreTrainedModel`; a folder with packed weights is unpacked.

        Raises:
            WeightsError: a packed folder's file is not the one that was saved.
        """
        folder = Path(str(pretrained_model_name_or_path))
        if pretrained_model_name_or_path is None or not is_packed(folder):
            return super().from_pretrained(pretrained_model_name_or_path, *args, **options)
        options.setdefault("config", None)
        config = options["config"] or CompactConfig.from_pretrained(str(folder))
        # These speak of files, and the weights are read here.
        for name in ("config", "local_files_only", "use_safetensors", "trust_remote_code", "state_dict"):
            options.pop(name, None)
        loaded = super().from_pretrained(None, *args, config=config, state_dict=read_packed(folder), **options)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        if (folder / GENERATION_CONFIG_NAME).is_file() and model.can_generate():
            model.generation_config = GenerationConfig.from_pretrained(str(folder))
        return loaded

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.constant_(module.bias, getattr(module, "bias_at_start", 0.0))
        if isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


class CompactForConditionalGeneration(CompactPreTrainedModel, GenerationMixin):
    """The whole model. Embeddings are shared by encoder, decoder and output."""

    _tied_weights_keys = {
        "encoder.embedding.weight": "shared.weight",
        "decoder.embedding.weight": "shared.weight",
    }

    def __init__(self, config: CompactConfig) -> None:
        super().__init__(config)
        self.shared = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.encoder = Encoder(config, self.shared)
        self.decoder = Decoder(config, self.shared)
        self.output_bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.copy_head = CopyHead(config) if config.copies else None
        self.post_init()

    def get_encoder(self, *_: Any, **__: Any) -> Encoder:
        return self.encoder

    def get_input_embeddings(self) -> nn.Embedding:
        return self.shared

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        self.shared = self.encoder.embedding = self.decoder.embedding = value

    def prepare_decoder_input_ids_from_labels(self, labels: Tensor) -> Tensor:
        """Labels moved one to the right behind the start token, `(batch, length)`."""
        moved = torch.full_like(labels, self.config.pad_token_id)
        moved[:, 0] = self.config.decoder_start_token_id
        moved[:, 1:] = labels[:, :-1].masked_fill(labels[:, :-1] == -100, self.config.pad_token_id)
        return moved

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        encoder_outputs: CompactEncoderOutput | None = None,
        past_key_values: EncoderDecoderCache | None = None,
        labels: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_input_ids: Tensor | None = None,
        use_cache: bool | None = None,
        return_dict: bool | None = None,
        **_: Any,
    ) -> Seq2SeqLMOutput:
        """Log-probabilities of the next tokens, `(batch, queries, vocabulary)`; with labels also their mean loss.

        Args:
            input_ids: `(batch, source)`; None where `encoder_outputs` is given.
            attention_mask: `(batch, source)`, 1 for tokens, 0 for padding.
            labels: `(batch, queries)`, -100 where nothing is to be learned.
            decoder_attention_mask: `(batch, past and queries)`, 0 for padding on the left of the targets.
            encoder_input_ids: `(batch, source)`, where `encoder_outputs` do not hold them.
        """
        if encoder_outputs is None:
            if input_ids is None:
                raise ValueError("give input_ids or encoder_outputs")
            encoder_outputs = self.encoder(input_ids, attention_mask)
        memory = encoder_outputs.last_hidden_state
        source_ids = encoder_outputs.get("source_ids", encoder_input_ids)
        if memory is None or source_ids is None:
            raise ValueError("encoder_outputs need source_ids beside last_hidden_state: the copy head points at them")
        mask = source_ids != self.config.pad_token_id if attention_mask is None else attention_mask
        if labels is not None and decoder_input_ids is None:
            decoder_input_ids = self.prepare_decoder_input_ids_from_labels(labels)
        if use_cache and past_key_values is None:
            past_key_values = EncoderDecoderCache(DynamicCache(), DynamicCache())
        states, embedded = self.decoder(decoder_input_ids, memory, mask, past_key_values, decoder_attention_mask)
        logits = functional.linear(states, self.shared.weight, self.output_bias)
        if self.copy_head is not None:
            keys = encoder_outputs.get("copy_keys")
            if keys is None:
                keys = self.copy_head.key(memory)
                if use_cache:  # the next steps need them again
                    encoder_outputs["copy_keys"] = keys
            written = remembered(decoder_input_ids, past_key_values, self.config.decoder_layers)
            logits = self.copy_head(states, embedded, memory, keys, mask, source_ids, written, logits)
        loss = None
        if labels is None and self.config.opening_shifts:
            logits = opened(logits, decoder_input_ids, source_ids, self.config)
        if labels is not None:
            loss = functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=-100)
        return Seq2SeqLMOutput(
            loss=loss, logits=logits, past_key_values=past_key_values, encoder_last_hidden_state=memory
        )


AutoConfig.register(CompactConfig.model_type, CompactConfig, exist_ok=True)
AutoModelForSeq2SeqLM.register(CompactConfig, CompactForConditionalGeneration, exist_ok=True)
