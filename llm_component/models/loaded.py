"""A loaded model with what decoding has to know about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from llm_component.engines.interface import Grounding, Message, PromptStyle

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from llm_component.compact.source import SourceBuilder
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
    completion_tokens: int | None = None  # of an encoder-decoder whose completions are shorter than its prompts
    source: SourceBuilder | None = None  # of a model that takes tasks in their parts and no chat

    @property
    def prompt_style(self) -> PromptStyle:
        """What the model takes: messages, or a grounding."""
        return "chat" if self.source is None else "compact"

    def grounding_ids(self, grounding: Grounding) -> list[int]:
        """Token ids of a task, ready for generation. Raises `ValueError` where the model takes none, or not this."""
        if self.source is None:
            raise ValueError("this model takes messages")
        return list(self.source.build(grounding).ids)

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a whole prompt with its special tokens, ready for generation.

        Raises:
            ValueError: there is no message, the template refuses them, or the model takes no chat.
        """
        if self.source is not None:
            raise ValueError(
                "this model takes no chat: it answers from passages (/v1/answers), sums conversations up "
                "(/v1/summaries) and makes questions whole (/v1/rewrites)"
            )
        return self.chat_template.prompt_ids(messages)

    def text_ids(self, text: str) -> list[int]:
        """Token ids of plain text, without special tokens."""
        return self.chat_template.text_ids(text)
