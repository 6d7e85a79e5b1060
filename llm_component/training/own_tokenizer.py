"""Tokenizers trained on your own texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from llm_component.training.errors import TrainingError

LEAST_SIZE = 300
Texts = Callable[[], Iterable[str]]  # from the beginning at each call


def train_tokenizer(kind: str, texts: Texts, size: int, longest: int) -> Any:
    """A tokenizer of about `size` tokens.

    Args:
        kind: `causal`: byte-level BPE, which can write any text. `masked`: WordPiece as BERT's, lower-cased.
            `denoise`: byte-level BPE with a mask. `compact`: the compact model's vocabulary, chosen from the pieces of
            the packaged sentence encoder by their frequency in the documents.
        longest: tokens of a sequence, kept in the tokenizer's settings.

    Raises:
        TrainingError: the size is too small, or there is no text.
    """
    if size < LEAST_SIZE:
        raise TrainingError(f"--train-tokenizer {size} is too small: take at least {LEAST_SIZE} tokens")
    trained = {"compact": _compact, "masked": _word_pieces}.get(kind, _byte_pairs)(kind, texts, size, longest)
    return trained


def _compact(_kind: str, texts: Texts, size: int, longest: int) -> Any:
    from transformers import AutoTokenizer

    from llm_component.compact.vocabulary import choose, count_pieces, make_tokenizer
    from llm_component.encoder import packaged_folder

    folder = packaged_folder()
    if folder is None:
        raise TrainingError(
            "the packaged sentence encoder is not installed, whose pieces the vocabulary is chosen from"
        )
    encoder_tokenizer = AutoTokenizer.from_pretrained(str(folder))
    counts = count_pieces(((text, 1) for text in texts()), encoder_tokenizer)
    if not counts:
        raise TrainingError("there is no text to train a tokenizer on")
    return make_tokenizer(choose(counts, size, encoder_tokenizer), longest)


def _word_pieces(_kind: str, texts: Texts, size: int, longest: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

    def empty(vocabulary: dict[str, int] | None = None) -> Tokenizer:
        tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        return tokenizer

    learning = empty()
    # The trainer numbers signs within words as it meets them in a hash map, and ties follow the numbers. Numbered
    # beforehand, the same texts give the same tokenizer every time.
    signs = sorted({sign for text in texts() for sign in learning.normalizer.normalize_str(text) if not sign.isspace()})
    fixed = [*special, *(f"##{sign}" for sign in signs)]
    learning.train_from_iterator(
        texts(), trainers.WordPieceTrainer(vocab_size=size, special_tokens=fixed, show_progress=False)
    )
    tokenizer = empty(learning.get_vocab(with_added_tokens=True))
    tokenizer.add_special_tokens(special)
    start, end = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", end), ("[CLS]", start))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=longest,
    )


def _byte_pairs(kind: str, texts: Texts, size: int, longest: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    named = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    if kind == "denoise":
        named["mask_token"] = "<mask>"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts(),
        trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=list(named.values()),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=longest, **named)
