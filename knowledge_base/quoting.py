"""Picks the sentences of a passage that answer a question, word for word."""

from __future__ import annotations

import re

from knowledge_base.encoder import Encoder

# Sentences quoted at most, and how far below the best a neighbour may be and still belong to the answer.
MOST_SENTENCES = 3
NEAR_THE_BEST = 0.15
# A list or a table is quoted whole up to this many characters: half a list of steps is worse than none.
LONGEST_BLOCK = 700

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(])")
_LIST_LINE = re.compile(r"^\s*(?:[-*]|\d+\.|\|)\s?")


def sentences(text: str) -> list[str]:
    """Sentences of a passage in order; a list or table, with the line that introduces it, counts as one."""
    units: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        if any(_LIST_LINE.match(line) for line in lines):
            whole = block.strip()
            if units and units[-1].endswith(":"):
                whole = f"{units.pop()}\n{whole}"
            units.append(whole)
        else:
            units.extend(part.strip() for part in _SENTENCE_END.split(" ".join(lines)) if part.strip())
    return units


def quote(question: str, passage: str, encoder: Encoder) -> str:
    """The best sentence of `passage` for `question` with the neighbours that are nearly as good, in their order."""
    units = sentences(passage)
    if not units:
        return passage.strip()
    vectors = encoder.encode([question, *units])
    scores = vectors[1:] @ vectors[0]
    best = int(scores.argmax())
    first = last = best
    while last - first + 1 < MOST_SENTENCES:
        before = scores[first - 1] if first > 0 else -1.0
        after = scores[last + 1] if last + 1 < len(units) else -1.0
        if max(before, after) < scores[best] - NEAR_THE_BEST:
            break
        if before > after:
            first -= 1
        else:
            last += 1
    chosen = units[first : last + 1]
    while len(chosen) > 1 and sum(map(len, chosen)) > LONGEST_BLOCK:
        chosen.pop(0 if chosen[0] != units[best] else -1)
    lists = any("\n" in unit for unit in chosen)
    return ("\n\n" if lists else " ").join(chosen)
