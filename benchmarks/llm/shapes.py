"""Model shapes of real families with random weights, and a word tokenizer: speed does not depend on the words."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from llm_component.models.chat_template import ChatTemplate
from llm_component.models.loaded import LoadedModel

CONTEXT_TOKENS = 4096
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")


@dataclass(frozen=True)
class Shape:
    """Sizes of a decoder-only model; `like` names the published model whose sizes these are."""

    name: str
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    intermediate: int
    vocabulary: int
    like: str = ""
    head_dim: int | None = None
    tied: bool = True

    def config(self) -> LlamaConfig:
        """The transformers configuration."""
        return LlamaConfig(
            hidden_size=self.hidden,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.kv_heads,
            intermediate_size=self.intermediate,
            vocab_size=self.vocabulary,
            head_dim=self.head_dim or self.hidden // self.heads,
            max_position_embeddings=CONTEXT_TOKENS,
            tie_word_embeddings=self.tied,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("5m", 256, 4, 4, 4, 704, 8192),
        Shape("27m", 512, 8, 8, 8, 1408, 8192),
        Shape("135m", 576, 30, 9, 3, 1536, 49152, like="SmolLM2-135M"),
        Shape("0.5b", 896, 24, 14, 2, 4864, 151936, like="Qwen2.5-0.5B"),
        Shape("1.5b", 1536, 28, 12, 2, 8960, 151936, like="Qwen2.5-1.5B"),
        Shape("3b", 3072, 28, 24, 8, 8192, 128256, like="Llama-3.2-3B", head_dim=128),
        Shape("8b", 4096, 32, 32, 8, 14336, 128256, like="Llama-3.1-8B", head_dim=128, tied=False),
    )
}


def word_tokenizer(vocabulary: int) -> PreTrainedTokenizerFast:
    """One token a word: `w17` is token 17, so that a text has as many tokens as words."""
    words = {word: number for number, word in enumerate(SPECIAL)}
    words |= {f"w{number}": number for number in range(len(SPECIAL), vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def random_model(shape: Shape, device: torch.device, dtype: torch.dtype, seed: int) -> LoadedModel:
    """The shape with random weights. It has no end token, so that every completion is as long as was asked for."""
    torch.manual_seed(seed)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            model = LlamaForCausalLM(shape.config())
    finally:
        torch.set_default_dtype(before)
    model = model.to(dtype).eval().requires_grad_(False)
    model.generation_config.eos_token_id = None
    tokenizer = word_tokenizer(shape.vocabulary)
    return LoadedModel(
        name=shape.name,
        model=model,
        tokenizer=tokenizer,
        kind="causal",
        device=device,
        dtype=dtype,
        context_tokens=CONTEXT_TOKENS,
        end_token_ids=frozenset(),
        pad_token_id=0,
        chat_template=ChatTemplate(tokenizer),
        weight_bytes=sum(weight.numel() * weight.element_size() for weight in model.parameters()),
    )
