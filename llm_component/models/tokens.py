"""A model's tokenizer, and the tokens that end, pad and limit its texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_component.models.files import ModelError, read_json

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

# Where architectures write how many positions they have.
CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length", "max_seq_len", "seq_length")
UNSTATED_CONTEXT = 4096  # where neither the configuration nor the tokenizer says
LARGEST_CONTEXT = 10**7  # tokenizers write 10^30 for "no limit"

# What ends an assistant's turn in the usual templates, where the tokenizer has it.
TURN_ENDS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<end_of_turn>",
    "<turn|>",
    "<|end|>",
    "<|return|>",
    "<|end_of_turn|>",
    "<|endoftext|>",
    "<|end_of_text|>",
)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in `folder`. Raises `ModelError` where it does not load."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    except Exception as error:  # the tokenizers library raises Exception itself
        raise ModelError(
            f"the tokenizer in {folder} does not load ({first_line(error)}); fetch its files anew"
        ) from error


def check_vocabulary(tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig, folder: Path) -> None:
    """Raises `ModelError` where the tokenizer gives ids that the model has no embeddings for.

    Added tokens may lie beyond them: some models ship image tokens to their text-only forms, and none is ever sent.
    """
    rows = getattr(config.get_text_config(), "vocab_size", None)
    if rows is not None and tokenizer.vocab_size > rows:
        raise ModelError(
            f"the tokenizer in {folder} has {tokenizer.vocab_size} tokens and the model {rows}: "
            f"they do not belong together; fetch the model anew"
        )


def context_tokens(config: PretrainedConfig, folder: Path, asked: int, name: str) -> int:
    """Positions to serve: what the model has, or the fewer that are `asked` for (0: all).

    Raises:
        ModelError: more are asked for than it has.
    """
    text = config.get_text_config()
    has = next(
        (value for key in CONTEXT_KEYS if isinstance(value := getattr(text, key, None), int) and value > 0), None
    )
    if has is None:
        declared = folder / "tokenizer_config.json"
        length = read_json(declared, "").get("model_max_length") if declared.exists() else None
        has = int(length) if isinstance(length, int | float) and 0 < length < LARGEST_CONTEXT else UNSTATED_CONTEXT
    if asked > has:
        raise ModelError(
            f"FRONTDESK_LLM_CONTEXT_TOKENS={asked}, but {name} has {has} positions; set at most that, or 0 for all"
        )
    return asked or has


def end_token_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Every token that ends a completion: those of the generation settings, the tokenizer's, and ends of turns."""
    found: set[int] = set()
    for place in (getattr(model, "generation_config", None), model.config, tokenizer):
        said: Any = getattr(place, "eos_token_id", None)
        found.update(said if isinstance(said, list | tuple) else [said] if said is not None else [])
    added = tokenizer.get_added_vocab()
    found.update(added[token] for token in TURN_ENDS if token in added)
    rows = getattr(model.config.get_text_config(), "vocab_size", None)
    return frozenset(token for token in found if token >= 0 and (rows is None or token < rows))


def pad_token_id(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, ends: frozenset[int]) -> int:
    """The token for places that are masked: the model's own, else an end token. The tokenizer has one afterwards."""
    rows = getattr(model.config.get_text_config(), "vocab_size", None)
    for place in (tokenizer, getattr(model, "generation_config", None), model.config):
        said = getattr(place, "pad_token_id", None)
        if isinstance(said, int) and said >= 0 and (rows is None or said < rows):
            break
    else:
        said = min(ends, default=0)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(said)
    return int(said)


def first_line(error: Exception) -> str:
    """What an error says, without the paragraphs that libraries add."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
