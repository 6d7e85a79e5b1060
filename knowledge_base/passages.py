"""Cuts an article into passages: one a section, long sections at the ends of paragraphs, lines or sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

CountTokens = Callable[[str], int]

# Under this many tokens left beside title and heading a passage could hold nothing.
SMALLEST_ROOM_TOKENS = 32

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_TABLE_LINE = re.compile(r"^\s*\|")
_TABLE_RULE = re.compile(r"^\s*\|?[\s:|-]+\|?\s*$")
_LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9*\"'(\[])")


@dataclass(frozen=True)
class CutPassage:
    """A piece of an article. `heading` is the path of headings below the title, joined by " > ", or ""."""

    title: str
    heading: str
    text: str
    token_count: int  # of `embedded`

    @property
    def embedded(self) -> str:
        """What the encoder reads: the text in its context."""
        return in_context(self.title, self.heading, self.text)


def in_context(title: str, heading: str, text: str) -> str:
    """A passage's text with the title and heading it stands under."""
    return f"{title}. {heading}\n{text}" if heading else f"{title}\n{text}"


def cut(title: str, body: str, count_tokens: CountTokens, max_tokens: int) -> list[CutPassage]:
    """Passages of an article, in its order, none longer than `max_tokens` with title and heading.

    Only a single word that is longer than the budget is left longer. Raises ValueError where title and heading leave
    no room for text.
    """
    passages = []
    for heading, text in _sections(body):
        room = max_tokens - count_tokens(in_context(title, heading, ""))
        if room < SMALLEST_ROOM_TOKENS:
            raise ValueError(f"title and heading leave {room} of {max_tokens} tokens: {title} > {heading}")

        def fits(piece: str, heading: str = heading) -> bool:
            return count_tokens(in_context(title, heading, piece)) <= max_tokens

        for piece in _pieces(text, fits):
            tokens = count_tokens(in_context(title, heading, piece))
            passages.append(CutPassage(title=title, heading=heading, text=piece, token_count=tokens))
    return passages


def _sections(body: str) -> Iterable[tuple[str, str]]:
    """Heading path and text of each section; a section without text gives nothing."""
    path: list[tuple[int, str]] = []
    lines: list[str] = []
    fenced = False
    for line in body.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        match = None if fenced else _HEADING.match(line)
        if match is None:
            lines.append(line)
            continue
        if text := "\n".join(lines).strip():
            yield _path(path), text
        lines = []
        level = len(match.group(1))
        path = [(depth, name) for depth, name in path if depth < level]
        path.append((level, match.group(2)))
    if text := "\n".join(lines).strip():
        yield _path(path), text


def _path(path: list[tuple[int, str]]) -> str:
    return " > ".join(name for _level, name in path)


def _pieces(text: str, fits: Callable[[str], bool]) -> list[str]:
    """`text` whole if it fits, otherwise its blocks packed into as few pieces as fit."""
    if fits(text):
        return [text]
    pieces: list[str] = []
    for block in re.split(r"\n\s*\n", text):
        for part, joiner in _parts(block.strip("\n"), fits):
            if pieces and fits(f"{pieces[-1]}{joiner}{part}"):
                pieces[-1] = f"{pieces[-1]}{joiner}{part}"
            else:
                pieces.append(part)
    return pieces


def _parts(block: str, fits: Callable[[str], bool]) -> list[tuple[str, str]]:
    """A block in parts that fit, each with what joins it to the part before."""
    if fits(block):
        return [(block, "\n\n")]
    lines = block.splitlines()
    if len(lines) > 2 and _TABLE_LINE.match(lines[0]) and _TABLE_RULE.match(lines[1]):
        return [(rows, "\n\n") for rows in _table_parts(lines[:2], lines[2:], fits)]
    if len(lines) > 1 and any(_LIST_ITEM.match(line) for line in lines):
        items = _list_items(lines)
        if len(items) > 1:
            return _first_joined(
                [(part, "\n") for item in items for part in ([item] if fits(item) else _sentence_parts(item, fits))]
            )
    return _first_joined([(part, " ") for part in _sentence_parts(" ".join(lines), fits)])


def _first_joined(parts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The first part of a block follows a blank line, whatever stands between the parts."""
    return [(part, "\n\n" if position == 0 else joiner) for position, (part, joiner) in enumerate(parts)]


def _table_parts(header: list[str], rows: list[str], fits: Callable[[str], bool]) -> list[str]:
    """Tables of as many rows as fit, each under the header."""
    parts: list[list[str]] = []
    for row in rows:
        if parts and fits("\n".join([*header, *parts[-1], row])):
            parts[-1].append(row)
        else:
            parts.append([row])
    return ["\n".join([*header, *part]) for part in parts]


def _list_items(lines: list[str]) -> list[str]:
    items: list[str] = []
    for line in lines:
        if items and not _LIST_ITEM.match(line):
            items[-1] = f"{items[-1]}\n{line}"
        else:
            items.append(line)
    return items


def _sentence_parts(text: str, fits: Callable[[str], bool]) -> list[str]:
    """Sentences, and words where a sentence alone is too long."""
    parts: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        if fits(sentence):
            parts.append(sentence)
            continue
        piece = ""
        for word in sentence.split():
            longer = f"{piece} {word}".strip()
            if piece and not fits(longer):
                parts.append(piece)
                piece = word
            else:
                piece = longer
        parts.append(piece)
    return [part for part in parts if part.strip()]
