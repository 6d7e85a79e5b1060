"""Cuts a document into passages: one a section, long sections at the ends of paragraphs, lines or sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from knowledge_base.documents.document import Block, Section
from knowledge_base.documents.pipe_tables import cells_of

CountTokens = Callable[[str], int]
Fits = Callable[[str], bool]

# Title and headings are shortened until they leave this part of the budget to the text.
TEXT_SHARE = 0.5
HEADING_CHARACTERS = 300  # the column it goes into
PATH_JOINER = " > "
LEFT_OUT = "…"

_TABLE_LINE = re.compile(r"^\s*\|")
_TABLE_RULE = re.compile(r"^\s*\|?[\s:|-]+\|?\s*$")
_LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9*\"'(\[])")


@dataclass(frozen=True)
class CutPassage:
    """A piece of a document.

    `heading` is the path of headings below the title, joined by " > ", or ""; `embedded` is what the encoder reads:
    the text in its context; `page` is the one the piece starts on.
    """

    title: str
    heading: str
    text: str
    embedded: str
    token_count: int  # of `embedded`
    page: int | None = None


def in_context(title: str, heading: str, text: str) -> str:
    """A passage's text with the title and heading it stands under."""
    return f"{title}. {heading}\n{text}" if heading else f"{title}\n{text}"


def cut(
    title: str,
    sections: Sequence[Section],
    count_tokens: CountTokens,
    max_tokens: int,
    keywords: Sequence[str] = (),
) -> list[CutPassage]:
    """Passages of a document, in its order, none longer than `max_tokens` with title and heading.

    The first one is embedded with `keywords` behind its title, as many as leave room. Every word of the sections is
    in a passage; one that is longer than the budget is cut itself.
    """
    passages: list[CutPassage] = []
    for section in sections:
        heading = shortened_path(section.path)
        lead, named = _context(title, section.path, count_tokens, max_tokens, () if passages else keywords)

        def fits(piece: str, lead: str = lead, named: str = named) -> bool:
            return count_tokens(in_context(lead, named, piece)) <= max_tokens

        for text, page in _pieces(section.blocks, fits):
            embedded = in_context(lead, named, text)
            passages.append(CutPassage(title, heading, text, embedded, count_tokens(embedded), page))
            # The keywords stand with one passage only; without them the rest fits all the more.
            lead = _context(title, section.path, count_tokens, max_tokens, ())[0] if len(passages) == 1 else lead
    return passages


def shortened_path(path: Sequence[str]) -> str:
    """The headings joined, without the outermost ones where all are too long for their column."""
    for left_out in range(len(path)):
        joined = PATH_JOINER.join([LEFT_OUT, *path[left_out:]] if left_out else path)
        if len(joined) <= HEADING_CHARACTERS:
            return joined
    return path[-1][: HEADING_CHARACTERS - len(LEFT_OUT)] + LEFT_OUT if path else ""


def _context(
    title: str, path: Sequence[str], count_tokens: CountTokens, max_tokens: int, keywords: Sequence[str]
) -> tuple[str, str]:
    """Title and heading as the encoder reads them, shortened until the text has its share of the budget."""
    most = int(max_tokens * (1 - TEXT_SHARE))
    for kept in range(len(keywords), 0, -1):
        lead = f"{title} ({', '.join(keywords[:kept])})"
        if count_tokens(in_context(lead, shortened_path(path), "")) <= most:
            return lead, shortened_path(path)
    for first in range(len(path)):
        heading = shortened_path(path[first:])
        if count_tokens(in_context(title, heading, "")) <= most:
            return title, heading
    words = title.split()
    while len(words) > 1 and count_tokens(in_context(" ".join(words), "", "")) > most:
        words.pop()
    lead = " ".join(words)
    while len(lead) > 1 and count_tokens(in_context(lead, "", "")) > most:
        lead = lead[: len(lead) // 2]
    return lead, ""


def _pieces(blocks: Sequence[Block], fits: Fits) -> list[tuple[str, int | None]]:
    """Text and page: the section whole if it fits, otherwise its blocks packed into as few pieces as fit."""
    whole = "\n\n".join(block.text for block in blocks)
    if not whole.strip():
        return []
    if fits(whole):
        return [(whole, blocks[0].page)]
    pieces: list[tuple[str, int | None]] = []
    for block in blocks:
        for paragraph in re.split(r"\n\s*\n", block.text):
            for part, joiner in _parts(paragraph.strip("\n"), fits):
                if pieces and fits(f"{pieces[-1][0]}{joiner}{part}"):
                    pieces[-1] = (f"{pieces[-1][0]}{joiner}{part}", pieces[-1][1])
                else:
                    pieces.append((part, block.page))
    return pieces


def _parts(block: str, fits: Fits) -> list[tuple[str, str]]:
    """A block in parts that fit, each with what joins it to the part before."""
    if not block.strip():
        return []
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


def _table_parts(header: list[str], rows: list[str], fits: Fits) -> list[str]:
    """Tables of as many rows as fit, each under the header; a row too long for one is told column by column."""
    parts: list[str] = []
    table: list[str] = []
    for row in rows:
        if table and fits("\n".join([*header, *table, row])):
            table.append(row)
            continue
        if table:
            parts.append("\n".join([*header, *table]))
        table = []
        if fits("\n".join([*header, row])):
            table = [row]
        else:
            parts.extend(_row_parts(header[0], row, fits))
    if table:
        parts.append("\n".join([*header, *table]))
    return parts


def _row_parts(header: str, row: str, fits: Fits) -> list[str]:
    """A row's cells, each behind the name of its column; every part begins with the row's first cell."""
    names, cells = cells_of(header), cells_of(row)
    names += [""] * (len(cells) - len(names))
    told = [f"{name}: {cell}" if name else cell for name, cell in zip(names, cells, strict=False) if cell]
    first, rest = (told or [""])[0], told[1:]
    under_first = _packed(rest, lambda part: fits(f"{first}\n{part}")) if fits(f"{first}\n{LEFT_OUT}") else []
    if under_first and all(fits(f"{first}\n{part}") for part in under_first):
        return [f"{first}\n{part}" for part in under_first]
    return _packed([first, *rest], fits)


def _packed(lines: Iterable[str], fits: Fits) -> list[str]:
    """Lines put together as long as they fit; one that is too long is cut."""
    packed: list[str] = []
    for line in lines:
        for part in [line] if fits(line) else _sentence_parts(line, fits):
            if packed and fits(f"{packed[-1]}\n{part}"):
                packed[-1] = f"{packed[-1]}\n{part}"
            else:
                packed.append(part)
    return packed


def _list_items(lines: list[str]) -> list[str]:
    items: list[str] = []
    for line in lines:
        if items and not _LIST_ITEM.match(line):
            items[-1] = f"{items[-1]}\n{line}"
        else:
            items.append(line)
    return items


def _sentence_parts(text: str, fits: Fits) -> list[str]:
    """Sentences, words where a sentence alone is too long, and parts of a word that is."""
    parts: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        if fits(sentence):
            parts.append(sentence)
            continue
        piece = ""
        for word in (part for whole in sentence.split() for part in _word_parts(whole, fits)):
            longer = f"{piece} {word}".strip()
            if piece and not fits(longer):
                parts.append(piece)
                piece = word
            else:
                piece = longer
        parts.append(piece)
    return [part for part in parts if part.strip()]


def _word_parts(word: str, fits: Fits) -> list[str]:
    if len(word) == 1 or fits(word):
        return [word]
    half = len(word) // 2
    return [*_word_parts(word[:half], fits), *_word_parts(word[half:], fits)]
