"""Cuts streamed text into sentences, the same whatever the pieces it comes in."""

from __future__ import annotations

import re

CITATION = re.compile(r"\[\s*\d{1,3}(?:\s*[,;]\s*\d{1,3})*\s*\]")
LONGEST = 1200  # characters; a "sentence" without an end is cut at a space before this
_CITATION_START = re.compile(r"\[[\s\d,;]*\Z")
_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=[\s\[]|\Z)|\n")
_LIST_LINE = re.compile(r"\s*(?:[-*•–]|\(?\d{1,2}[.)])(?:[ \t]|\Z)")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“‘])(?:e\.g|i\.e|eg|ie|mr|mrs|ms|dr|st|prof|approx|vs|fig|cf|incl|excl|tel|ext|ltd|inc|co|[a-z])\Z",
    re.IGNORECASE,
)
# "no. 1043" is a number, "the answer is no. You ..." is an end.
_BEFORE_NUMBER = re.compile(r"(?:^|\s)(?:no|nos|min|max|p|pp|art|sec)\Z", re.IGNORECASE)
_ENDS_A_SENTENCE_TOO = re.compile(r"(?:^|\s)(?:ltd|inc|co|i)\Z", re.IGNORECASE)


class SentenceSplitter:
    """Takes text piece by piece and gives each sentence as soon as it is certain where it ends.

    Joints and sentences together are the text, but for white space at its end. An end of sentence needs the first
    character of what follows, or `finish`. Marks such as `[1]` after the full stop belong to the sentence before.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> list[tuple[str, str]]:
        """Adds `text`; returns the (joint, sentence) pairs that it completes. A joint is the space before."""
        self._held += text
        return self._cut(final=False)

    def finish(self) -> list[tuple[str, str]]:
        """The sentences that are left, at the end of the text."""
        found = self._cut(final=True)
        self._held = ""
        return found

    def _cut(self, *, final: bool) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        while True:
            body = self._held.lstrip()
            joint = self._held[: len(self._held) - len(body)]
            end = _sentence_end(body, final=final)
            if end is None:
                return found
            found.append((joint, body[:end].rstrip()))
            self._held = body[end - (len(body[:end]) - len(body[:end].rstrip())) :]


def split_sentences(text: str) -> list[str]:
    """The sentences of a whole text."""
    splitter = SentenceSplitter()
    return [sentence for _, sentence in [*splitter.feed(text), *splitter.finish()]]


def _sentence_end(body: str, *, final: bool) -> int | None:
    """Where the first sentence of `body` ends, marks included; None while more text may move it."""
    if not body:
        return None
    if not final and len(body) < 4 and "\n" not in body:
        return None  # it may yet become a list line
    in_list = _LIST_LINE.match(body) is not None
    for match in _END.finditer(body):
        if match.start() > LONGEST:
            break
        new_line = match.group() == "\n"
        if in_list and not new_line:
            continue
        if not new_line and match.end() == len(body) and not final:
            return None  # more full stops or closing quotes may follow
        end, following = _after_marks(body, match.end())
        if following >= len(body):
            if not final:
                return None
            return end
        if not final and _CITATION_START.match(body[following:]):
            return None
        if new_line or _ends(body, match, following):
            return end
    if len(body) > LONGEST + 1:
        space = body.rfind(" ", 1, LONGEST)
        return space if space > 0 else LONGEST
    return len(body) if final else None


def _after_marks(body: str, position: int) -> tuple[int, int]:
    """The end of the marks after `position`, and the start of what follows them and the space."""
    end = position
    while True:
        start = position
        while start < len(body) and body[start].isspace():
            start += 1
        mark = CITATION.match(body, start)
        if mark is None:
            return end, start
        end = position = mark.end()
        while position < len(body) and body[position] in ".!?":
            position += 1
            end = position


def _ends(body: str, match: re.Match[str], following: int) -> bool:
    """Whether the full stop, or what stands for it, at `match` ends a sentence, given the character that follows."""
    if not match.group().startswith("."):
        return True
    before, after = body[: match.start()], body[following]
    marked = "[" in body[match.end() : following]
    if _BEFORE_NUMBER.search(before) and after.isdigit():
        return False
    if _ABBREVIATION.search(before) and match.group() == ".":
        return bool(_ENDS_A_SENTENCE_TOO.search(before)) and after.isupper()
    return marked or not after.islower()
