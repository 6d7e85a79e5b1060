"""The compact model's vocabulary: a sentence encoder's word pieces, with case, cut down to what support texts use.

The encoder that the model starts from knows lower-case pieces only and splits at every sign, so what it writes has
neither capitals nor its old spaces. Here a text is split at white space alone: a piece that begins a word stands as it
is, one inside a word has "##" before it, signs and digits too. So decoding gives the text back, letter by letter, and
a price or a code is copied exactly. Each piece remembers which of the encoder's pieces it came from, whose vector it
starts with.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

PAD, UNKNOWN, START, END, MASK, NEW_LINE = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[NL]"
PASSAGE, USER, ASSISTANT, FACTS = "[PSG]", "[USR]", "[BOT]", "[FCT]"
ANSWER, REWRITE, SUMMARISE = "[ANS]", "[RWR]", "[SUM]"
# In this order: their ids are the first ones.
SPECIAL = (PAD, UNKNOWN, START, END, MASK, NEW_LINE, PASSAGE, USER, ASSISTANT, FACTS, ANSWER, REWRITE, SUMMARISE)
CITATIONS = tuple(f"[{number}]" for number in range(1, 10))
# Every one of these can be written and copied alone, whatever else is in the vocabulary.
_LETTERS = "éèêëáàâäãåíìîïóòôöõúùûüñçßøæœÉÄÖÜ"
SIGNS = string.ascii_letters + string.digits + string.punctuation + "£€°²³–—’‘“”…•·×÷±½¼¾" + _LETTERS
INSIDE = "##"
LONGEST_WORD = 400  # characters; an address of a page is one word
# Texts of the house style use these, encoders trained on plain text may not know them.
PLAIN = {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": ".", "•": "-", "·": "-", "×": "x"}


@dataclass(frozen=True)
class Vocabulary:
    """Pieces with their ids, and for each the id of the encoder's piece whose vector it starts with (None: none)."""

    pieces: Mapping[str, int]
    starts: Mapping[str, int | None]


def count_pieces(texts: Iterable[tuple[str, int]], encoder_tokenizer: Any) -> Counter[tuple[str, int]]:
    """How often each piece, with case and "##", comes from which of the encoder's pieces.

    Args:
        texts: texts with a weight each.
        encoder_tokenizer: a fast tokenizer with offsets; its unknown piece is left out.
    """
    counts: Counter[tuple[str, int]] = Counter()
    words: Counter[str] = Counter()
    for text, weight in texts:
        for word in text.split():
            words[word] += weight
    unknown = encoder_tokenizer.unk_token_id
    listed = list(words)
    for start in range(0, len(listed), 4096):
        chunk = listed[start : start + 4096]
        encoded = encoder_tokenizer(chunk, add_special_tokens=False, return_offsets_mapping=True)
        for word, ids, offsets in zip(chunk, encoded["input_ids"], encoded["offset_mapping"], strict=True):
            for piece, (begin, end) in zip(ids, offsets, strict=True):
                if piece != unknown and end > begin:
                    counts[(INSIDE if begin else "") + word[begin:end], piece] += words[word]
    return counts


def choose(counts: Counter[tuple[str, int]], size: int, encoder_tokenizer: Any) -> Vocabulary:
    """The `size` most useful pieces: special ones, citations, every sign in both forms, then words by frequency.

    Digits and signs stay single: a price has the same pieces wherever it stands, so that it can be copied.
    """
    pieces: dict[str, int] = {piece: number for number, piece in enumerate(SPECIAL)}
    own = {PAD: "[PAD]", UNKNOWN: "[UNK]", START: "[CLS]", END: "[SEP]", MASK: "[MASK]"}
    known = encoder_tokenizer.get_vocab()
    starts: dict[str, int | None] = {piece: known.get(own.get(piece, "")) for piece in SPECIAL}

    def add(piece: str, start: int | None) -> None:
        if piece not in pieces:
            pieces[piece] = len(pieces)
            starts[piece] = start

    for citation in CITATIONS:
        add(citation, known.get(citation[1:-1]))
        add(INSIDE + citation, known.get(citation[1:-1]))
    for sign in SIGNS:
        plain = PLAIN.get(sign, sign).lower()
        add(sign, known.get(plain))
        add(INSIDE + sign, known.get(INSIDE + plain, known.get(plain)))
    best: dict[str, int] = {}
    total: Counter[str] = Counter()
    for (piece, start), count in counts.most_common():
        if piece.removeprefix(INSIDE).isalpha():
            best.setdefault(piece, start)
            total[piece] += count
    for piece, _count in total.most_common():
        if len(pieces) >= size:
            break
        add(piece, best[piece])
    return Vocabulary(pieces, starts)


def make_tokenizer(vocabulary: Vocabulary, longest: int) -> PreTrainedTokenizerFast:
    """The tokenizer of a vocabulary, ready for `save_pretrained`. `longest`: tokens of a whole source."""
    tokenizer = Tokenizer(
        models.WordPiece(
            dict(vocabulary.pieces),
            unk_token=UNKNOWN,
            continuing_subword_prefix=INSIDE,
            max_input_chars_per_word=LONGEST_WORD,
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex(r"[ \t]*\n\s*"), f" {NEW_LINE} "),
            normalizers.Replace(Regex(r"\p{Cc}|\p{Cf}"), ""),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.WordPiece(prefix=INSIDE, cleanup=False),
            decoders.Fuse(),
            decoders.Replace(f" {NEW_LINE} ", "\n"),
        ]
    )
    tokenizer.add_special_tokens([piece for piece in SPECIAL if piece != NEW_LINE])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNKNOWN,
        cls_token=START,
        sep_token=END,
        mask_token=MASK,
        bos_token=START,
        eos_token=END,
        additional_special_tokens=[PASSAGE, USER, ASSISTANT, FACTS, ANSWER, REWRITE, SUMMARISE],
        model_max_length=longest,
        clean_up_tokenization_spaces=False,
    )
