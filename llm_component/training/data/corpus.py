"""Texts as one long file of token ids: written in one pass, read by position, never held in memory."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

CHUNK = 256  # documents tokenised at once
INFO = "corpus.json"
_SENTENCE_END = re.compile(r"(?<=[.!?])[ \t]+(?=[^\s])|\n+")


@dataclass(frozen=True)
class Corpus:
    """`tokens[documents[d] : documents[d + 1]]` is document d, which ends with a separator.

    `sentences` are the positions at which sentences begin, ascending; a document's first sentence is among them.
    """

    tokens: np.ndarray
    documents: np.ndarray
    sentences: np.ndarray

    def __len__(self) -> int:
        return len(self.documents) - 1


class _Writer:
    def __init__(self, folder: Path, wide: bool) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._type = np.uint32 if wide else np.uint16
        self._tokens = (folder / "tokens.bin").open("wb")
        self._documents, self._sentences = [0], [0][:0]
        self._count = 0

    def add(self, sentences: list[list[int]], separator: int) -> None:
        for ids in sentences:
            if ids:
                self._sentences.append(self._count)
                self._write(ids)
        self._write([separator])
        self._documents.append(self._count)

    def _write(self, ids: list[int]) -> None:
        self._tokens.write(np.asarray(ids, dtype=self._type).tobytes())
        self._count += len(ids)

    def close(self) -> None:
        self._tokens.close()
        np.save(self._folder / "documents.npy", np.asarray(self._documents, dtype=np.int64))
        np.save(self._folder / "sentences.npy", np.asarray(self._sentences, dtype=np.int64))


def split_sentences(text: str) -> list[str]:
    """Roughly the sentences of `text`, each with the white space that follows it: joined they give it back."""
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True) if end > start]


def for_evaluation(text: str, share: float) -> bool:
    """Whether a document is kept for the evaluation: by its own hash, so it stays there when others come or go."""
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")
    return number < share * 2**32


def build(
    documents: Iterable[str], tokenizer: Any, separator: int, folder: Path, key: str, *, evaluation_share: float
) -> tuple[Corpus, Corpus]:
    """Tokenises documents into `folder` and returns the part to train on and the part to evaluate with.

    A corpus that is there already under the same `key` is used as it is.
    """
    info = folder / INFO
    if not (info.is_file() and json.loads(info.read_text(encoding="utf-8"))["key"] == key):
        shutil.rmtree(folder, ignore_errors=True)
        wide = len(tokenizer) > 2**16
        writers = (_Writer(folder / "train", wide), _Writer(folder / "evaluation", wide))
        for text, sentences in _tokenised(documents, tokenizer):
            writers[for_evaluation(text, evaluation_share)].add(sentences, separator)
        for writer in writers:
            writer.close()
        info.write_text(json.dumps({"key": key, "wide": wide}), encoding="utf-8")
    wide = json.loads(info.read_text(encoding="utf-8"))["wide"]
    return _open(folder / "train", wide), _open(folder / "evaluation", wide)


def _open(folder: Path, wide: bool) -> Corpus:
    path = folder / "tokens.bin"
    kind = np.uint32 if wide else np.uint16
    tokens: np.ndarray = np.memmap(path, dtype=kind, mode="r") if path.stat().st_size else np.empty(0, dtype=kind)
    return Corpus(tokens, np.load(folder / "documents.npy"), np.load(folder / "sentences.npy"))


def _tokenised(documents: Iterable[str], tokenizer: Any) -> Iterator[tuple[str, list[list[int]]]]:
    iterator = iter(documents)
    while chunk := list(islice(iterator, CHUNK)):
        parts = [split_sentences(text) for text in chunk]
        flat = [part for listed in parts for part in listed]
        ids = tokenizer(flat, add_special_tokens=False, verbose=False)["input_ids"] if flat else []
        taken = iter(ids)
        for text, listed in zip(chunk, parts, strict=True):
            yield text, list(islice(taken, len(listed)))
