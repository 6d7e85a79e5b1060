"""Where an English message may be cut: before a conjunction that begins a new request, and at the end of a sentence.

Only words and signs are read here. Whether a cut is made is decided by what its sides mean (`judging.py`).
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Iterator, List, Sequence, Tuple

# A message with more places than this is a letter; cutting it into pieces would answer half-sentences.
MOST_CUTS = 4

_ADDING = r"(?:and|also|plus|btw|by the way|oh and|additionally|&)"
# A sentence's end with a space after it; "no. 1043", "e.g. a kettle" and "3. Station Road" end none.
_SENTENCE_END = re.compile(
    r"(?<!\bno)(?<!\bnr)(?<!\bvs)(?<!\be\.g)(?<!\bi\.e)(?<!\bmr)(?<!\bmrs)[.!?;]+[)\"'”’]*\s+|\n+", re.I
)
# "No, compare ..." and "by the way, how ..." begin with a comma that joins; "1043, when ..." does not.
_COMMA = re.compile(r",\s+")
_LEAD_IN = re.compile(r"(?:^|[.!?;]\s+)(?:[^\W\d]+(?:['’][^\W\d]+)?\s*){1,3}$")
_CONJUNCTION = re.compile(rf"[,;]?\s+(?={_ADDING}(?!\w)\s*\S)", re.I)
_QUOTED = re.compile(r"\"[^\"]+\"|“[^”]+”|(?<!\w)['‘][^'’]{3,}?['’](?!\w)")
# What joins a part to the one before and says nothing of its own.
_JOINT = re.compile(rf"^(?:{_ADDING}|then|so|oh|ok|okay|well|now)(?!\w)[,:]?\s*|^[-–,.;:\s]+", re.I)
_ADDED = re.compile(r"^\W*(?:(?:and|oh|so|then|but)\W+)*(?:also|plus|btw|by the way|additionally)\b", re.I)
_LOOSE_END = re.compile(r"[\s,;:–-]+$")

_POLITE = r"(?:(?:please|pls|plz|kindly|hi|hello|hey|sorry|just|then|now|also|first|quickly)[,!]?\s+)*"
_QUESTION = re.compile(
    rf"^{_POLITE}(?:(?:until|till|at|in|for|from|to|by|since) )?(?:how|what|what's|whats|when|when's|where|where's"
    r"|wheres|why|which|who|whose|can|could|do|does|did|is|are|will|would|should|may|has|have you|am i|was|were)\b"
    r"(?!['’]?t\b)",
    re.I,
)
_WISH = re.compile(
    rf"^{_POLITE}(?:(?:i|we)\s+(?:(?:also|just|really|still)\s+)?(?:want|wanna|need|would like|have to|wish)\b"
    r"|(?:i|we)['’]?d\s+(?:(?:also|just|really)\s+)?(?:like|love)\b"
    r"|(?:i['’]?m|i am|we['’]?re|we are)?\s*(?:looking for|wondering)\b|let me\b|let['’]?s\b)",
    re.I,
)
_ORDER = re.compile(
    rf"^{_POLITE}(?:cancel|return|send|exchange|swap|replace|change|update|track|find|check|show|tell|give|get|list"
    r"|delete|remove|close|reset|unlock|unsubscribe|subscribe|sign me|take (?:me|my)|stop|compare|recommend|suggest"
    r"|refund|report|connect|put me|transfer|explain|help|resend|email|mail|call|ring|book|arrange|register|redirect"
    r"|deliver|look)\b",
    re.I,
)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Segment:
    """A piece between two neighbouring cuts: `text[start:end]` without what joins it to the others.

    `asks`: it begins like a request. `added`: it comes after "also", "plus" and the like, which say that it is another
    matter.
    """

    start: int
    end: int
    asks: bool
    added: bool


def is_question(text: str) -> bool:
    """Whether the words are a question, with or without its mark."""
    return text.rstrip().endswith("?") or bool(_QUESTION.match(text))


def is_instruction(text: str) -> bool:
    """Whether the text begins with an order ("deliver before noon"), which may belong to what was said before."""
    return bool(_ORDER.match(text))


def begins_request(text: str) -> bool:
    """Whether the text begins like a question, an order ("cancel ...") or a wish ("I'd like ...")."""
    return any(pattern.match(text) for pattern in (_QUESTION, _WISH, _ORDER))


def segments(text: str) -> List[Segment]:
    """The pieces of a message between all its possible cuts, in order; one piece if there is none, or too many.

    A conjunction or a comma is a possible cut only where a request begins after it, so that "Anna and Tom" and "the red
    and the blue one" stay whole. Nothing is cut within quotation marks.
    """
    cuts = _cuts(text)
    if len(cuts) > MOST_CUTS:
        cuts = []
    borders = [0, *cuts, len(text)]
    pieces = [_trimmed(text, start, end) for start, end in itertools.pairwise(borders)]
    return [piece for piece in pieces if _WORD.search(text[piece.start : piece.end])]


def _cuts(text: str) -> List[int]:
    """Positions at which a right side begins, its conjunction included."""
    quoted = [match.span() for match in _QUOTED.finditer(text)]

    def free(position: int) -> bool:
        return not any(start < position < end for start, end in quoted)

    sentences = [match.end() for match in _SENTENCE_END.finditer(text) if match.end() < len(text)]
    joined = [
        match.end()
        for pattern in (_CONJUNCTION, _COMMA)
        for match in pattern.finditer(text)
        if begins_request(_without_joint(text[match.end() :]))
        and not (pattern is _COMMA and _LEAD_IN.search(text[: match.start()]))
    ]
    return sorted({position for position in (*sentences, *joined) if free(position)})


def _without_joint(text: str) -> str:
    """The text without conjunctions and fillers before its first word of weight."""
    while (match := _JOINT.match(text)) and match.end():
        text = text[match.end() :]
    return text


def _trimmed(text: str, start: int, end: int) -> Segment:
    piece = text[start:end]
    kept = _without_joint(piece) if start else piece.lstrip()
    began = end - len(kept)
    said = _LOOSE_END.sub("", kept)
    return Segment(began, began + len(said), begins_request(said), bool(_ADDED.match(piece)))


def runs(pieces: Sequence[Segment]) -> Iterator[Tuple[int, int]]:
    """Index pairs `(first, last)` of all neighbouring pieces, the whole message among them."""
    for first in range(len(pieces)):
        for last in range(first, len(pieces)):
            yield first, last


def divisions(count: int) -> Iterator[List[Tuple[int, int]]]:
    """All ways to divide `count` pieces into two or more parts, each as index pairs `(first, last)`."""
    for chosen in range(1, 1 << max(count - 1, 0)):
        borders = [0, *(place for place in range(1, count) if chosen >> (place - 1) & 1), count]
        yield [(start, end - 1) for start, end in itertools.pairwise(borders)]
