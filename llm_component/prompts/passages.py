"""Passages in pieces: which sentences stay, in which order they are given up, and how the rest is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llm_component.checks.sentences import SentenceSplitter
from llm_component.prompts.hygiene import data
from llm_component.prompts.templates import NumberedPassage, passage_title
from llm_component.protocol import Passage

GAP = " … "
_FEED = 1000  # characters given to the splitter at once; it copies what it holds at every sentence


@dataclass(frozen=True)
class _Piece:
    """A sentence of a passage. `passage` counts from 0, `place` is its place in the passage."""

    passage: int
    place: int
    text: str  # with what stands before it, its joint


class PassagePieces:
    """All sentences of a request's passages in the order of their worth: best passage first, its quote before the rest.

    `kept(n)` are the passages with the best `n` sentences, in reading order and under the numbers of the request, so
    that more sentences never take one away.
    """

    def __init__(self, passages: Sequence[Passage], most_characters: int) -> None:
        self._titles = [passage_title(passage.title, passage.heading) for passage in passages]
        self._lengths: list[int] = []
        self._pieces: list[_Piece] = []
        for index, passage in enumerate(passages):
            text, quote = data(passage.text), data(passage.quote)
            whole = _sentences(index, text or quote)
            self._lengths.append(len(whole))
            start = text.find(quote) if quote else -1
            self._pieces += _quoted_first(whole, start, start + len(quote)) if start >= 0 else whole
        room = most_characters
        for kept, piece in enumerate(self._pieces):
            room -= len(piece.text)
            if room < 0:
                del self._pieces[kept:]
                break

    def __len__(self) -> int:
        return len(self._pieces)

    def kept(self, pieces: int) -> list[NumberedPassage]:
        """The passages that the best `pieces` sentences make up."""
        chosen: dict[int, list[_Piece]] = {}
        for piece in self._pieces[:pieces]:
            chosen.setdefault(piece.passage, []).append(piece)
        return [
            NumberedPassage(index + 1, self._titles[index], self._text(index, sorted(found, key=lambda p: p.place)))
            for index, found in sorted(chosen.items())
        ]

    def _text(self, index: int, pieces: Sequence[_Piece]) -> str:
        parts: list[str] = []
        expected = 0
        for piece in pieces:
            parts.append(piece.text if piece.place == expected else GAP + piece.text.lstrip())
            expected = piece.place + 1
        if expected < self._lengths[index]:
            parts.append(GAP.rstrip())
        return "".join(parts).strip()


def _sentences(index: int, text: str) -> list[_Piece]:
    splitter = SentenceSplitter()
    cut = [pair for at in range(0, len(text), _FEED) for pair in splitter.feed(text[at : at + _FEED])]
    cut += splitter.finish()
    return [_Piece(index, place, joint + sentence) for place, (joint, sentence) in enumerate(cut)]


def _quoted_first(pieces: list[_Piece], start: int, end: int) -> list[_Piece]:
    """The pieces that overlap the characters `start` to `end` of their passage, then the others."""
    inside: list[_Piece] = []
    outside: list[_Piece] = []
    position = 0
    for piece in pieces:
        following = position + len(piece.text)
        (inside if position < end and following > start else outside).append(piece)
        position = following
    return inside + outside
