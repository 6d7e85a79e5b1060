"""A loaded model with what decoding has to know about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from llm_component.engines.interface import Message

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from llm_component.models.chat_template import ChatTemplate

Kind = Literal["causal", "encoder_decoder"]


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode on its device. Made by `llm_component.models.loading.load_model`.

    `model` is a `PeftModel` where there are adapters; its forward then takes `adapter_names`, one a row.
    """

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    kind: Kind
    device: torch.device
    dtype: torch.dtype
    context_tokens: int  # of a causal model: prompt and completion; of an encoder-decoder: of each side
    end_token_ids: frozenset[int]
    pad_token_id: int
    chat_template: ChatTemplate
    adapters: tuple[str, ...] = ()
    weight_bytes: int = 0
    notes: Mapping[str, str] = field(default_factory=dict)  # what was chosen at loading, for the log

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a whole prompt with its special tokens, ready for generation."""
        return self.chat_template.prompt_ids(messages)

    def text_ids(self, text: str) -> list[int]:
        """Token ids of plain text, without special tokens."""
        return self.chat_template.text_ids(text)
