"""Takes duplicates out of a stream of texts, in one pass, with a few bytes of memory for each paragraph."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

SHORT_WORDS = 6  # a shorter paragraph (a heading, a greeting) may come again
SHINGLE = 5  # words
BANDS, ROWS_A_BAND = 8, 6  # texts of which about 80 % is alike share a band; of which 50 % is alike, hardly ever
PRIME = (1 << 61) - 1

_PARAGRAPHS = re.compile(r"\n\s*\n")
_NO_WORD = re.compile(r"[^\w]+")


@dataclass
class Removed:
    """What was taken out so far."""

    paragraphs: int = 0
    documents: int = 0  # that had nothing left
    near: int = 0  # documents much like an earlier one


def normalised(text: str) -> str:
    """Lower case, words only: copies that differ in signs and spaces are alike."""
    return _NO_WORD.sub(" ", text.casefold()).strip()


class Deduplicator:
    """Drops paragraphs that came before and documents much like an earlier one (MinHash; Broder 1997)."""

    def __init__(self, near: bool = True) -> None:
        self.removed = Removed()
        self._near = near
        self._paragraphs: set[bytes] = set()
        self._bands: set[bytes] = set()
        generator = np.random.default_rng(7)
        count = BANDS * ROWS_A_BAND
        self._factors = generator.integers(1, 1 << 31, count, dtype=np.uint64)
        self._offsets = generator.integers(0, 1 << 31, count, dtype=np.uint64)

    def kept(self, documents: Iterable[str]) -> Iterator[str]:
        """The documents without what came before, in their order."""
        for document in documents:
            text = self._new_paragraphs(document)
            if not text:
                self.removed.documents += 1
            elif self._near and self._seen_much_like(text):
                self.removed.near += 1
            else:
                yield text

    def _new_paragraphs(self, document: str) -> str:
        kept = []
        long_ones = 0
        for paragraph in _PARAGRAPHS.split(document):
            words = normalised(paragraph)
            if not words:
                continue
            if words.count(" ") + 1 >= SHORT_WORDS:
                digest = hashlib.blake2b(words.encode(), digest_size=8).digest()
                if digest in self._paragraphs:
                    self.removed.paragraphs += 1
                    continue
                self._paragraphs.add(digest)
                long_ones += 1
            kept.append(paragraph.strip())
        if not long_ones and len(kept) < 2:
            # A short text as a whole: it is compared as one.
            digest = hashlib.blake2b(normalised(document).encode(), digest_size=8).digest()
            if not kept or digest in self._paragraphs:
                return ""
            self._paragraphs.add(digest)
        return "\n\n".join(kept)

    def _seen_much_like(self, text: str) -> bool:
        words = normalised(text).split()
        if len(words) < 4 * SHINGLE:
            return False
        shingles = {" ".join(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)}
        hashes = np.array(
            [int.from_bytes(hashlib.blake2b(one.encode(), digest_size=4).digest(), "big") for one in shingles],
            dtype=np.uint64,
        )
        mixed = (hashes[:, None] * self._factors[None, :] + self._offsets[None, :]) % np.uint64(PRIME)
        least = mixed.min(axis=0).reshape(BANDS, ROWS_A_BAND)
        bands = [
            bytes([number]) + hashlib.blake2b(band.tobytes(), digest_size=8).digest()
            for number, band in enumerate(least)
        ]
        seen = any(band in self._bands for band in bands)
        if not seen:
            self._bands.update(bands)
        return seen
